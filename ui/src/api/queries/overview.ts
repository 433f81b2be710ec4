import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, post } from '../client';
import type { AlertPage, Indicators, Summary } from '../types';
import { keys } from './keys';

export function useSummary(account: string | undefined) {
  return useQuery({
    queryKey: [...keys.summary(), account ?? 'all'],
    queryFn: ({ signal }) => get<Summary>('portfolio/summary', { account_id: account }, signal),
    refetchInterval: 30_000,
  });
}

export function useIndicators(account: string | undefined) {
  return useQuery({
    queryKey: [...keys.indicators(), account ?? 'all'],
    queryFn: ({ signal }) => get<Indicators>('market/indicators', { account_id: account }, signal),
    refetchInterval: 120_000,
    staleTime: 60_000,
  });
}

/** Messages; without `steps` only those that a person should know of. */
export function useAlerts(steps = false) {
  return useInfiniteQuery({
    queryKey: [...keys.alerts, steps],
    queryFn: ({ pageParam, signal }) => get<AlertPage>('alerts', { limit: 50, after: pageParam, steps }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    staleTime: 15_000,
  });
}

export function useReadAlerts() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: { ids: string[] } | { all: true }) => post<void>('alerts/read', input),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.alerts }),
  });
}
