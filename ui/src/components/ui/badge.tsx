import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account, Environment } from '../../api/types';

const tones = {
  grey: 'bg-sunken text-muted border-line',
  amber: 'bg-warn-bg text-warn border-warn',
  red: 'bg-danger-bg text-danger border-danger',
  green: 'bg-sunken text-ok border-ok',
  up: 'text-up border-up',
  down: 'text-down border-down',
};
export type BadgeTone = keyof typeof tones;

export function Badge({ tone = 'grey', children, testId }: { tone?: BadgeTone; children: ReactNode; testId?: string }) {
  return (
    <span
      data-testid={testId}
      className={`inline-flex items-center rounded-full border px-2 py-0.5 text-xs font-semibold whitespace-nowrap ${tones[tone]}`}
    >
      {children}
    </span>
  );
}

/** Observing is grey, paper trading is amber, real money is red. A paper twin says that it is one. */
export function ModeBadge({
  account,
}: {
  account: Pick<Account, 'mode' | 'environment'> & Partial<Pick<Account, 'twin'>>;
}) {
  const { t } = useTranslation();
  if (account.twin) {
    return (
      <span className="inline-flex gap-1" data-testid="mode-badge">
        <Badge tone={account.twin.ended_at ? 'grey' : 'amber'}>
          {t(account.twin.ended_at ? 'twin.endedBadge' : 'twin.badge')}
        </Badge>
      </span>
    );
  }
  const live = account.environment === 'live';
  return (
    <span className="inline-flex gap-1" data-testid="mode-badge">
      <Badge tone={live ? 'red' : 'amber'}>{t(`environment.${account.environment}`)}</Badge>
      <Badge tone={account.mode === 'observe' ? 'grey' : live ? 'red' : 'amber'}>{t(`mode.${account.mode}`)}</Badge>
    </span>
  );
}

export function EnvironmentBadge({ environment }: { environment: Environment }) {
  const { t } = useTranslation();
  return <Badge tone={environment === 'live' ? 'red' : 'amber'}>{t(`environment.${environment}`)}</Badge>;
}

export function SideBadge({ side }: { side: 'buy' | 'sell' }) {
  const { t } = useTranslation();
  return <Badge tone={side === 'buy' ? 'up' : 'down'}>{t(`side.${side}`)}</Badge>;
}
