import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, patch, post, remove } from '../client';
import type { Bot, BotPatch, Ladder, NewBot, Order, Page, Preview, RenewalRequest, RenewalResult } from '../types';
import { keys } from './keys';

const at = (id: string, rest = '') => `trading/bots/${encodeURIComponent(id)}${rest}`;

export function useBots(account: string | undefined) {
  return useQuery({
    queryKey: keys.bots(account),
    queryFn: ({ signal }) => get<Page<Bot>>('trading/bots', { account_id: account }, signal),
    enabled: account !== undefined,
    refetchInterval: 30_000,
  });
}

export function useBot(id: string) {
  return useQuery({
    queryKey: keys.bot(id),
    queryFn: ({ signal }) => get<Bot>(at(id), undefined, signal),
    refetchInterval: 30_000,
  });
}

export function useLadder(id: string) {
  return useQuery({
    queryKey: keys.ladder(id),
    queryFn: ({ signal }) => get<Ladder>(at(id, '/ladder'), undefined, signal),
    refetchInterval: 30_000,
  });
}

export function usePreview(account: string) {
  return useQuery({
    queryKey: keys.preview(account),
    queryFn: ({ signal }) => get<Preview>('trading/preview', { account_id: account }, signal),
    refetchInterval: 60_000,
  });
}

/** Everything that a change of bots can alter. */
function useRefreshBots() {
  const client = useQueryClient();
  return (bot?: Bot) => {
    if (bot) client.setQueryData(keys.bot(bot.id), bot);
    for (const key of [keys.bots(), ['ladder'], ['preview'], keys.summary()]) {
      void client.invalidateQueries({ queryKey: key });
    }
  };
}

export function useCreateBot() {
  const refresh = useRefreshBots();
  return useMutation({ mutationFn: (input: NewBot) => post<Bot>('trading/bots', input), onSuccess: refresh });
}

export function useSaveBot(id: string) {
  const refresh = useRefreshBots();
  return useMutation({ mutationFn: (input: BotPatch) => patch<Bot>(at(id), input), onSuccess: refresh });
}

export function useRenameBot(id: string) {
  const refresh = useRefreshBots();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: { version: number; name: string }) => post<unknown>(at(id, '/rename'), input),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.bot(id) });
      refresh();
    },
  });
}

export function useDeleteBot(id: string) {
  const refresh = useRefreshBots();
  return useMutation({ mutationFn: () => remove<void>(at(id)), onSuccess: () => refresh() });
}

export function useReorderBots(account: string) {
  const refresh = useRefreshBots();
  return useMutation({
    mutationFn: (order: string[]) => post<unknown>('trading/bots/reorder', { account_id: account, order }),
    onSettled: () => refresh(),
  });
}

export function useForceSell(id: string) {
  const refresh = useRefreshBots();
  return useMutation({
    mutationFn: ({ ratio, key }: { ratio: string; key: string }) =>
      post<Order>(at(id, '/force-sell'), { ratio_percent: ratio }, { key }),
    onSuccess: () => refresh(),
  });
}

export function useRenewal() {
  const refresh = useRefreshBots();
  return useMutation({
    mutationFn: (input: RenewalRequest) => post<RenewalResult>('trading/bots/renewal', input),
    onSuccess: (_, input) => {
      if (!input.dry_run) refresh();
    },
  });
}
