import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type HistoryFilter, useHistory } from '../../api/queries/trading';
import type { Account, HistoryRow } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts } from '../../components/ui/card';
import { Empty, QueryView } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Change, Count, Missing, Price, Shares, When } from '../../components/ui/value';
import { RemoveHistoryDialog } from './CorrectionDialogs';

const isSell = (row: HistoryRow): boolean => row.trade_type.startsWith('SELL');

export function HistoryList({
  account,
  filter,
  onBot,
}: {
  account: Account;
  filter: HistoryFilter;
  onBot: (name: string) => void;
}) {
  const { t } = useTranslation();
  const query = useHistory(account.id, filter);
  const [removing, setRemoving] = useState<HistoryRow | null>(null);
  return (
    <>
      <QueryView
        query={query}
        isEmpty={(data) => data.pages.every((page) => page.items.length === 0)}
        empty={<Empty title={t('history.none')}>{t('history.noneText')}</Empty>}
      >
        {(data) => {
          const totals = data.pages[0]?.totals;
          return (
            <Card>
              {totals && (
                <div className="mb-3" data-testid="history-totals">
                  <Facts
                    columns={3}
                    items={[
                      { label: t('history.buys'), value: <Count value={totals.buys} /> },
                      { label: t('history.sells'), value: <Count value={totals.sells} /> },
                      { label: t('history.profit'), value: <Change value={totals.profit_usd} /> },
                    ]}
                  />
                </div>
              )}
              <DataTable
                label={t('history.trades')}
                rows={data.pages.flatMap((page) => page.items)}
                rowKey={(row) => row.id}
                rowTestId="history-row"
                columns={[
                  {
                    id: 'what',
                    header: t('history.trade'),
                    lead: true,
                    cell: (row) => (
                      <span className="inline-flex flex-wrap items-center gap-1.5">
                        <Badge tone={isSell(row) ? 'down' : 'up'}>{t(`kind.${row.trade_type}`)}</Badge>
                        <button type="button" className="font-semibold hover:underline" onClick={() => onBot(row.bot)}>
                          {row.bot}
                        </button>
                        <span className="text-muted">{row.symbol}</span>
                      </span>
                    ),
                  },
                  { id: 'at', header: t('history.date'), cell: (row) => <When at={row.trade_date} long /> },
                  {
                    id: 'quantity',
                    header: t('bots.quantity'),
                    right: true,
                    cell: (row) => (
                      <>
                        <Shares value={row.quantity} />
                        {row.quantity_derived && row.quantity !== null && (
                          <abbr title={t('history.derived')} className="text-muted ml-0.5 no-underline">
                            *
                          </abbr>
                        )}
                      </>
                    ),
                  },
                  {
                    id: 'buy',
                    header: t('history.buyPrice'),
                    right: true,
                    cell: (row) => <Price value={row.buy_price} />,
                  },
                  {
                    id: 'sell',
                    header: t('history.sellPrice'),
                    right: true,
                    absent: (row) => !isSell(row),
                    cell: (row) => (isSell(row) ? <Price value={row.sell_price} /> : <Dash />),
                  },
                  {
                    id: 'profit',
                    header: t('history.profit'),
                    right: true,
                    absent: (row) => !isSell(row),
                    cell: (row) =>
                      isSell(row) ? (
                        <>
                          <Change value={row.profit} /> <Change value={row.profit_rate} as="percent" />
                        </>
                      ) : (
                        <Dash />
                      ),
                  },
                  {
                    id: 'cycle',
                    header: t('bots.cycleStart'),
                    cell: (row) => (row.cycle_date ? <When at={row.cycle_date} /> : <Missing />),
                  },
                  {
                    id: 'actions',
                    header: t('common.actions'),
                    buttons: true,
                    cell: (row) => (
                      <Button
                        tone="quiet"
                        className="min-h-8 px-2 py-0"
                        onClick={() => setRemoving(row)}
                        data-testid="history-remove"
                      >
                        {t('common.delete')}
                      </Button>
                    ),
                  },
                ]}
              />
              <p className="text-muted mt-2 text-xs">{t('history.gross')}</p>
              {query.hasNextPage && (
                <div className="mt-3 text-center">
                  <Button
                    busy={query.isFetchingNextPage}
                    onClick={() => void query.fetchNextPage()}
                    data-testid="history-more"
                  >
                    {t('common.more')}
                  </Button>
                </div>
              )}
            </Card>
          );
        }}
      </QueryView>
      {removing && <RemoveHistoryDialog account={account} row={removing} onClose={() => setRemoving(null)} />}
    </>
  );
}

const Dash = () => (
  <span aria-hidden="true" className="text-muted">
    –
  </span>
);
