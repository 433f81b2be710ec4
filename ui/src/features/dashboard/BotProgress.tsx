import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Account, PriceAt, SummaryBot } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { ButtonLink } from '../../components/ui/button';
import { Card, Progress } from '../../components/ui/card';
import { Empty } from '../../components/ui/feedback';
import { Change, Percent, Price, Shares } from '../../components/ui/value';
import { turns } from '../../lib/format';

const priceOf = (price: SummaryBot['price']): string | null =>
  price === null || typeof price === 'string' ? price : (price as PriceAt).value;

/** How far each bot is: T against max_tier, the point, and what its position earns. */
export function BotProgress({ bots, accounts }: { bots: SummaryBot[]; accounts: Account[] }) {
  const { t } = useTranslation();
  if (bots.length === 0) {
    return (
      <Empty title={t('bots.none')} action={<ButtonLink to="/bots/new">{t('bots.create')}</ButtonLink>}>
        {t('bots.noneText')}
      </Empty>
    );
  }
  return (
    <Card title={t('dashboard.bots')} actions={<ButtonLink to="/preview">{t('nav.preview')}</ButtonLink>}>
      <ul className="grid gap-3 lg:grid-cols-2">
        {bots.map((bot) => (
          <li key={bot.bot_id}>
            <Link
              to={`/bots/${bot.bot_id}`}
              data-testid="dashboard-bot"
              data-key={bot.name}
              className="border-line hover:bg-sunken block rounded-xl border p-3"
            >
              <div className="flex flex-wrap items-center justify-between gap-x-2">
                <span className="font-semibold">
                  {bot.name} <span className="text-muted text-sm font-normal">{bot.symbol}</span>{' '}
                  {!bot.active && <Badge>{t('bots.paused')}</Badge>}{' '}
                  {accounts.length > 1 && (
                    <span className="text-muted text-xs">{accounts.find((a) => a.id === bot.account_id)?.name}</span>
                  )}
                </span>
                <span className="text-sm">
                  {Number(bot.quantity ?? 0) === 0 ? (
                    <span className="text-muted">{t('bots.noHolding')}</span>
                  ) : (
                    <>
                      <Change value={bot.profit_usd} />{' '}
                      {bot.profit_usd !== null && <Change value={bot.profit_rate} as="percent" />}
                    </>
                  )}
                </span>
              </div>
              <div className="my-2">
                <Progress value={bot.progress_rate} label={t('dashboard.progressOf', { bot: bot.name })} />
              </div>
              <dl className="text-muted flex flex-wrap gap-x-3 gap-y-0.5 text-xs">
                <Pair label="T" value={<span className="num">{turns(bot.t, bot.max_tier)}</span>} />
                <Pair label={t('bots.progress')} value={<Percent value={bot.progress_rate} places={1} />} />
                <Pair label={t('bots.price')} value={<Price value={priceOf(bot.price)} />} />
                <Pair label={t('bots.average')} value={<Price value={bot.average_price} />} />
                <Pair
                  label={t('bots.point')}
                  value={
                    <>
                      <Price value={bot.point_price} /> (<Percent value={bot.point} />)
                    </>
                  }
                />
                <Pair label={t('bots.quantity')} value={<Shares value={bot.quantity} />} />
                {bot.days !== null && bot.cycle_start && (
                  <Pair label={t('bots.cycle')} value={t('bots.days', { count: bot.days })} />
                )}
                <Pair label={t('bots.cycleProfit')} value={<Change value={bot.cycle_profit_usd} />} />
              </dl>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Pair({ label, value }: { label: string; value: React.ReactNode }) {
  return (
    <div className="flex gap-1">
      <dt>{label}</dt>
      <dd className="text-ink">{value}</dd>
    </div>
  );
}
