import { useTranslation } from 'react-i18next';
import type { Summary } from '../../api/types';
import { Card } from '../../components/ui/card';
import { Change, Money, Source } from '../../components/ui/value';
import { multiply } from '../../lib/decimal';
import { money } from '../../lib/format';
import { useLocale } from '../../lib/locale';

/** Total assets, profit, and today's realised profit, in both currencies. */
export function Totals({ summary }: { summary: Summary }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const todayKrw = summary.rate ? multiply(summary.today_profit_usd, summary.rate.usd_krw) : null;
  return (
    <Card>
      <div className="grid gap-4 sm:grid-cols-[1.4fr_1fr_1fr]">
        <div>
          <h2 className="text-muted text-sm">{t('dashboard.total')}</h2>
          <p className="text-3xl font-bold" data-testid="dashboard-total">
            <Money value={summary.total_usd} />
          </p>
          <p className="text-muted" data-testid="dashboard-total-krw">
            <Money value={summary.total_krw} currency="KRW" />
          </p>
          <p className="text-muted mt-1 text-xs">
            {t('dashboard.rate')}{' '}
            {summary.rate ? (
              <>
                <span className="num">{money(summary.rate.usd_krw, 'KRW', { places: 2, locale })}</span> ·{' '}
                <Source source={summary.rate.source} at={summary.rate.at} />
              </>
            ) : (
              <span data-testid="rate-missing">{t('common.none')}</span>
            )}
          </p>
        </div>
        <div>
          <h2 className="text-muted text-sm">{t('dashboard.profit')}</h2>
          <p className="text-xl font-bold">
            <Change value={summary.profit_usd} />
          </p>
          <p className="text-sm">
            <Change value={summary.profit_krw} as="KRW" /> · <Change value={summary.profit_rate} as="percent" />
          </p>
          <p className="text-muted text-xs">{t('dashboard.gross')}</p>
        </div>
        <div>
          <h2 className="text-muted text-sm">{t('dashboard.today')}</h2>
          <p className="text-xl font-bold" data-testid="dashboard-today">
            <Change value={summary.today_profit_usd} />
          </p>
          <p className="text-sm">
            <Change value={todayKrw} as="KRW" />
          </p>
          <p className="text-muted text-xs">{t('dashboard.todayNote')}</p>
        </div>
      </div>
    </Card>
  );
}
