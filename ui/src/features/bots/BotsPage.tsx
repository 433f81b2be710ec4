import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useBots, useReorderBots } from '../../api/queries/bots';
import type { Account, Bot } from '../../api/types';
import { WithBots } from '../../components/layout/paper';
import { Badge } from '../../components/ui/badge';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card, Facts, PageHead, Progress } from '../../components/ui/card';
import { Empty, ErrorNote, QueryView } from '../../components/ui/feedback';
import { Icon } from '../../components/ui/icon';
import { Money, Price, PriceNow, Shares } from '../../components/ui/value';
import { add, multiply } from '../../lib/decimal';
import { turns } from '../../lib/format';
import { HeldBadge } from '../reconciliation/Held';
import { RenewalDialog } from './RenewalDialog';

export function BotsPage() {
  const { t } = useTranslation();
  return <WithBots title={t('nav.bots')}>{(account) => <Bots key={account.id} account={account} />}</WithBots>;
}

function Bots({ account }: { account: Account }) {
  const { t } = useTranslation();
  const query = useBots(account.id);
  const [renewing, setRenewing] = useState(false);
  return (
    <>
      <PageHead title={t('nav.bots')} sub={account.name}>
        <ButtonLink to="/preview">{t('nav.preview')}</ButtonLink>
        {!account.twin && (
          <>
            <Button onClick={() => setRenewing(true)} data-testid="renewal-open">
              {t('renewal.title')}
            </Button>
            <ButtonLink to="/bots/new" tone="primary" data-testid="bot-new">
              {t('bots.create')}
            </ButtonLink>
          </>
        )}
      </PageHead>
      <QueryView
        query={query}
        isEmpty={(data) => data.items.length === 0}
        empty={
          <Empty
            title={t('bots.none')}
            action={
              <>
                <ButtonLink to="/bots/new" tone="primary">
                  {t('bots.create')}
                </ButtonLink>
                <ButtonLink to="/import">{t('nav.import')}</ButtonLink>
              </>
            }
          >
            {t('bots.noneText')}
          </Empty>
        }
      >
        {(data) => <List account={account} bots={data.items} />}
      </QueryView>
      {renewing && <RenewalDialog account={account} onClose={() => setRenewing(false)} />}
    </>
  );
}

function List({ account, bots }: { account: Account; bots: Bot[] }) {
  const { t } = useTranslation();
  const reorder = useReorderBots(account.id);
  const sorted = [...bots].sort((a, b) => a.position - b.position);
  const move = (index: number, by: number) => {
    const order = sorted.map((bot) => bot.id);
    const [id] = order.splice(index, 1);
    if (!id) return;
    order.splice(index + by, 0, id);
    reorder.mutate(order);
  };
  const budget = sorted.reduce((sum, bot) => add(sum, multiply(bot.seed, bot.max_tier)), '0');
  const seeds = sorted.filter((bot) => bot.active).reduce((sum, bot) => add(sum, bot.seed), '0');
  return (
    <div className="space-y-4">
      <Card>
        <Facts
          columns={4}
          items={[
            { label: t('bots.count'), value: `${sorted.filter((bot) => bot.active).length} / ${sorted.length}` },
            { label: t('bots.sumSeed'), value: <Money value={seeds} /> },
            { label: t('bots.sumBudget'), value: <Money value={budget} /> },
            { label: t('account.totalBudget'), value: <Money value={account.settings.total_budget} /> },
          ]}
        />
      </Card>
      {reorder.error && <ErrorNote error={reorder.error} />}
      <ol className="space-y-3">
        {sorted.map((bot, index) => (
          <li key={bot.id} className="flex gap-2">
            <div className={account.twin ? 'hidden' : 'flex flex-col justify-center'}>
              <button
                type="button"
                className="text-muted hover:bg-sunken grid size-9 place-items-center rounded-lg disabled:opacity-30"
                aria-label={t('bots.moveUp', { bot: bot.name })}
                disabled={index === 0 || reorder.isPending}
                onClick={() => move(index, -1)}
              >
                <Icon name="up" />
              </button>
              <button
                type="button"
                className="text-muted hover:bg-sunken grid size-9 place-items-center rounded-lg disabled:opacity-30"
                aria-label={t('bots.moveDown', { bot: bot.name })}
                disabled={index === sorted.length - 1 || reorder.isPending}
                onClick={() => move(index, 1)}
              >
                <Icon name="down" />
              </button>
            </div>
            <Row account={account} bot={bot} />
          </li>
        ))}
      </ol>
    </div>
  );
}

function Row({ account, bot }: { account: Account; bot: Bot }) {
  const { t } = useTranslation();
  const used = bot.max_tier > 0 ? bot.t / bot.max_tier : 0;
  return (
    <Link
      to={`/bots/${bot.id}`}
      data-testid="bot-row"
      data-key={bot.name}
      className="bg-surface border-line hover:bg-sunken min-w-0 flex-1 rounded-2xl border p-4"
    >
      <div className="flex flex-wrap items-center gap-2">
        <span className="font-bold">{bot.name}</span>
        <span className="text-muted">{bot.symbol}</span>
        <Badge tone={bot.active ? 'green' : 'grey'}>{t(bot.active ? 'bots.active' : 'bots.paused')}</Badge>
        <HeldBadge account={account} bot={bot} />
        {bot.trailing_mode && <Badge tone="amber">{t('bots.trailing')}</Badge>}
        {bot.skip_sell && <Badge>{t('botField.skip_sell')}</Badge>}
        <span className="num ml-auto text-sm">T {turns(bot.t, bot.max_tier)}</span>
      </div>
      <div className="my-2">
        <Progress value={used} label={t('dashboard.progressOf', { bot: bot.name })} />
      </div>
      <Facts
        columns={4}
        items={[
          { label: t('botField.seed'), value: <Money value={bot.seed} /> },
          {
            label: t('bots.holding'),
            value: bot.holding ? (
              <>
                <Shares value={bot.holding.quantity} /> × <Price value={bot.holding.average_price} />
              </>
            ) : (
              <span className="text-muted">{t('bots.noHolding')}</span>
            ),
          },
          { label: t('bots.point'), value: <Price value={bot.point_price} /> },
          {
            label: t('bots.price'),
            value: <PriceNow price={bot.price} />,
          },
        ]}
      />
    </Link>
  );
}
