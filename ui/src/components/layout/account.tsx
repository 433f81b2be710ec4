import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAccounts } from '../../api/queries/accounts';
import type { Account } from '../../api/types';
import { readPreference, writePreference } from '../../lib/storage';
import { ButtonLink } from '../ui/button';
import { Empty, ErrorNote, Loading } from '../ui/feedback';

interface Current {
  account: Account | undefined;
  accounts: Account[];
  choose: (id: string) => void;
  query: ReturnType<typeof useAccounts>;
}

const Context = createContext<Current | null>(null);

/** The brokerage account that the pages are about; remembered in this browser. */
export function AccountProvider({ children }: { children: ReactNode }) {
  const query = useAccounts();
  const [chosen, setChosen] = useState(() => readPreference('account'));
  const choose = useCallback((id: string) => {
    writePreference('account', id);
    setChosen(id);
  }, []);
  // Paper inside this server is nobody's first thought; a paper run that has ended is shown when it is asked for.
  const accounts = useMemo(
    () =>
      (query.data?.items ?? [])
        .filter((item) => !item.twin?.ended_at || item.id === chosen)
        .sort((a, b) => Number(a.environment === 'own') - Number(b.environment === 'own')),
    [query.data, chosen],
  );
  const account = accounts.find((item) => item.id === chosen) ?? accounts[0];
  const value = useMemo(() => ({ account, accounts, choose, query }), [account, accounts, choose, query]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useCurrentAccount(): Current {
  const current = useContext(Context);
  if (!current) throw new Error('useCurrentAccount outside AccountProvider');
  return current;
}

/** Renders its children with the current account; explains what to do when there is none. */
export function WithAccount({ children }: { children: (account: Account) => ReactNode }) {
  const { account, query } = useCurrentAccount();
  if (account) return children(account);
  if (query.error) return <ErrorNote error={query.error} retry={() => void query.refetch()} />;
  if (query.isPending) return <Loading />;
  return <NoAccount page />;
}

export function NoAccount({ page = false }: { page?: boolean }) {
  const { t } = useTranslation();
  return (
    <Empty
      page={page}
      title={t('account.noneTitle')}
      action={
        <>
          <ButtonLink to="/import" tone="primary">
            {t('nav.import')}
          </ButtonLink>
          <ButtonLink to="/accounts/new">{t('account.create')}</ButtonLink>
        </>
      }
    >
      {t('account.noneText')}
    </Empty>
  );
}

/** Only shown when there is a choice. */
export function AccountSwitch() {
  const { t } = useTranslation();
  const { account, accounts, choose } = useCurrentAccount();
  if (!account) return null;
  if (accounts.length < 2) return <span className="truncate font-semibold">{account.name}</span>;
  return (
    <select
      aria-label={t('account.switch')}
      data-testid="account-switch"
      value={account.id}
      onChange={(event) => choose(event.target.value)}
      className="border-line bg-surface min-h-8 max-w-40 py-0 min-w-0 rounded-lg border px-2 font-semibold"
    >
      {accounts.map((item) => (
        <option key={item.id} value={item.id}>
          {item.name}
        </option>
      ))}
    </select>
  );
}
