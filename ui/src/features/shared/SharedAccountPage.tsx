import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import {
  useReceivedGrants,
  useSharedAccount,
  useSharedOrders,
  useSharedPositions,
  useStopShared,
} from '../../api/queries/sharing';
import type { ReceivedGrant, SharedAccount } from '../../api/types';
import { Badge, EnvironmentBadge, SideBadge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts, PageHead } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { Empty, Note, QueryView } from '../../components/ui/feedback';
import { InstrumentName } from '../../components/ui/instrument';
import { DataTable } from '../../components/ui/table';
import { Change, Missing, Money, Price, Shares, When } from '../../components/ui/value';
import { currencyOf } from '../../lib/format';
import { OrderStateBadge } from '../orders';
import { SharedBots } from './SharedBots';

/** Somebody else's account, as far as the grant goes. */
export function SharedAccountPage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const query = useReceivedGrants();
  return (
    <QueryView query={query}>
      {(data) => {
        const grant = data.items.find((item) => item.id === id);
        return grant ? (
          <Shared key={grant.id} grant={grant} />
        ) : (
          <Empty page title={t('shared.gone')}>
            {t('shared.goneText')}
          </Empty>
        );
      }}
    </QueryView>
  );
}

function Shared({ grant }: { grant: ReceivedGrant }) {
  const { t } = useTranslation();
  const sees = grant.kind !== 'emergency_stop';
  const account = useSharedAccount(grant.id, sees);
  return (
    <>
      <PageHead
        title={grant.account}
        sub={
          <>
            {t('shared.of', { owner: grant.owner })} · {t(`grantKind.${grant.kind}`)} · {t('access.until')}{' '}
            <When at={grant.until} long />
          </>
        }
      >
        {grant.kind === 'emergency_stop' && <StopButton grant={grant} />}
      </PageHead>
      {sees ? (
        <div className="space-y-4">
          <QueryView query={account} rows={1}>
            {(data) => <Overview account={data} />}
          </QueryView>
          <Positions grant={grant.id} />
          <SharedBots grant={grant} accountId={account.data?.account_id} />
          <Orders grant={grant.id} />
        </div>
      ) : (
        <Note>{t('shared.stopOnly')}</Note>
      )}
    </>
  );
}

function StopButton({ grant }: { grant: ReceivedGrant }) {
  const { t } = useTranslation();
  const stop = useStopShared(grant.id);
  const [asking, setAsking] = useState(false);
  return (
    <>
      {stop.data?.halted && <Badge tone="red">{t('killSwitch.on')}</Badge>}
      <Button tone="danger" onClick={() => setAsking(true)} data-testid="shared-stop">
        {t('shared.stop')}
      </Button>
      {asking && (
        <ConfirmDialog
          open
          onClose={() => setAsking(false)}
          title={t('shared.stopTitle', { account: grant.account })}
          confirmLabel={t('shared.stop')}
          busy={stop.isPending}
          error={stop.error}
          testId="shared-stop-dialog"
          onConfirm={() => stop.mutate(undefined, { onSuccess: () => setAsking(false) })}
        >
          <Note tone="error">{t('shared.stopText', { owner: grant.owner })}</Note>
        </ConfirmDialog>
      )}
    </>
  );
}

function Overview({ account }: { account: SharedAccount }) {
  const { t } = useTranslation();
  return (
    <Card title={t('shared.overview')} testId="shared-overview">
      <div className="mb-3 flex flex-wrap gap-2">
        <EnvironmentBadge environment={account.environment} />
        <Badge tone={account.mode === 'trading' ? 'green' : 'grey'}>{t(`mode.${account.mode}`)}</Badge>
        {account.halted && <Badge tone="red">{t('killSwitch.on')}</Badge>}
      </div>
      <Facts
        columns={4}
        items={account.balance.cash.map((cash) => ({
          label: t('shared.cash', { currency: cash.currency }),
          value:
            (cash.at_broker ?? cash.booked) === null ? (
              <Missing />
            ) : (
              <Money value={cash.at_broker ?? cash.booked} currency={cash.currency === 'KRW' ? 'KRW' : 'USD'} />
            ),
        }))}
      />
    </Card>
  );
}

function Positions({ grant }: { grant: string }) {
  const { t } = useTranslation();
  const query = useSharedPositions(grant);
  return (
    <Card title={t('nav.positions')} testId="shared-positions">
      <QueryView
        query={query}
        rows={1}
        isEmpty={(data) => data.items.length === 0}
        empty={<Empty title={t('positions.none')} />}
      >
        {(data) => (
          <DataTable
            label={t('nav.positions')}
            rows={data.items}
            rowKey={(row) => `${row.market} ${row.symbol}`}
            columns={[
              {
                id: 'symbol',
                header: t('common.symbol'),
                lead: true,
                cell: (row) => (
                  <>
                    <strong>{row.symbol}</strong> <InstrumentName market={row.market} symbol={row.symbol} />
                  </>
                ),
              },
              {
                id: 'quantity',
                header: t('bots.quantity'),
                right: true,
                cell: (row) => <Shares value={row.quantity} />,
              },
              {
                id: 'average',
                header: t('bots.average'),
                right: true,
                cell: (row) => <Price value={row.average_price} currency={currencyOf(row.market)} />,
              },
              {
                id: 'realised',
                header: t('positions.realised'),
                right: true,
                cell: (row) => <Change value={row.realised} as={currencyOf(row.market)} />,
              },
            ]}
          />
        )}
      </QueryView>
    </Card>
  );
}

function Orders({ grant }: { grant: string }) {
  const { t } = useTranslation();
  const query = useSharedOrders(grant);
  return (
    <Card title={t('nav.orders')} testId="shared-orders">
      <QueryView
        query={query}
        rows={1}
        isEmpty={(data) => data.items.length === 0}
        empty={<Empty title={t('shared.noOrders')} />}
      >
        {(data) => (
          <DataTable
            label={t('nav.orders')}
            rows={data.items}
            rowKey={(order) => order.id}
            columns={[
              {
                id: 'what',
                header: t('orders.order'),
                lead: true,
                cell: (order) => (
                  <span className="inline-flex flex-wrap items-center gap-1.5">
                    <SideBadge side={order.side} />
                    <strong>{order.symbol}</strong>
                    <span className="text-muted">{order.bot_name}</span>
                  </span>
                ),
              },
              { id: 'state', header: t('orders.state'), cell: (order) => <OrderStateBadge order={order} /> },
              {
                id: 'quantity',
                header: t('orders.quantity'),
                right: true,
                cell: (order) => <Shares value={order.quantity} />,
              },
              { id: 'at', header: t('orders.at'), cell: (order) => <When at={order.created_at} /> },
            ]}
          />
        )}
      </QueryView>
    </Card>
  );
}
