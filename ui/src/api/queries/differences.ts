import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, post } from '../client';
import type { Account, Bot, Difference, DifferenceAnswer, Differences } from '../types';
import { keys } from './keys';

const at = (id: string, rest: string) => `trading/accounts/${encodeURIComponent(id)}${rest}`;

/** The open questions about an account's books and its broker; our own paper has no broker to differ from. */
export function useDifferences(account: Pick<Account, 'id' | 'environment' | 'twin'> | undefined) {
  return useQuery({
    queryKey: keys.differences(account?.id ?? ''),
    queryFn: ({ signal }) => get<Differences>(at(account?.id ?? '', '/differences'), undefined, signal),
    enabled: account !== undefined && (account.environment !== 'own' || Boolean(account.twin)),
    refetchInterval: 60_000,
  });
}

/** The question that holds a bot, if there is one. */
export function questionOf(bot: Pick<Bot, 'symbol' | 'active'>, open: Differences | undefined): Difference | undefined {
  return bot.active ? open?.items.find((item) => item.symbol === bot.symbol) : undefined;
}

function useDifferencesMutation<Input>(account: string, call: (input: Input) => Promise<Differences>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: call,
    onSuccess: (open) => client.setQueryData(keys.differences(account), open),
  });
}

export const useCompare = (account: string) =>
  useDifferencesMutation(account, (_: undefined) => post<Differences>(at(account, '/reconcile'), {}));

export function useAnswer(account: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...answer }: DifferenceAnswer & { id: string }) =>
      post<Differences>(at(account, `/differences/${encodeURIComponent(id)}/answer`), answer),
    onSuccess: (open) => {
      client.setQueryData(keys.differences(account), open);
      // An answer books: holdings, positions and history follow it.
      void client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'differences' });
    },
  });
}
