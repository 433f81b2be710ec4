import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { isOpen, useCancelAll, useOrders, useSheets } from '../../api/queries/trading';
import type { Account } from '../../api/types';
import { useCurrentAccount, WithAccount } from '../../components/layout/account';
import { isWithoutBots } from '../../components/layout/twin';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { Empty, QueryView } from '../../components/ui/feedback';
import { Choice } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { useRested } from '../../lib/debounce';
import { filterOf, OrderFilters } from './OrderFilters';
import { OrderTable } from './OrderTable';
import { SheetCard } from './SheetCard';

export function OrdersPage() {
  return <WithAccount>{(account) => <Orders key={account.id} account={account} />}</WithAccount>;
}

type Tab = 'sheets' | 'orders';

function Orders({ account }: { account: Account }) {
  const { t } = useTranslation();
  const [search, setSearch] = useSearchParams();
  // A paper account has no bots and so no slices.
  const tab: Tab =
    (search.get('tab') ?? (isWithoutBots(account) ? 'orders' : 'sheets')) === 'orders' ? 'orders' : 'sheets';
  return (
    <>
      <PageHead title={t('nav.orders')} sub={account.name}>
        <Choice<Tab>
          label={t('orders.view')}
          hideLabel
          value={tab}
          onChange={(value) => setSearch({ tab: value }, { replace: true })}
          options={[
            { value: 'sheets', label: t('orders.sheets'), testId: 'orders-tab-sheets' },
            { value: 'orders', label: t('orders.all'), testId: 'orders-tab-orders' },
          ]}
        />
        <ButtonLink to={`/ticket?account=${account.id}`} tone="primary" data-testid="ticket-open">
          {t('nav.ticket')}
        </ButtonLink>
      </PageHead>
      {tab === 'sheets' ? <Sheets account={account} /> : <OrderList account={account} />}
    </>
  );
}

function Sheets({ account }: { account: Account }) {
  const { t } = useTranslation();
  const query = useSheets(account.id);
  return (
    <QueryView
      query={query}
      isEmpty={(data) => data.items.length === 0}
      empty={
        <Empty title={t('sheets.none')} action={<ButtonLink to="/preview">{t('nav.preview')}</ButtonLink>}>
          {t('sheets.noneText')}
        </Empty>
      }
    >
      {(data) => (
        <div className="grid items-start gap-4 lg:grid-cols-2">
          {data.items.map((sheet) => (
            <SheetCard key={sheet.id} sheet={sheet} />
          ))}
        </div>
      )}
    </QueryView>
  );
}

function OrderList({ account }: { account: Account }) {
  const { t } = useTranslation();
  const { accounts } = useCurrentAccount();
  const [search, setSearch] = useSearchParams();
  const [cancelling, setCancelling] = useState(false);
  const filter = useRested(filterOf(search, account.id), 300);
  const query = useOrders(filter);
  const orders = query.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = Object.keys(filter).some((name) => name !== 'account_id');
  return (
    <>
      <OrderFilters
        accounts={accounts}
        account={account}
        search={search}
        onChange={(next) => setSearch(next, { replace: true })}
      />
      <QueryView
        query={query}
        isEmpty={() => orders.length === 0}
        empty={
          <Empty
            title={t('orders.none')}
            action={<ButtonLink to={`/ticket?account=${account.id}`}>{t('nav.ticket')}</ButtonLink>}
          >
            {t(filtered ? 'orders.noneFiltered' : 'orders.noneText')}
          </Empty>
        }
      >
        {() => (
          <Card
            actions={
              orders.some(isOpen) && (
                <Button onClick={() => setCancelling(true)} data-testid="cancel-all-open">
                  {t('orders.cancelAll')}
                </Button>
              )
            }
          >
            <OrderTable orders={orders} label={t('orders.all')} accounts={filter.account_id ? undefined : accounts} />
            {query.hasNextPage && (
              <div className="mt-3 text-center">
                <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                  {t('common.more')}
                </Button>
              </div>
            )}
          </Card>
        )}
      </QueryView>
      {cancelling && <CancelAllDialog account={filter.account_id} onClose={() => setCancelling(false)} />}
    </>
  );
}

/** Cancels everything that is open in one account or in all; other filters play no part, and the dialog says so. */
function CancelAllDialog({ account, onClose }: { account: string | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const { accounts } = useCurrentAccount();
  const toast = useToast();
  const cancel = useCancelAll();
  const name = accounts.find((item) => item.id === account)?.name ?? t('dashboard.allAccounts');
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('orders.cancelAll')}
      confirmLabel={t('orders.cancelAll')}
      busy={cancel.isPending}
      error={cancel.error}
      testId="cancel-all"
      onConfirm={() =>
        cancel.mutate(account, {
          onSuccess: ({ items }) => {
            toast({ text: t('orders.cancelAllDone', { count: items.length }), tone: 'ok' });
            onClose();
          },
        })
      }
    >
      <p className="text-sm">{t('orders.cancelAllText', { account: name })}</p>
    </ConfirmDialog>
  );
}
