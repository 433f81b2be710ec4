import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Indicator, Indicators } from '../../api/types';
import { Sparkline } from '../../components/charts/Sparkline';
import { Badge, type BadgeTone } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts } from '../../components/ui/card';
import { Empty, Loading } from '../../components/ui/feedback';
import { Change, Fixed, Missing, Price, Source } from '../../components/ui/value';

const PriceChart = lazy(() => import('../../components/charts/PriceChart'));

/** Market figures for information; no bot trades on them. */
export function IndicatorCards({ data }: { data: Indicators }) {
  const { t } = useTranslation();
  return (
    <Card title={t('market.title')}>
      <p className="text-muted -mt-2 mb-3 text-xs">{t('market.note')}</p>
      <div className="mb-3 grid gap-3 sm:grid-cols-2">
        <div className="border-line rounded-xl border p-3">
          <p className="text-muted text-xs">VIX</p>
          <p className="text-lg font-bold">
            <Fixed value={data.vix} />
          </p>
          {data.vix === null && <p className="text-muted text-xs">{t('market.noVix')}</p>}
        </div>
        <div className="border-line rounded-xl border p-3">
          <p className="text-muted text-xs">USD/KRW</p>
          {data.usd_krw ? (
            <p className="flex flex-wrap items-baseline gap-2">
              <strong className="text-lg">
                <Fixed value={data.usd_krw.value} />
              </strong>
              <Source source={data.usd_krw.source} at={data.usd_krw.at} />
            </p>
          ) : (
            <p>
              <Missing />
            </p>
          )}
        </div>
      </div>
      {data.items.length === 0 && <Empty title={t('market.none')} />}
      <ul className="grid gap-3 lg:grid-cols-2">
        {data.items.map((item) => (
          <li key={item.symbol}>
            <One item={item} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function One({ item }: { item: Indicator }) {
  const { t, i18n } = useTranslation();
  const [open, setOpen] = useState(false);
  const trendKey = `trend.${keyOf(item.trend ?? '')}`;
  const trend = i18n.exists(trendKey) ? t(trendKey) : item.trend;
  return (
    <article className="border-line rounded-xl border p-3" data-testid="indicator" data-key={item.symbol}>
      <div className="flex items-start justify-between gap-3">
        <div>
          <h3 className="font-bold">{item.symbol}</h3>
          <p className="text-lg font-semibold">
            <Price value={item.price?.value} />
          </p>
          {item.price && <Source source={item.price.source} at={item.price.at} />}
        </div>
        <Sparkline closes={item.closes} label={t('market.sparkline', { symbol: item.symbol })} />
      </div>
      <div className="mt-3">
        <Facts
          columns={3}
          items={[
            {
              label: 'RSI 14',
              value: item.rsi ? (
                <>
                  <Fixed value={item.rsi.value} /> <Level level={item.rsi.level} />
                </>
              ) : (
                <Missing />
              ),
            },
            { label: t('market.trend'), value: trend || <Missing /> },
            {
              label: t('market.drawdown'),
              value: item.drawdown ? (
                <>
                  <Change value={item.drawdown.rate} as="percent" />
                  <span className="text-muted block text-xs font-normal">
                    {t('market.high')} <Price value={item.drawdown.high} />{' '}
                    <span className="num">({item.drawdown.high_date})</span>
                  </span>
                </>
              ) : (
                <Missing />
              ),
            },
            { label: t('market.ma20'), value: <Price value={item.ma20} places={2} /> },
            { label: t('market.ma60'), value: <Price value={item.ma60} places={2} /> },
            { label: 'ATR 14', value: <Price value={item.atr} places={2} /> },
          ]}
        />
      </div>
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        {item.closes.length > 0 ? (
          <Source source={item.source} at={item.at} />
        ) : (
          <span className="text-muted text-xs">{t('market.noBars')}</span>
        )}
        {item.closes.length > 1 && (
          <Button tone="quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
            {t(open ? 'market.hideChart' : 'market.showChart')}
          </Button>
        )}
      </div>
      {open && (
        <Suspense fallback={<Loading rows={2} />}>
          <PriceChart closes={item.closes} label={t('market.chartOf', { symbol: item.symbol })} />
        </Suspense>
      )}
    </article>
  );
}

const tones: Record<string, BadgeTone> = {
  extreme_greed: 'up',
  greed: 'up',
  fear: 'down',
  extreme_fear: 'down',
};

/** The server's words use hyphens or underscores. */
const keyOf = (code: string): string => code.replaceAll('-', '_');

function Level({ level }: { level: string }) {
  const { t, i18n } = useTranslation();
  const key = keyOf(level);
  return <Badge tone={tones[key] ?? 'grey'}>{i18n.exists(`level.${key}`) ? t(`level.${key}`) : level}</Badge>;
}
