import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { download, get, patch, post, put, remove } from '../client';
import type {
  Account,
  AccountLimits,
  AccountPatch,
  Balance,
  BrokerCheck,
  BrokerKeyInput,
  ChatTest,
  Climb,
  ExportReport,
  GoingLive,
  NewAccount,
  Night,
  Page,
  Run,
  Schedule,
  ScheduleView,
  Settlement,
} from '../types';
import { keys } from './keys';

export function useAccounts() {
  return useQuery({
    queryKey: keys.accounts,
    queryFn: ({ signal }) => get<Page<Account>>('trading/accounts', undefined, signal),
    staleTime: 10_000,
  });
}

/** Puts a changed account into the list that all pages read. */
export function keepAccount(client: QueryClient, account: Account): void {
  client.setQueryData<Page<Account>>(keys.accounts, (list) => {
    if (!list) return list;
    const known = list.items.some((item) => item.id === account.id);
    return {
      ...list,
      items: known ? list.items.map((item) => (item.id === account.id ? account : item)) : [...list.items, account],
    };
  });
}

function useAccountMutation<Input>(call: (input: Input) => Promise<Account>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: call,
    onSuccess: (account) => {
      keepAccount(client, account);
      void client.invalidateQueries({ queryKey: keys.accounts });
    },
  });
}

const at = (id: string, rest = '') => `trading/accounts/${encodeURIComponent(id)}${rest}`;

/** Where a live account stands on its ladder. */
export function useGoingLive(id: string) {
  return useQuery({
    queryKey: keys.goingLive(id),
    queryFn: ({ signal }) => get<GoingLive>(at(id, '/going-live'), undefined, signal),
  });
}

/** Moves an account or one of its bots on the ladder. */
export function useClimb(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: Climb) => post<GoingLive>(at(id, '/going-live'), input),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.accounts }),
  });
}

/** Observed nights, newest first. */
export function useNights(id: string) {
  return useQuery({
    queryKey: keys.nights(id),
    queryFn: ({ signal }) => get<Page<Night>>(at(id, '/nights'), undefined, signal),
  });
}

/** Downloads an account for the old program: its database and its settings. */
export function useExportAccount(id: string) {
  return useMutation({
    mutationFn: async () => {
      const report = await get<ExportReport>(at(id, '/export/eggmoney'));
      await download(at(id, '/export/eggmoney/database'), `egg_${report.account_name}.db`);
      await download(at(id, '/export/eggmoney/settings'), 'key_store.json');
      return report;
    },
  });
}

export const useCreateAccount = () =>
  useAccountMutation((input: NewAccount) => post<Account>('trading/accounts', input));

export const useSaveAccount = (id: string) =>
  useAccountMutation((input: AccountPatch) => patch<Account>(at(id), input));
export const useStartAccount = (id: string) =>
  useAccountMutation((_: undefined) => post<Account>(at(id, '/start'), { old_server_stopped: true }));
export const useStopAccount = (id: string) => useAccountMutation((_: undefined) => post<Account>(at(id, '/stop'), {}));
export const useSaveBrokerKey = (id: string) =>
  useAccountMutation((input: BrokerKeyInput) => put<Account>(at(id, '/broker-key'), input));
export const useSaveHtsId = (id: string) =>
  useAccountMutation((hts_id: string | null) => put<Account>(at(id, '/hts-id'), { hts_id }));
export const useSaveTelegram = (id: string) =>
  useAccountMutation((input: { bot_token: string; chat_id: string }) => put<Account>(at(id, '/telegram'), input));

export const useSaveLimits = (id: string) =>
  useAccountMutation((input: { version: number; limits: AccountLimits }) => put<Account>(at(id, '/limits'), input));

function useAccountRemoval(path: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => remove<Account | undefined>(path),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.accounts }),
  });
}
export const useRemoveBrokerKey = (id: string) => useAccountRemoval(at(id, '/broker-key'));
export const useRemoveTelegram = (id: string) => useAccountRemoval(at(id, '/telegram'));

export const useTestBrokerKey = (id: string) =>
  useMutation({ mutationFn: () => post<BrokerCheck>(at(id, '/broker-key/test'), {}) });
/** Tries a key that belongs to no account yet. */
export const useTryBrokerKey = () =>
  useMutation({ mutationFn: (input: BrokerKeyInput) => post<BrokerCheck>('trading/broker-keys/test', input) });
export const useTestTelegram = (id: string) =>
  useMutation({ mutationFn: () => post<ChatTest>(at(id, '/telegram/test'), {}) });
export const useSendStatus = (id: string) =>
  useMutation({ mutationFn: () => post<{ messages: number }>(at(id, '/send-status'), {}) });

export function useSettle(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: Settlement) => post<unknown>(at(id, '/settle'), input),
    onSuccess: () => client.invalidateQueries(),
  });
}

export function useSchedule(id: string) {
  return useQuery({
    queryKey: keys.schedule(id),
    queryFn: ({ signal }) => get<ScheduleView>(at(id, '/schedule'), undefined, signal),
  });
}

export function useSaveSchedule(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: { version: number; schedule: Schedule }) => put<ScheduleView>(at(id, '/schedule'), input),
    onSuccess: (view) => {
      client.setQueryData(keys.schedule(id), view);
      void client.invalidateQueries({ queryKey: keys.accounts });
      void client.invalidateQueries({ queryKey: keys.preview(id) });
    },
  });
}

export function useRuns(id: string) {
  return useQuery({
    queryKey: keys.runs(id),
    queryFn: ({ signal }) => get<Page<Run>>(at(id, '/runs'), undefined, signal),
    refetchInterval: 30_000,
  });
}

export function useBalance(id: string) {
  return useQuery({
    queryKey: keys.balance(id),
    queryFn: ({ signal }) => get<Balance>(at(id, '/balance'), undefined, signal),
    refetchInterval: 30_000,
  });
}

export function useAskBalance(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => post<Balance>(at(id, '/balance'), {}),
    onSuccess: (balance) => client.setQueryData(keys.balance(id), balance),
  });
}
