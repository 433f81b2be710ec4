import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, patch, post, remove } from '../client';
import type {
  HistoryCorrection,
  HistoryPage,
  HistorySummary,
  HoldingCorrection,
  Order,
  OrderChange,
  OrderDetail,
  OrderRequest,
  Page,
  Positions,
  Sheet,
  Side,
  TicketPreview,
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

/** What a list of orders shows; without an account the orders of all of them. */
export interface OrderFilter {
  account_id?: string;
  open?: true;
  symbol?: string;
  side?: Side;
  from?: string;
  to?: string;
}

/** Whether a list shows an order, as the server decides it. */
export function isShown(filter: OrderFilter, order: Order): boolean {
  return (
    (!filter.account_id || filter.account_id === order.account_id) &&
    (!filter.open || isOpen(order)) &&
    (!filter.symbol || filter.symbol.trim().toUpperCase() === order.symbol) &&
    (!filter.side || filter.side === order.side) &&
    (!filter.from || order.session >= filter.from) &&
    (!filter.to || order.session <= filter.to)
  );
}

/** Further events are to be expected. */
export const isOpen = (order: Pick<Order, 'state'>): boolean =>
  !['filled', 'rejected', 'cancelled', 'expired'].includes(order.state);

export function useOrders(filter: OrderFilter) {
  return useInfiniteQuery({
    queryKey: [...keys.orders, filter],
    queryFn: ({ pageParam, signal }) =>
      get<Page<Order>>('trading/orders', { ...filter, limit: PAGE, after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: 30_000,
  });
}

const orderAt = (id: string) => `trading/orders/${encodeURIComponent(id)}`;

export function useOrder(id: string) {
  return useQuery({
    queryKey: keys.order(id),
    queryFn: ({ signal }) => get<OrderDetail>(orderAt(id), undefined, signal),
    refetchInterval: 10_000,
  });
}

/** What an order would come to; asked again while somebody looks at it, because prices move. */
export function useTicketPreview(request: OrderRequest | null) {
  return useQuery({
    queryKey: [...keys.ticket, request],
    queryFn: ({ signal }) => post<TicketPreview>('trading/orders/preview', request, { signal }),
    enabled: request !== null,
    refetchInterval: 10_000,
    placeholderData: (last) => (last && last.symbol === request?.symbol ? last : undefined),
  });
}

/** Everything that an order can alter. */
function useRefreshOrders() {
  const client = useQueryClient();
  return (order?: Order) => {
    if (order) client.setQueryData<OrderDetail>(keys.order(order.id), (data) => data && { ...data, ...order });
    for (const key of [keys.orders, ['order'], ['positions'], ['sheets'], keys.ticket]) {
      void client.invalidateQueries({ queryKey: key });
    }
  };
}

export function usePlaceOrder() {
  const refresh = useRefreshOrders();
  return useMutation({
    mutationFn: ({ request, key }: { request: OrderRequest; key: string }) =>
      post<Order>('trading/orders', request, { key }),
    // A refusal is an order too.
    onSettled: () => refresh(),
  });
}

export function useCancelOrder(id: string) {
  const refresh = useRefreshOrders();
  return useMutation({ mutationFn: () => remove<Order>(orderAt(id)), onSuccess: refresh });
}

export function useAmendOrder(id: string) {
  const refresh = useRefreshOrders();
  return useMutation({
    mutationFn: (input: OrderChange) => patch<Order>(orderAt(id), input),
    onSettled: () => refresh(),
  });
}

export function useCancelAll() {
  const refresh = useRefreshOrders();
  return useMutation({
    mutationFn: (account: string | undefined) =>
      post<Page<Order>>('trading/orders/cancel-all', account === undefined ? {} : { account }),
    onSuccess: () => refresh(),
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
