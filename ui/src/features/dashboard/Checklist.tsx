import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useBots } from '../../api/queries/bots';
import type { Account } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { readPreference, writePreference } from '../../lib/storage';

/** The way from an empty installation to a trading account. Gone once the account trades or the person hides it. */
export function Checklist({ account }: { account: Account | undefined }) {
  const { t } = useTranslation();
  const bots = useBots(account?.id);
  const key = `checklist.${account?.id ?? 'none'}`;
  const [hidden, setHidden] = useState(() => readPreference(key) === 'hidden');
  if (hidden || account?.mode === 'trading' || account?.started_at) return null;
  const steps = [
    { id: 'account', done: account !== undefined, to: '/import' },
    { id: 'key', done: Boolean(account?.broker_key?.present && account.broker_answered_at), to: '/account' },
    { id: 'telegram', done: account?.telegram?.present ?? false, to: '/account' },
    { id: 'bots', done: (bots.data?.items.length ?? 0) > 0, to: '/bots' },
    { id: 'schedule', done: readPreference(`seen.schedule.${account?.id}`) === 'yes', to: '/schedule' },
    { id: 'preview', done: readPreference(`seen.preview.${account?.id}`) === 'yes', to: '/preview' },
    { id: 'start', done: false, to: '/account' },
  ];
  const done = steps.filter((step) => step.done).length;
  return (
    <Card
      className="mt-4 first:mt-0"
      testId="checklist"
      title={t('checklist.title', { done, total: steps.length })}
      actions={
        account && (
          <Button
            tone="quiet"
            onClick={() => {
              writePreference(key, 'hidden');
              setHidden(true);
            }}
          >
            {t('checklist.hide')}
          </Button>
        )
      }
    >
      <ol className="grid gap-2 sm:grid-cols-2">
        {steps.map((step) => (
          <li key={step.id}>
            <Link to={step.to} className="hover:bg-sunken flex items-start gap-2 rounded-lg p-1.5 text-sm">
              <span aria-hidden="true" className={step.done ? 'text-ok' : 'text-muted'}>
                {step.done ? '✓' : '○'}
              </span>
              <span>
                <span className={step.done ? 'text-muted' : 'font-medium'}>{t(`checklist.${step.id}`)}</span>
                <span className="sr-only"> {t(step.done ? 'checklist.done' : 'checklist.open')}</span>
              </span>
            </Link>
          </li>
        ))}
      </ol>
    </Card>
  );
}
