import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useStartAccount, useStopAccount } from '../../api/queries/accounts';
import type { Account } from '../../api/types';
import { isWithoutBots } from '../../components/layout/twin';
import { ModeBadge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { Note } from '../../components/ui/feedback';
import { CheckField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { When } from '../../components/ui/value';

/** Whether the bots trade, what keeps them from it, and the switch. */
export function ModeCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<'start' | 'stop' | null>(null);
  const observing = account.mode === 'observe';
  const own = account.environment === 'own';
  // A live account starts by climbing its ladder.
  const live = account.environment === 'live';
  const blocks = [
    account.unsettled.length > 0 && 'unsettled',
    !own && !account.broker_key?.present && 'no_broker_key',
  ].filter((code): code is string => typeof code === 'string');
  return (
    <Card title={t('account.mode')} actions={<ModeBadge account={account} />}>
      <p className="text-sm">
        {t(
          account.twin
            ? account.twin.ended_at
              ? 'twin.endedText'
              : 'twin.text'
            : own
              ? observing
                ? 'paper.observeText'
                : 'paper.tradingText'
              : observing
                ? 'account.observeText'
                : 'account.tradingText',
        )}
      </p>
      {account.started_at && (
        <p className="text-muted mt-1 text-sm">
          {t('account.startedAt')} <When at={account.started_at} long />
        </p>
      )}
      {observing && blocks.length > 0 && (
        <div className="mt-3">
          <Note tone="warning" testId="start-blocks">
            <p className="font-semibold">{t('account.beforeStart')}</p>
            <ul className="list-disc pl-5">
              {blocks.map((code) => (
                <li key={code}>{t(`errors.${code}`)}</li>
              ))}
            </ul>
          </Note>
        </div>
      )}
      <div className="mt-4 flex flex-wrap gap-2">
        {(observing && live) || account.twin ? null : observing ? (
          <Button tone="primary" onClick={() => setAsked('start')} data-testid="account-start">
            {t('account.start')}
          </Button>
        ) : (
          <Button tone="danger" onClick={() => setAsked('stop')} data-testid="account-stop">
            {t('account.stop')}
          </Button>
        )}
        {!isWithoutBots(account) && (
          <Link to="/preview" className="inline-flex min-h-10 items-center px-2 text-sm font-semibold underline">
            {t('nav.preview')}
          </Link>
        )}
      </div>
      {asked === 'start' && <StartDialog account={account} onClose={() => setAsked(null)} />}
      {asked === 'stop' && <StopDialog account={account} onClose={() => setAsked(null)} />}
    </Card>
  );
}

function StartDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const start = useStartAccount(account.id);
  const own = account.environment === 'own';
  // Nobody else can trade an account inside this server.
  const [stopped, setStopped] = useState(own);
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('account.startTitle', { account: account.name })}
      confirmLabel={t('account.start')}
      ready={stopped}
      busy={start.isPending}
      error={start.error}
      tone="primary"
      testId="start-dialog"
      onConfirm={() =>
        start.mutate(undefined, {
          onSuccess: () => {
            toast({ text: t('account.started', { account: account.name }), tone: 'ok' });
            onClose();
          },
        })
      }
    >
      <ModeBadge account={account} />
      {!own && (
        <>
          <Note tone="warning">{t('account.startText')}</Note>
          <CheckField
            label={<strong>{t('account.oldServerStopped')}</strong>}
            checked={stopped}
            data-testid="old-server-stopped"
            onChange={(event) => setStopped(event.target.checked)}
          />
        </>
      )}
    </ConfirmDialog>
  );
}

function StopDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const stop = useStopAccount(account.id);
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('account.stopTitle', { account: account.name })}
      confirmLabel={t('account.stop')}
      busy={stop.isPending}
      error={stop.error}
      testId="stop-dialog"
      onConfirm={() =>
        stop.mutate(undefined, {
          onSuccess: () => {
            toast({ text: t('account.stopped', { account: account.name }), tone: 'ok' });
            onClose();
          },
        })
      }
    >
      <p className="text-sm">{t('account.stopText')}</p>
    </ConfirmDialog>
  );
}
