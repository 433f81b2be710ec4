import { useTranslation } from 'react-i18next';
import { useAskBalance, useBalance } from '../../api/queries/accounts';
import type { Account, Balance } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Foreign, Loading } from '../../components/ui/feedback';
import { InstrumentName } from '../../components/ui/instrument';
import { DataTable } from '../../components/ui/table';
import { Age, Money, Price, Shares } from '../../components/ui/value';
import { sign } from '../../lib/decimal';
import { currencyOf } from '../../lib/format';

const asCurrency = (code: string) => (code === 'KRW' ? 'KRW' : 'USD');

/** Cash and positions: what our books say, and what the broker said last. */
export function BalanceCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const balance = useBalance(account.id);
  const ask = useAskBalance(account.id);
  const own = account.environment === 'own';
  return (
    <Card
      title={t('balance.title')}
      testId="balance"
      actions={
        !own &&
        account.broker_key?.present && (
          <Button busy={ask.isPending} onClick={() => ask.mutate()} data-testid="balance-ask">
            {t('balance.ask')}
          </Button>
        )
      }
    >
      {ask.error && <ErrorNote error={ask.error} />}
      {balance.error ? (
        <ErrorNote error={balance.error} />
      ) : balance.data ? (
        <Tables balance={balance.data} own={own} />
      ) : (
        <Loading rows={2} />
      )}
    </Card>
  );
}

function Tables({ balance, own }: { balance: Balance; own: boolean }) {
  const { t } = useTranslation();
  return (
    <div className="space-y-4">
      {!own && (
        <p className="text-muted text-sm">
          {balance.asked_at ? (
            <>
              {t('balance.askedAt')} <Age at={balance.asked_at} />
            </>
          ) : (
            t('balance.notAsked')
          )}
        </p>
      )}
      {balance.refused.map((refused) => (
        <div key={refused.market} className="text-sm">
          <strong>{t('balance.refused', { market: t(`exchange.${refused.market}`) })}</strong>{' '}
          {t(`errors.${refused.code}`)}
          <Foreign text={refused.detail} />
        </div>
      ))}
      {balance.cash.length > 0 && (
        <DataTable
          label={t('balance.cash')}
          rows={balance.cash}
          rowKey={(row) => row.currency}
          rowTestId="cash-row"
          columns={[
            {
              id: 'currency',
              header: t('balance.currency'),
              lead: true,
              cell: (row) => <strong>{row.currency}</strong>,
            },
            {
              id: 'booked',
              header: t(own ? 'balance.cash' : 'balance.bookedCash'),
              right: true,
              absent: (row) => row.booked === null,
              cell: (row) => <Money value={row.booked} currency={asCurrency(row.currency)} />,
            },
            ...(own
              ? []
              : [
                  {
                    id: 'broker',
                    header: t('balance.atBroker'),
                    right: true,
                    cell: (row: Balance['cash'][number]) => (
                      <Money value={row.at_broker} currency={asCurrency(row.currency)} />
                    ),
                  },
                  {
                    id: 'difference',
                    header: t('balance.difference'),
                    right: true,
                    absent: (row: Balance['cash'][number]) => row.compared_at === null,
                    cell: (row: Balance['cash'][number]) => (
                      <span data-testid="cash-compared">
                        {row.difference === null || sign(row.difference) === 0 ? (
                          t('balance.agrees')
                        ) : (
                          <Money value={row.difference} currency={asCurrency(row.currency)} />
                        )}
                        {row.compared_at && (
                          <span className="text-muted block text-xs">
                            <Age at={row.compared_at} />
                          </span>
                        )}
                      </span>
                    ),
                  },
                ]),
          ]}
        />
      )}
      {!own && balance.cash.some((row) => row.booked !== null) && (
        <p className="text-muted text-xs">{t('balance.bookedCashText')}</p>
      )}
      {balance.positions.length > 0 ? (
        <DataTable
          label={t('balance.positions')}
          rows={balance.positions}
          rowKey={(row) => `${row.market} ${row.symbol}`}
          rowTestId="balance-row"
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
            { id: 'booked', header: t('balance.booked'), right: true, cell: (row) => <Shares value={row.booked} /> },
            {
              id: 'average',
              header: t('bots.average'),
              right: true,
              cell: (row) => <Price value={row.average_price} currency={currencyOf(row.market)} />,
            },
            ...(own
              ? []
              : [
                  {
                    id: 'broker',
                    header: t('balance.atBroker'),
                    right: true,
                    cell: (row: Balance['positions'][number]) => <Shares value={row.at_broker} />,
                  },
                ]),
          ]}
        />
      ) : (
        <p className="text-muted text-sm">{t('balance.noPositions')}</p>
      )}
    </div>
  );
}
