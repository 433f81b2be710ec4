import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, patch, post, remove } from '../client';
import type {
  Bot,
  BotPatch,
  GivenGrant,
  NewBot,
  NewGrant,
  Order,
  Page,
  Positions,
  ReceivedGrant,
  SharedAccount,
} from '../types';
import { keys } from './keys';

/** What an owner lets others do with an account, and what others let this person do. */

const grantsAt = (account: string) => `trading/accounts/${encodeURIComponent(account)}/grants`;
const sharedAt = (grant: string, rest = '') => `shared/${encodeURIComponent(grant)}${rest}`;
/** Others act in a shared account as well: it is looked at again and again. */
const AGAIN = 15_000;

export const useGrants = (account: string) =>
  useQuery({
    queryKey: keys.grants(account),
    queryFn: ({ signal }) => get<Page<GivenGrant>>(grantsAt(account), undefined, signal),
  });

export function useGiveGrant(account: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: NewGrant) => post<GivenGrant>(grantsAt(account), input),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.grants(account) }),
  });
}

export function useRevokeGrant(account: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => remove<void>(`${grantsAt(account)}/${encodeURIComponent(id)}`),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.grants(account) }),
  });
}

export const useReceivedGrants = () =>
  useQuery({
    queryKey: keys.shared,
    queryFn: ({ signal }) => get<Page<ReceivedGrant>>('shared', undefined, signal),
    refetchInterval: 60_000,
  });

function useSharedPart<T>(grant: string, part: string, enabled: boolean) {
  return useQuery({
    queryKey: [...keys.shared, grant, part],
    queryFn: ({ signal }) => get<T>(sharedAt(grant, `/${part}`), undefined, signal),
    refetchInterval: AGAIN,
    enabled,
  });
}

export const useSharedAccount = (grant: string, may: boolean) => useSharedPart<SharedAccount>(grant, 'account', may);
export const useSharedPositions = (grant: string) => useSharedPart<Positions>(grant, 'positions', true);
export const useSharedOrders = (grant: string) => useSharedPart<Page<Order>>(grant, 'orders?limit=20', true);
export const useSharedBots = (grant: string) => useSharedPart<Page<Bot>>(grant, 'bots', true);

function useSharedMutation<Input, Result>(mutationFn: (input: Input) => Promise<Result>) {
  const client = useQueryClient();
  return useMutation({ mutationFn, onSuccess: () => void client.invalidateQueries({ queryKey: keys.shared }) });
}

export const useStopShared = (grant: string) =>
  useSharedMutation<void, { halted: boolean }>(() => post(sharedAt(grant, '/stop')));
export const useDecline = () => useSharedMutation((grant: string) => remove<void>(sharedAt(grant)));
export const useCreateSharedBot = (grant: string) =>
  useSharedMutation((input: NewBot) => post<Bot>(sharedAt(grant, '/bots'), input));
export const useSaveSharedBot = (grant: string, bot: string) =>
  useSharedMutation((input: BotPatch) => patch<Bot>(sharedAt(grant, `/bots/${encodeURIComponent(bot)}`), input));
export const useDeleteSharedBot = (grant: string) =>
  useSharedMutation((bot: string) => remove<void>(sharedAt(grant, `/bots/${encodeURIComponent(bot)}`)));
