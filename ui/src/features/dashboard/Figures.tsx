import { useTranslation } from 'react-i18next';
import type { Summary } from '../../api/types';
import { Card, Facts, Progress } from '../../components/ui/card';
import { Age, Change, Money, Percent } from '../../components/ui/value';

export function Figures({ summary }: { summary: Summary }) {
  const { t } = useTranslation();
  return (
    <Card title={t('dashboard.figures')}>
      <Facts
        columns={4}
        items={[
          {
            label: t('dashboard.invested'),
            value: (
              <>
                <Money value={summary.invested_usd} />
                <span className="text-muted block text-xs font-normal">
                  {t('dashboard.cost')} <Money value={summary.cost_usd} />
                </span>
              </>
            ),
          },
          {
            label: t('dashboard.cash'),
            value: (
              <>
                <Money value={summary.cash_usd} />
                {summary.cash && (
                  <span className="text-muted block text-xs font-normal">
                    {t('source.broker')} · <Age at={summary.cash.at} />
                  </span>
                )}
              </>
            ),
          },
          { label: t('dashboard.reserve'), value: <Money value={summary.reserve_usd} /> },
          { label: t('dashboard.withdrawable'), value: <Money value={summary.withdrawable_usd} /> },
          { label: t('dashboard.seedPerTurn'), value: <Money value={summary.seed_per_turn_usd} /> },
          { label: t('dashboard.oneDaySeed'), value: <Money value={summary.one_day_seed_usd} /> },
          { label: t('dashboard.maxSeed'), value: <Money value={summary.max_seed_usd} /> },
          { label: t('dashboard.realised'), value: <Change value={summary.realised_total_usd} /> },
        ]}
      />
      <div className="mt-4">
        <div className="mb-1 flex justify-between text-xs">
          <span className="text-muted">{t('dashboard.seedUse')}</span>
          <Percent value={summary.seed_use_rate} />
        </div>
        <Progress value={summary.seed_use_rate} label={t('dashboard.seedUse')} />
      </div>
    </Card>
  );
}
