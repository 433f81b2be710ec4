import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, post, put, remove } from '../client';
import type { BackupSettings, Backups, RecoveryKey, TwoWords } from '../types';
import { keys } from './keys';

const AT = 'admin/backup';
const key = [...keys.admin, 'backup'] as const;

/** How backups fare; asked often while one is under way. */
export const useBackups = () =>
  useQuery({
    queryKey: key,
    queryFn: ({ signal }) => get<Backups>(AT, undefined, signal),
    refetchInterval: (query) => (query.state.data?.running ? 1000 : 30_000),
  });

/** A change whose answer is the new state. */
function useStated<Input>(send: (input: Input) => Promise<Backups>) {
  const client = useQueryClient();
  return useMutation({ mutationFn: send, onSuccess: (state) => client.setQueryData(key, state) });
}

export const useBackUp = () => useStated(() => post<Backups>(`${AT}/run`));
export const useDrill = () => useStated(() => post<Backups>(`${AT}/drill`));
export const useSaveBackupSettings = () => useStated((input: BackupSettings) => put<Backups>(`${AT}/settings`, input));

/** A change after which the state is asked for again. */
function useChange<Input, Output>(send: (input: Input) => Promise<Output>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: send,
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: key });
      void client.invalidateQueries({ queryKey: keys.killSwitch });
    },
  });
}

export const useShowRecoveryKey = () => useChange(() => post<RecoveryKey>(`${AT}/recovery-key`));
export const useAnswerWords = () => useChange((words: TwoWords) => post<void>(`${AT}/recovery-key/words`, words));
export const useSetPassphrase = () => useChange((passphrase: string) => put<void>(`${AT}/passphrase`, { passphrase }));
export const useRemovePassphrase = () => useChange(() => remove<void>(`${AT}/passphrase`));
export const useRelease = () => useChange(() => post<void>(`${AT}/release`, { old_server_off: true }));
