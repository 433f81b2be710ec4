import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, post, put, remove } from '../client';
import type {
  AccountEndsChange,
  Expiry,
  LogPage,
  MadeMetricsToken,
  MetricsTokenState,
  OutpostChange,
  OutpostKind,
  Outposts,
  Page,
} from '../types';
import { keys } from './keys';

export interface LogFilter {
  level: string;
  target: string;
  text: string;
  from: string;
  until: string;
}

/** The server's log from the newest line backwards. */
export const useLog = (filter: LogFilter) =>
  useInfiniteQuery({
    queryKey: [...keys.admin, 'logs', filter],
    queryFn: ({ pageParam, signal }) =>
      get<LogPage>('admin/logs', { ...filter, limit: 100, before: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    // A log that is being read must not move under the reader.
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });

const METRICS = 'admin/metrics-token';

export const useMetricsToken = () =>
  useQuery({
    queryKey: [...keys.admin, 'metrics-token'],
    queryFn: ({ signal }) => get<MetricsTokenState>(METRICS, undefined, signal),
  });

function useChange<Input, Result>(mutationFn: (input: Input) => Promise<Result>, key: readonly unknown[]) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    // A token is not kept once its dialog is closed.
    gcTime: 0,
    onSuccess: () => void client.invalidateQueries({ queryKey: key }),
  });
}

export const useMakeMetricsToken = () => useChange(() => post<MadeMetricsToken>(METRICS), keys.admin);
export const useDropMetricsToken = () => useChange(() => remove<void>(METRICS), keys.admin);

export const useOutposts = () =>
  useQuery({
    queryKey: [...keys.admin, 'outposts'],
    queryFn: ({ signal }) => get<Outposts>('admin/outposts', undefined, signal),
    refetchInterval: 30_000,
  });
export const useSetOutpost = (kind: OutpostKind) =>
  useChange((input: OutpostChange) => put<Outposts>(`admin/outposts/${kind}`, input), keys.admin);
export const useDropOutpost = (kind: OutpostKind) =>
  useChange(() => remove<void>(`admin/outposts/${kind}`), keys.admin);

export const useExpiries = () =>
  useQuery({
    queryKey: keys.expiries,
    queryFn: ({ signal }) => get<Page<Expiry>>('users/expiries', undefined, signal),
  });
export const useSetAccountEnds = (account: string) =>
  useChange(
    (input: AccountEndsChange) => put<void>(`trading/accounts/${encodeURIComponent(account)}/ends`, input),
    keys.expiries,
  );
