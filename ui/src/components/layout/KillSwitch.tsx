import { createContext, type ReactNode, useContext, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { type SwitchInput, useKillSwitch, useSetKillSwitch } from '../../api/queries/safety';
import { useSession } from '../../api/session';
import type { KillSwitch } from '../../api/types';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { ErrorNote, Note } from '../ui/feedback';
import { Icon } from '../ui/icon';
import { useToast } from '../ui/toast';
import { When } from '../ui/value';
import { useCurrentAccount } from './account';

const OpenContext = createContext<() => void>(() => undefined);
/** Opens the dialog of the kill switch. */
export const useOpenKillSwitch = (): (() => void) => useContext(OpenContext);

export function KillSwitchProvider({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <OpenContext.Provider value={() => setOpen(true)}>
      {children}
      {open && <KillSwitchDialog onClose={() => setOpen(false)} />}
    </OpenContext.Provider>
  );
}

/** In the header of every page. */
export function KillSwitchButton() {
  const { t } = useTranslation();
  const open = useOpenKillSwitch();
  return (
    <button
      type="button"
      aria-label={t('killSwitch.title')}
      title={t('killSwitch.title')}
      data-testid="kill-switch"
      className="text-danger hover:bg-danger-bg inline-flex min-h-10 min-w-10 shrink-0 items-center justify-center gap-1 rounded-lg text-sm font-semibold sm:px-2"
      onClick={open}
    >
      <Icon name="stop" />
      <span aria-hidden="true" className="hidden lg:inline">
        {t('killSwitch.title')}
      </span>
    </button>
  );
}

/** What is stopped, the widest switch first. */
function useStopped(state: KillSwitch | undefined): string | null {
  const { t } = useTranslation();
  const { accounts } = useCurrentAccount();
  if (!state) return null;
  if (state.hold) return t(state.hold.reason === 'restored' ? 'killSwitch.heldRestored' : 'killSwitch.heldSuperseded');
  if (state.installation) return t('killSwitch.stoppedInstallation');
  if (state.user) return t('killSwitch.stoppedUser');
  const names = state.accounts.map((halt) => accounts.find((item) => item.id === halt.account_id)?.name ?? '?');
  return names.length > 0 ? t('killSwitch.stoppedAccounts', { names: names.join(', ') }) : null;
}

/** Red, over every page, while anything of the person's is stopped. */
export function KillSwitchBanner() {
  const { t } = useTranslation();
  const open = useOpenKillSwitch();
  const { user } = useSession();
  const state = useKillSwitch().data;
  const text = useStopped(state);
  if (!text) return null;
  return (
    <div
      role="alert"
      data-testid="kill-switch-banner"
      className="bg-danger flex flex-wrap items-center print:hidden justify-center gap-x-3 px-3 py-1 text-center text-sm font-semibold text-white dark:text-black"
    >
      {text}
      {!state?.hold ? (
        <button type="button" className="min-h-8 underline" onClick={open}>
          {t('killSwitch.look')}
        </button>
      ) : (
        user?.role === 'admin' && (
          <Link to="/admin/backup" className="inline-flex min-h-8 items-center underline">
            {t('killSwitch.look')}
          </Link>
        )
      )}
    </div>
  );
}

function KillSwitchDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { user } = useSession();
  const { account, accounts } = useCurrentAccount();
  const query = useKillSwitch();
  const state = query.data;
  const halts = state?.accounts ?? [];
  // The present account, and any other that is stopped.
  const shown = accounts.filter((item) => item.id === account?.id || halts.some((halt) => halt.account_id === item.id));
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('killSwitch.title')}
      testId="kill-switch-dialog"
      footer={<Button onClick={onClose}>{t('common.close')}</Button>}
    >
      <p className="text-sm">{t('killSwitch.text')}</p>
      {query.error && <ErrorNote error={query.error} retry={() => void query.refetch()} />}
      {state?.installation && (
        <Note tone="error">
          {t('killSwitch.stoppedInstallation')} <When at={state.installation} />{' '}
          {user?.role === 'admin' ? (
            <Link to="/admin" className="font-semibold underline" onClick={onClose}>
              {t('nav.admin')}
            </Link>
          ) : (
            t('killSwitch.onlyAdmin')
          )}
        </Note>
      )}
      <SwitchRow
        scope="user"
        label={t('killSwitch.all')}
        since={state?.user ?? null}
        wider={Boolean(state?.installation)}
        testId="kill-user"
      />
      {shown.map((item) => (
        <SwitchRow
          key={item.id}
          scope={{ account: item.id }}
          label={t('killSwitch.one', { account: item.name })}
          since={halts.find((halt) => halt.account_id === item.id)?.since ?? null}
          wider={Boolean(state?.user ?? state?.installation)}
          testId="kill-account"
        />
      ))}
    </Dialog>
  );
}

/** One switch: stops at once; what lifts it asks for the password first. */
export function SwitchRow({
  scope,
  label,
  since,
  wider = false,
  testId,
}: {
  scope: SwitchInput['scope'];
  label: string;
  since: string | null;
  /** A switch over this one is on, so that nothing runs whatever this one says. */
  wider?: boolean;
  testId: string;
}) {
  const { t } = useTranslation();
  const toast = useToast();
  const change = useSetKillSwitch();
  const stop = () =>
    change.mutate({ scope, on: true }, { onSuccess: () => toast({ text: t('killSwitch.stopped'), tone: 'warning' }) });
  const lift = () =>
    change.mutate({ scope, on: false }, { onSuccess: () => toast({ text: t('killSwitch.lifted'), tone: 'ok' }) });
  return (
    <section
      aria-label={label}
      data-testid={testId}
      data-on={since !== null}
      className="border-line rounded-xl border p-3"
    >
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="min-w-0">
          <strong>{label}</strong>{' '}
          <Badge tone={since || wider ? 'red' : 'green'}>
            {t(since ? 'killSwitch.on' : wider ? 'killSwitch.onAbove' : 'killSwitch.off')}
          </Badge>
          {since && (
            <span className="text-muted block text-xs">
              <When at={since} long />
            </span>
          )}
        </p>
        {!since ? (
          <Button tone="danger" busy={change.isPending} onClick={stop} data-testid={`${testId}-stop`}>
            {t('killSwitch.stop')}
          </Button>
        ) : (
          <Button busy={change.isPending} onClick={lift} data-testid={`${testId}-lift`}>
            {t('killSwitch.lift')}
          </Button>
        )}
      </div>
      {change.error && (
        <div className="mt-2">
          <ErrorNote error={change.error} />
        </div>
      )}
    </section>
  );
}
