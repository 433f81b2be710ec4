import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useClimb, useGoingLive, useNights } from '../../api/queries/accounts';
import type { Account, GoingLive, Night, NightLine, Rung } from '../../api/types';
import { useCurrentAccount } from '../../components/layout/account';
import { Badge, type BadgeTone } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { CheckField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { Money, Shares, When } from '../../components/ui/value';

const RUNGS: Rung[] = ['observe', 'paper', 'one_share', 'full'];
/** A paper run only begins from observing. */
const isWayDown = (rung: Rung) => rung !== 'paper';
/** From here on orders reach the broker. */
const isReal = (rung: Rung) => RUNGS.indexOf(rung) > RUNGS.indexOf('paper');
/** The only missing thing that an owner may go without. */
const NIGHT = 'clean_night_missing';

interface Wish {
  rung: Rung;
  bot?: { id: string; name: string };
}

/** The way from observing to trading in full: the rung, what is missing, how the last night compared. */
export function GoingLiveCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const query = useGoingLive(account.id);
  const [wish, setWish] = useState<Wish | null>(null);
  const state = query.data;
  return (
    <Card title={t('goingLive.title')} testId="going-live">
      {query.error && <ErrorNote error={query.error} retry={() => void query.refetch()} />}
      {state && (
        <div className="space-y-3">
          {!state.applies && <p className="text-sm">{t('goingLive.onlyLive')}</p>}
          {state.applies && (
            <>
              <ol className="flex flex-wrap gap-2" aria-label={t('goingLive.ladder')}>
                {RUNGS.map((rung) => (
                  <li key={rung} aria-current={rung === state.rung ? 'step' : undefined}>
                    <Badge tone={rung === state.rung ? 'green' : 'grey'}>{t(`rung.${rung}`)}</Badge>
                  </li>
                ))}
              </ol>
              <p className="text-sm">{t(`rungText.${state.rung}`)}</p>
              <Missing state={state} />
              <div className="flex flex-wrap gap-2">
                {state.next && (
                  <Button
                    tone="primary"
                    data-testid="going-live-up"
                    onClick={() => state.next && setWish({ rung: state.next })}
                  >
                    {t('goingLive.up', { rung: t(`rung.${state.next}`) })}
                  </Button>
                )}
                {RUNGS.filter((rung) => isWayDown(rung) && RUNGS.indexOf(rung) < RUNGS.indexOf(state.rung)).map(
                  (rung) => (
                    <Button key={rung} onClick={() => setWish({ rung })} data-testid={`going-live-${rung}`}>
                      {t('goingLive.down', { rung: t(`rung.${rung}`) })}
                    </Button>
                  ),
                )}
              </div>
              {state.paper_runs.length > 0 && <PaperRuns state={state} />}
              <BotRungs account={account} state={state} onWish={setWish} />
            </>
          )}
          <Nights account={account} />
        </div>
      )}
      {wish && state && <MoveDialog account={account} state={state} wish={wish} onClose={() => setWish(null)} />}
    </Card>
  );
}

function Missing({ state }: { state: GoingLive }) {
  const { t } = useTranslation();
  if (!state.next || state.missing.length === 0) return null;
  return (
    <Note tone="warning" testId="going-live-missing">
      <p className="font-semibold">{t('goingLive.missing', { rung: t(`rung.${state.next}`) })}</p>
      <ul className="list-disc pl-5">
        {state.missing.map((code) => (
          <li key={code}>{t(`errors.${code}`)}</li>
        ))}
      </ul>
    </Note>
  );
}

/** The account's paper runs: the one that trades, and those that are over, to be read. */
function PaperRuns({ state }: { state: GoingLive }) {
  const { t } = useTranslation();
  const { choose } = useCurrentAccount();
  return (
    <section aria-label={t('goingLive.paperRuns')} data-testid="paper-runs">
      <h3 className="text-sm font-semibold">{t('goingLive.paperRuns')}</h3>
      <ul className="mt-1 space-y-1 text-sm">
        {state.paper_runs.map((run) => (
          <li key={run.account_id} className="flex flex-wrap items-center gap-x-2">
            <Badge tone={run.ended_at ? 'grey' : 'amber'}>{t(run.ended_at ? 'twin.endedBadge' : 'twin.badge')}</Badge>
            <Link
              to="/"
              onClick={() => choose(run.account_id)}
              className="inline-flex min-h-10 min-w-0 items-center font-semibold break-all underline"
            >
              {run.name}
            </Link>
            <span className="text-muted">
              <When at={run.started_at} long />
              {run.ended_at && (
                <>
                  {' – '}
                  <When at={run.ended_at} long />
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Bots may stay behind their account. While it only observes, that is decided for its way up. */
function BotRungs({ account, state, onWish }: { account: Account; state: GoingLive; onWish: (wish: Wish) => void }) {
  const { t } = useTranslation();
  const climb = useClimb(account.id);
  if (state.bots.length === 0) return null;
  if (state.rung === 'observe') {
    return (
      <section aria-label={t('goingLive.bots')}>
        <h3 className="text-sm font-semibold">{t('goingLive.bots')}</h3>
        <p className="text-muted text-sm">{t('goingLive.holdBackText')}</p>
        {climb.error && <ErrorNote error={climb.error} />}
        <ul className="mt-1 space-y-1">
          {state.bots.map((bot) => {
            const back = bot.kept_at !== null && bot.kept_at !== 'full';
            return (
              <li key={bot.id} className="flex flex-wrap items-center justify-between gap-2">
                <span className="min-w-0 truncate">
                  {bot.name}{' '}
                  {back && bot.kept_at && (
                    <Badge tone="amber">{t('goingLive.heldBack', { rung: t(`rung.${bot.kept_at}`) })}</Badge>
                  )}
                </span>
                <Button
                  disabled={climb.isPending}
                  data-testid={`hold-back-${bot.name}`}
                  onClick={() => climb.mutate({ rung: back ? 'full' : 'observe', bot_id: bot.id })}
                >
                  {t(back ? 'goingLive.goAlong' : 'goingLive.holdBack')}
                </Button>
              </li>
            );
          })}
        </ul>
      </section>
    );
  }
  return (
    <section aria-label={t('goingLive.bots')}>
      <h3 className="text-sm font-semibold">{t('goingLive.bots')}</h3>
      <ul className="mt-1 space-y-1">
        {state.bots.map((bot) => {
          const place = RUNGS.indexOf(bot.rung);
          const lower = (rung: Rung) => RUNGS.indexOf(rung) < place && (state.rung === 'paper' || isWayDown(rung));
          const moves = RUNGS.filter((rung) => lower(rung) || rung === bot.next);
          return (
            <li key={bot.id} className="flex flex-wrap items-center justify-between gap-2">
              <span className="min-w-0 truncate">
                {bot.name} <Badge tone={bot.rung === state.rung ? 'green' : 'amber'}>{t(`rung.${bot.rung}`)}</Badge>
              </span>
              <span className="flex flex-wrap gap-1">
                {moves.map((rung) => (
                  <Button key={rung} onClick={() => onWish({ rung, bot: { id: bot.id, name: bot.name } })}>
                    {t(`rung.${rung}`)}
                  </Button>
                ))}
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Up, where real orders begin, with the word that the old server is stopped; down with a click. */
function MoveDialog({
  account,
  state,
  wish,
  onClose,
}: {
  account: Account;
  state: GoingLive;
  wish: Wish;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const toast = useToast();
  const climb = useClimb(account.id);
  const [stopped, setStopped] = useState(false);
  const [skip, setSkip] = useState(false);
  const from = wish.bot ? (state.bots.find((bot) => bot.id === wish.bot?.id)?.rung ?? state.rung) : state.rung;
  const up = RUNGS.indexOf(wish.rung) > RUNGS.indexOf(from);
  const needsSkip = up && (wish.bot !== undefined || state.missing.includes(NIGHT));
  const name = wish.bot ? `${account.name} · ${wish.bot.name}` : account.name;
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('goingLive.move', { name, rung: t(`rung.${wish.rung}`) })}
      confirmLabel={t(`rung.${wish.rung}`)}
      busy={climb.isPending}
      ready={!up || stopped || !isReal(wish.rung)}
      error={climb.error}
      tone={up ? 'danger' : 'primary'}
      testId="going-live-dialog"
      onConfirm={() =>
        climb.mutate(
          {
            rung: wish.rung,
            bot_id: wish.bot?.id,
            ...(up && { old_server_stopped: stopped, skip_night: skip }),
          },
          {
            onSuccess: () => {
              toast({ text: t('goingLive.moved', { name, rung: t(`rung.${wish.rung}`) }), tone: 'ok' });
              onClose();
            },
          },
        )
      }
    >
      <p className="text-sm">{t(`rungText.${wish.rung}`)}</p>
      {up && (
        <>
          {isReal(wish.rung) ? (
            <>
              <Note tone="warning">{t('account.startText')}</Note>
              <CheckField
                label={<strong>{t('account.oldServerStopped')}</strong>}
                checked={stopped}
                data-testid="old-server-stopped"
                onChange={(event) => setStopped(event.target.checked)}
              />
            </>
          ) : (
            <Note testId="paper-note">{t('goingLive.paperNote')}</Note>
          )}
          {needsSkip && (
            <CheckField
              label={t('goingLive.skip')}
              hint={t('goingLive.skipHint')}
              checked={skip}
              data-testid="skip-night"
              onChange={(event) => setSkip(event.target.checked)}
            />
          )}
        </>
      )}
    </ConfirmDialog>
  );
}

const TONES: Record<NightLine['verdict'], BadgeTone> = {
  same: 'green',
  nothing: 'green',
  different: 'red',
  not_comparable: 'amber',
};

/** The newest nights, each bot with both sides. */
function Nights({ account }: { account: Account }) {
  const { t } = useTranslation();
  const query = useNights(account.id);
  const nights = (query.data?.items ?? []).filter((night) => night.compared_at).slice(0, 5);
  if (query.error) return <ErrorNote error={query.error} retry={() => void query.refetch()} />;
  if (nights.length === 0) return <p className="text-muted text-sm">{t('goingLive.noNight')}</p>;
  return (
    <section aria-label={t('goingLive.nights')}>
      <h3 className="text-sm font-semibold">{t('goingLive.nights')}</h3>
      {nights.map((night, index) => (
        <OneNight key={night.session} night={night} open={index === 0} />
      ))}
    </section>
  );
}

function OneNight({ night, open }: { night: Night; open: boolean }) {
  const { t } = useTranslation();
  return (
    <details open={open} className="border-line mt-1 border-t pt-1 text-sm" data-testid="night">
      <summary className="min-h-8 cursor-pointer">
        {night.session} {night.verdict && <Verdict of={night.verdict} />}
      </summary>
      <ul className="space-y-1 pl-3">
        {night.lines.map((line) => (
          <li key={line.bot_id} className="break-words">
            <strong>{line.bot}</strong> {line.symbol} <Verdict of={line.verdict} />
            {line.reason && <span className="text-muted"> {t(`nightReason.${line.reason}`)}</span>}
            <p className="text-muted">
              {t('goingLive.here')} <Here line={line} /> · {t('goingLive.there')} <There line={line} />
              {line.together_with.length > 0 && (
                <> · {t('goingLive.together', { bots: line.together_with.join(', ') })}</>
              )}
            </p>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Verdict({ of }: { of: NightLine['verdict'] }) {
  const { t } = useTranslation();
  return <Badge tone={TONES[of]}>{t(`verdict.${of}`)}</Badge>;
}

function Here({ line }: { line: NightLine }) {
  const { t } = useTranslation();
  if (line.buy_usd <= 0 && line.sell_shares <= 0) return t('goingLive.nothing');
  return (
    <>
      {line.buy_usd > 0 && (
        <>
          {t('side.buy')} <Money value={line.buy_usd} />{' '}
        </>
      )}
      {line.sell_shares > 0 && (
        <>
          {t('side.sell')} <Shares value={line.sell_shares} unit />
        </>
      )}
    </>
  );
}

function There({ line }: { line: NightLine }) {
  const { t } = useTranslation();
  const { bought, bought_usd, sold, sold_usd } = line.executed;
  if (bought === 0 && sold === 0) return t('goingLive.nothing');
  return (
    <>
      {bought > 0 && (
        <>
          {t('side.buy')} <Shares value={bought} unit /> <Money value={bought_usd} />{' '}
        </>
      )}
      {sold > 0 && (
        <>
          {t('side.sell')} <Shares value={sold} unit /> <Money value={sold_usd} />
        </>
      )}
    </>
  );
}
