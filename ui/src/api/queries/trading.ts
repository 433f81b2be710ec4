import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, post } from '../client';
import type {
  HistoryCorrection,
  HistoryPage,
  HistorySummary,
  HoldingCorrection,
  Order,
  OrderDetail,
  Page,
  Positions,
  Sheet,
} from '../types';
import { keys } from './keys';

const PAGE = 50;

export function useSheets(account: string) {
  return useQuery({
    queryKey: keys.sheets(account),
    queryFn: ({ signal }) => get<Page<Sheet>>('trading/sheets', { account_id: account }, signal),
    refetchInterval: 15_000,
  });
}

export function useOrders(account: string) {
  return useInfiniteQuery({
    queryKey: keys.orders(account),
    queryFn: ({ pageParam, signal }) =>
      get<Page<Order>>('trading/orders', { account_id: account, limit: PAGE, after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: 30_000,
  });
}

export function useOrder(id: string) {
  return useQuery({
    queryKey: keys.order(id),
    queryFn: ({ signal }) => get<OrderDetail>(`trading/orders/${encodeURIComponent(id)}`, undefined, signal),
    refetchInterval: 10_000,
  });
}

export function usePositions(account: string) {
  return useQuery({
    queryKey: keys.positions(account),
    queryFn: ({ signal }) => get<Positions>('trading/positions', { account_id: account }, signal),
  });
}

export interface HistoryFilter {
  from?: string;
  to?: string;
  kind?: string;
  bot?: string;
}

export function useHistory(account: string, filter: HistoryFilter) {
  return useInfiniteQuery({
    queryKey: [...keys.history(account), filter],
    queryFn: ({ pageParam, signal }) =>
      get<HistoryPage>('trading/history', { account_id: account, ...filter, limit: PAGE, after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
  });
}

export function useHistorySummary(account: string) {
  return useQuery({
    queryKey: keys.historySummary(account),
    queryFn: ({ signal }) => get<HistorySummary>('trading/history/summary', { account_id: account }, signal),
  });
}

/** Corrections are new audited entries; each needs a note. */
function useCorrection<Input>(path: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: Input) => post<{ fact_seq: number }>(`trading/corrections/${path}`, input),
    onSuccess: () => client.invalidateQueries(),
  });
}

export const useCorrectHolding = () => useCorrection<HoldingCorrection>('holding');
export const useRemoveHolding = () =>
  useCorrection<{ account_id: string; holding_id: string; note: string }>('holding/remove');
export const useAddHistory = () => useCorrection<HistoryCorrection>('history');
export const useRemoveHistory = () =>
  useCorrection<{ account_id: string; history_id: string; note: string }>('history/remove');
