import { useTranslation } from 'react-i18next';
import { useHistorySummary } from '../../api/queries/trading';
import { Card } from '../../components/ui/card';
import { Empty, QueryView } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Change, Fixed, Missing, useSourceName } from '../../components/ui/value';

/** Realised profit by year and month, each month at its own exchange rate. */
export function ProfitTable({ account }: { account: string }) {
  const { t } = useTranslation();
  const source = useSourceName();
  const query = useHistorySummary(account);
  return (
    <QueryView
      query={query}
      isEmpty={(data) => data.years.length === 0}
      empty={<Empty title={t('history.none')}>{t('history.noneText')}</Empty>}
    >
      {(data) => (
        <div className="space-y-4">
          <Card>
            <p className="text-muted text-sm">{t('dashboard.realised')}</p>
            <p className="text-2xl font-bold">
              <Change value={data.total_usd} />
            </p>
            <p className="text-muted text-xs">
              {t('history.gross')} {t('history.counts')}
            </p>
          </Card>
          {data.years.map((year) => (
            <Card
              key={year.year}
              testId="history-year"
              title={<span className="num">{year.year}</span>}
              actions={
                <span className="font-semibold">
                  <Change value={year.profit_usd} /> · <Change value={year.profit_krw} as="KRW" />
                </span>
              }
            >
              <DataTable
                label={t('history.monthsOf', { year: year.year })}
                rows={year.months}
                rowKey={(month) => month.month}
                columns={[
                  {
                    id: 'month',
                    header: t('history.month'),
                    lead: true,
                    cell: (month) => <span className="num">{month.month}</span>,
                  },
                  { id: 'usd', header: '$', right: true, cell: (month) => <Change value={month.profit_usd} /> },
                  {
                    id: 'krw',
                    header: '₩',
                    right: true,
                    cell: (month) => <Change value={month.profit_krw} as="KRW" />,
                  },
                  {
                    id: 'rate',
                    header: t('dashboard.rate'),
                    right: true,
                    cell: (month) => <Fixed value={month.rate} />,
                  },
                  {
                    id: 'source',
                    header: t('history.rateSource'),
                    cell: (month) => (month.rate_source ? source(month.rate_source) : <Missing />),
                  },
                ]}
              />
            </Card>
          ))}
          <p className="text-muted text-xs">{t('history.rateNote')}</p>
        </div>
      )}
    </QueryView>
  );
}
