import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { usePositions } from '../../api/queries/trading';
import type { Account, Holding, Positions } from '../../api/types';
import { WithAccount } from '../../components/layout/account';
import { Badge } from '../../components/ui/badge';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { Empty, Note, QueryView } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Money, Price, Shares, When } from '../../components/ui/value';
import { HoldingDialog, RemoveHoldingDialog } from './HoldingDialogs';
import { PositionTable } from './PositionTable';

export function PositionsPage() {
  return <WithAccount>{(account) => <PositionsOf key={account.id} account={account} />}</WithAccount>;
}

type Asked = { what: 'edit' | 'remove'; holding: Holding } | { what: 'new' | 'new-reserve' } | null;

function PositionsOf({ account }: { account: Account }) {
  const { t } = useTranslation();
  const query = usePositions(account.id);
  const [asked, setAsked] = useState<Asked>(null);
  const close = () => setAsked(null);
  return (
    <>
      <PageHead title={t('nav.positions')} sub={account.name}>
        {account.environment === 'own' ? (
          <ButtonLink to={`/ticket?account=${account.id}`} tone="primary">
            {t('nav.ticket')}
          </ButtonLink>
        ) : (
          <>
            <Button onClick={() => setAsked({ what: 'new-reserve' })} data-testid="reserve-add">
              {t('correction.addReserve')}
            </Button>
            <Button onClick={() => setAsked({ what: 'new' })} data-testid="holding-add">
              {t('correction.addHolding')}
            </Button>
          </>
        )}
      </PageHead>
      <QueryView
        query={query}
        isEmpty={(data) => data.items.length === 0 && data.holdings.length === 0}
        empty={
          <Empty title={t('positions.none')}>
            {t(account.environment === 'own' ? 'positions.noneTextOwn' : 'positions.noneText')}
          </Empty>
        }
      >
        {(data) => <Tables account={account} data={data} onAsk={setAsked} />}
      </QueryView>
      {asked?.what === 'edit' && <HoldingDialog account={account} holding={asked.holding} onClose={close} />}
      {asked?.what === 'new' && <HoldingDialog account={account} onClose={close} />}
      {asked?.what === 'new-reserve' && <HoldingDialog account={account} reserve onClose={close} />}
      {asked?.what === 'remove' && <RemoveHoldingDialog account={account} holding={asked.holding} onClose={close} />}
    </>
  );
}

function Tables({ account, data, onAsk }: { account: Account; data: Positions; onAsk: (asked: Asked) => void }) {
  const { t } = useTranslation();
  const orphans = data.holdings.filter((holding) => holding.orphan);
  return (
    <div className="space-y-4">
      {orphans.length > 0 && (
        <Note tone="warning" testId="orphans-note">
          {t('positions.orphansText', { names: orphans.map((item) => item.name).join(', ') })}
        </Note>
      )}
      {account.environment !== 'own' && (
        <Card title={t('positions.holdings')}>
          <DataTable
            label={t('positions.holdings')}
            rows={[...data.holdings].sort((a, b) => Number(a.reserve) - Number(b.reserve))}
            rowKey={(holding) => holding.id}
            rowTestId="holding-row"
            columns={[
              {
                id: 'name',
                header: t('orders.bot'),
                lead: true,
                cell: (holding) => (
                  <span className="inline-flex flex-wrap items-center gap-1.5">
                    {holding.bot_id ? (
                      <Link to={`/bots/${holding.bot_id}`} className="font-semibold hover:underline">
                        {holding.name}
                      </Link>
                    ) : (
                      <strong>{holding.name}</strong>
                    )}
                    <span className="text-muted">{holding.symbol}</span>
                    {holding.reserve && <Badge>{t('positions.reserve')}</Badge>}
                    {holding.orphan && <Badge tone="amber">{t('positions.orphan')}</Badge>}
                  </span>
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
                cell: (row) => <Price value={row.average_price} />,
              },
              { id: 'total', header: t('bots.invested'), right: true, cell: (row) => <Money value={row.total} /> },
              { id: 'cycle', header: t('bots.cycleStart'), cell: (row) => <When at={row.cycle_start} long /> },
              {
                id: 'last',
                header: t('positions.last'),
                cell: (row) => (
                  <>
                    {t(`kind.${row.last_kind}`)} <When at={row.last_trade_at} />
                  </>
                ),
              },
              {
                id: 'actions',
                header: t('common.actions'),
                buttons: true,
                cell: (holding) => (
                  <span className="inline-flex gap-1">
                    <Button
                      tone="quiet"
                      className="min-h-8 px-2 py-0"
                      data-testid="holding-edit"
                      onClick={() => onAsk({ what: 'edit', holding })}
                    >
                      {t('correction.edit')}
                    </Button>
                    <Button
                      tone="quiet"
                      className="min-h-8 px-2 py-0"
                      data-testid="holding-remove"
                      onClick={() => onAsk({ what: 'remove', holding })}
                    >
                      {t('common.delete')}
                    </Button>
                  </span>
                ),
              },
            ]}
          />
        </Card>
      )}
      <Card title={t('positions.account')}>
        <p className="text-muted -mt-2 mb-2 text-xs">{t('positions.accountText')}</p>
        {data.items.length === 0 ? (
          <p className="text-muted text-sm">{t('common.none')}</p>
        ) : (
          <PositionTable account={account} positions={data.items} />
        )}
      </Card>
    </div>
  );
}
