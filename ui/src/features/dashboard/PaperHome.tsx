import { useTranslation } from 'react-i18next';
import { useOrders, usePositions } from '../../api/queries/trading';
import type { Account } from '../../api/types';
import { useCurrentAccount } from '../../components/layout/account';
import { ButtonLink } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { EnvironmentNote } from '../../components/ui/environment';
import { QueryView } from '../../components/ui/feedback';
import { OrderTable } from '../orders/OrderTable';
import { PositionTable } from '../positions/PositionTable';

const RECENT = 5;

/** Home of the paper account inside this server: what it is, what it holds, what was ordered. */
export function PaperHome({ account }: { account: Account }) {
  const { t } = useTranslation();
  const { accounts } = useCurrentAccount();
  const orders = useOrders({ account_id: account.id });
  const positions = usePositions(account.id);
  const alone = accounts.every((item) => item.environment === 'own');
  return (
    <div className="space-y-4" data-testid="paper-home">
      <Card title={t('paper.title')}>
        <div className="space-y-3">
          <EnvironmentNote environment="own" />
          <p className="text-sm">{t('paper.text')}</p>
          {alone && <p className="text-sm">{t('paper.alone')}</p>}
          <div className="flex flex-wrap gap-2">
            <ButtonLink to={`/ticket?account=${account.id}`} tone="primary" data-testid="paper-order">
              {t('paper.order')}
            </ButtonLink>
            {alone && (
              <>
                <ButtonLink to="/import">{t('nav.import')}</ButtonLink>
                <ButtonLink to="/accounts/new">{t('paper.addBroker')}</ButtonLink>
              </>
            )}
          </div>
        </div>
      </Card>
      <Card title={t('nav.positions')}>
        <QueryView
          query={positions}
          rows={1}
          isEmpty={(data) => data.items.length === 0}
          empty={<p className="text-muted text-sm">{t('positions.none')}</p>}
        >
          {(data) => <PositionTable account={account} positions={data.items} />}
        </QueryView>
      </Card>
      <Card title={t('paper.recent')} actions={<ButtonLink to="/orders?tab=orders">{t('orders.all')}</ButtonLink>}>
        <QueryView
          query={orders}
          rows={1}
          isEmpty={(data) => data.pages.every((page) => page.items.length === 0)}
          empty={<p className="text-muted text-sm">{t('orders.none')}</p>}
        >
          {(data) => (
            <OrderTable orders={data.pages.flatMap((page) => page.items).slice(0, RECENT)} label={t('paper.recent')} />
          )}
        </QueryView>
      </Card>
    </div>
  );
}
