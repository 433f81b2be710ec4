import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { useBot, useLadder, usePreview } from '../../api/queries/bots';
import type { Bot } from '../../api/types';
import { useCurrentAccount } from '../../components/layout/account';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card, Facts, PageHead, Progress } from '../../components/ui/card';
import { Note, QueryView } from '../../components/ui/feedback';
import { Change, Money, Percent, Price, PriceNow, Shares, When } from '../../components/ui/value';
import { multiply } from '../../lib/decimal';
import { turns } from '../../lib/format';
import { PreviewItemView, PreviewTimes } from '../preview';
import { HeldBadge, HeldNote } from '../reconciliation/Held';
import { DeleteBotDialog, RenameBotDialog } from './BotDialogs';
import { BotSettingsCard } from './BotSettingsCard';
import { ForceSellDialog } from './ForceSellDialog';
import { LadderView } from './LadderView';

export function BotPage() {
  const { id = '' } = useParams();
  const query = useBot(id);
  return <QueryView query={query}>{(bot) => <BotDetail key={bot.id} bot={bot} />}</QueryView>;
}

type Asked = 'force-sell' | 'rename' | 'delete' | null;

function BotDetail({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<Asked>(null);
  const close = () => setAsked(null);
  const account = useCurrentAccount().accounts.find((item) => item.id === bot.account_id);
  return (
    <>
      <PageHead
        title={
          <>
            {bot.name} <span className="text-muted font-normal">{bot.symbol}</span>
          </>
        }
        sub={
          <span className="flex flex-wrap gap-1">
            <Badge tone={bot.active ? 'green' : 'grey'}>{t(bot.active ? 'bots.active' : 'bots.paused')}</Badge>
            {account && <HeldBadge account={account} bot={bot} />}
            {bot.trailing_mode && <Badge tone="amber">{t('bots.trailing')}</Badge>}
          </span>
        }
      >
        <Button
          tone="sell"
          disabled={!bot.holding}
          onClick={() => setAsked('force-sell')}
          data-testid="force-sell-open"
        >
          {t('forceSell.title')}
        </Button>
        {!account?.twin && (
          <>
            <Button onClick={() => setAsked('rename')} data-testid="bot-rename-open">
              {t('bots.rename')}
            </Button>
            <Button onClick={() => setAsked('delete')} data-testid="bot-delete-open">
              {t('common.delete')}
            </Button>
          </>
        )}
      </PageHead>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="min-w-0 space-y-4">
          {account && <HeldNote account={account} bot={bot} />}
          <StateCard bot={bot} />
          <LadderCard bot={bot} />
          <TonightCard bot={bot} />
        </div>
        <fieldset disabled={Boolean(account?.twin)} className="min-w-0">
          <BotSettingsCard bot={bot} />
        </fieldset>
      </div>
      {asked === 'force-sell' && <ForceSellDialog bot={bot} onClose={close} />}
      {asked === 'rename' && <RenameBotDialog bot={bot} onClose={close} />}
      {asked === 'delete' && <DeleteBotDialog bot={bot} onClose={close} />}
    </>
  );
}

function StateCard({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const used = bot.max_tier > 0 ? bot.t / bot.max_tier : 0;
  const legacy = Object.keys(bot.legacy ?? {});
  return (
    <Card title={t('bots.state')}>
      <Progress value={used} label={t('dashboard.progressOf', { bot: bot.name })} />
      <div className="mt-3">
        <Facts
          columns={3}
          items={[
            { label: 'T', value: <span className="num">{turns(bot.t, bot.max_tier)}</span> },
            {
              label: t('bots.price'),
              value: <PriceNow price={bot.price} />,
            },
            { label: t('bots.average'), value: <Price value={bot.holding?.average_price} /> },
            { label: t('bots.quantity'), value: <Shares value={bot.holding?.quantity} unit /> },
            { label: t('bots.invested'), value: <Money value={bot.holding?.total} /> },
            { label: t('bots.budget'), value: <Money value={multiply(bot.seed, bot.max_tier)} /> },
            {
              label: t('bots.point'),
              value: (
                <>
                  <Price value={bot.point_price} /> (<Percent value={bot.point} />)
                </>
              ),
            },
            { label: t('bots.cycleStart'), value: <When at={bot.cycle_start} long /> },
            { label: t('bots.cycleProfit'), value: <Change value={bot.cycle_profit} /> },
            ...(bot.trailing_mode
              ? [
                  { label: t('bots.trailingHigh'), value: <Price value={bot.trailing_high_watermark} /> },
                  { label: t('bots.trailingStop'), value: <Price value={bot.trailing_stop} /> },
                ]
              : []),
          ]}
        />
      </div>
      {legacy.length > 0 && (
        <details className="mt-3 text-sm">
          <summary className="text-muted">{t('bots.legacy', { count: legacy.length })}</summary>
          <dl className="mt-1 space-y-0.5">
            {legacy.map((key) => (
              <div key={key} className="flex gap-2">
                <dt className="text-muted">{key}</dt>
                <dd>{JSON.stringify(bot.legacy[key])}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </Card>
  );
}

function LadderCard({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const query = useLadder(bot.id);
  return (
    <Card title={t('ladder.title')} testId="ladder">
      <QueryView query={query} rows={2}>
        {(ladder) => <LadderView ladder={ladder} />}
      </QueryView>
    </Card>
  );
}

function TonightCard({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const query = usePreview(bot.account_id);
  return (
    <Card title={t('preview.title')}>
      <QueryView query={query} rows={2}>
        {(preview) => {
          const item = preview.items.find((one) => one.bot_id === bot.id);
          return (
            <>
              <PreviewTimes preview={preview} />
              {item ? <PreviewItemView item={item} /> : <Note>{t('preview.notIncluded')}</Note>}
            </>
          );
        }}
      </QueryView>
    </Card>
  );
}
