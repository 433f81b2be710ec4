import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { useOrders, useSheets } from '../../api/queries/trading';
import type { Account } from '../../api/types';
import { WithAccount } from '../../components/layout/account';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { Empty, QueryView } from '../../components/ui/feedback';
import { Choice } from '../../components/ui/field';
import { OrderTable } from './OrderTable';
import { SheetCard } from './SheetCard';

export function OrdersPage() {
  return <WithAccount>{(account) => <Orders key={account.id} account={account} />}</WithAccount>;
}

type Tab = 'sheets' | 'orders';

function Orders({ account }: { account: Account }) {
  const { t } = useTranslation();
  const [search, setSearch] = useSearchParams();
  const tab: Tab = search.get('tab') === 'orders' ? 'orders' : 'sheets';
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
  const query = useOrders(account.id);
  return (
    <QueryView
      query={query}
      isEmpty={(data) => data.pages.every((page) => page.items.length === 0)}
      empty={<Empty title={t('orders.none')}>{t('orders.noneText')}</Empty>}
    >
      {(data) => (
        <Card>
          <OrderTable orders={data.pages.flatMap((page) => page.items)} label={t('orders.all')} />
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
  );
}
