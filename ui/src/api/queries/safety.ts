import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, post } from '../client';
import type { KillSwitch } from '../types';
import { keys } from './keys';

/** The kill switches that concern the person; asked often enough that a switch of the administrator is seen soon. */
export function useKillSwitch() {
  return useQuery({
    queryKey: keys.killSwitch,
    queryFn: ({ signal }) => get<KillSwitch>('trading/kill-switch', undefined, signal),
    refetchInterval: 20_000,
  });
}

export interface SwitchInput {
  scope: 'installation' | 'user' | { account: string };
  on: boolean;
}

export function useSetKillSwitch() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ scope, ...input }: SwitchInput) => {
      if (scope === 'installation') return post<KillSwitch>('admin/kill-switch', input);
      return post<KillSwitch>('trading/kill-switch', scope === 'user' ? input : { ...input, account: scope.account });
    },
    onSuccess: (state) => {
      client.setQueryData(keys.killSwitch, state);
      for (const key of [keys.accounts, keys.orders, ['order'], keys.ticket]) {
        void client.invalidateQueries({ queryKey: key });
      }
    },
  });
}
