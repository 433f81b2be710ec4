import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { keys } from '../api/queries/keys';
import { isShown, type OrderFilter } from '../api/queries/trading';
import { useSession } from '../api/session';
import type { LiveEvent, Order, OrderDetail, Page } from '../api/types';
import { useToast } from '../components/ui/toast';
import { syncClock } from './clock';
import { describe } from './describe';
import { connect, type LinkState } from './socket';

const LinkContext = createContext<LinkState>('closed');

/** Whether live updates are flowing. */
export const useLink = (): LinkState => useContext(LinkContext);

const FailingContext = createContext(false);

/** Several tries in a row have failed: it is no mere hiccup. The pages ask by themselves meanwhile. */
export const useLinkFailing = (): boolean => useContext(FailingContext);

const FAILING = 3;

export function LiveProvider({ children }: { children: ReactNode }) {
  const { status } = useSession();
  const client = useQueryClient();
  const toast = useToast();
  const [link, setLink] = useState<LinkState>('closed');
  const [failures, setFailures] = useState(0);

  useEffect(() => {
    if (status !== 'in') return;
    const later = batched(client);
    const stop = connect({
      onState: (state) => {
        setLink(state);
        if (state === 'open') setFailures(0);
        if (state === 'closed') setFailures((count) => count + 1);
      },
      onResume: () => void client.invalidateQueries(),
      onEvent: (event) => {
        apply(client, event, later.add);
        const message = describe(event);
        if (message) toast(message);
      },
    });
    return () => {
      stop();
      later.cancel();
    };
  }, [status, client, toast]);

  return (
    <LinkContext.Provider value={link}>
      <FailingContext.Provider value={failures >= FAILING}>{children}</FailingContext.Provider>
    </LinkContext.Provider>
  );
}

type Key = readonly string[];

/** Collects keys for a moment, so that a burst of events refetches each list once. */
function batched(client: QueryClient) {
  const waiting = new Map<string, Key>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    add: (...list: Key[]) => {
      for (const key of list) waiting.set(key.join('/'), key);
      timer ??= setTimeout(() => {
        timer = undefined;
        for (const key of waiting.values()) void client.invalidateQueries({ queryKey: key });
        waiting.clear();
      }, 400);
    },
    cancel: () => clearTimeout(timer),
  };
}

/** Writes an event into the cache; what it cannot write is marked for fetching. */
export function apply(client: QueryClient, event: LiveEvent, refetch: (...list: Key[]) => void): void {
  switch (event.type) {
    case 'order': {
      for (const [key] of client.getQueriesData({ queryKey: keys.orders })) {
        const filter = (key[1] ?? {}) as OrderFilter;
        client.setQueryData<{ pages: Page<Order>[]; pageParams: unknown[] }>(
          key,
          (data) => data && { ...data, pages: putOrder(data.pages, event.order, isShown(filter, event.order)) },
        );
      }
      client.setQueryData<OrderDetail>(keys.order(event.order.id), (data) => data && { ...data, ...event.order });
      refetch(keys.order(event.order.id), keys.sheets(event.account_id));
      return;
    }
    case 'fill':
      refetch(
        keys.sheets(event.account_id),
        keys.positions(event.account_id),
        keys.history(event.account_id),
        keys.historySummary(event.account_id),
        keys.bots(event.account_id),
        keys.summary(),
        ['bot'],
        ['ladder'],
      );
      return;
    case 'sheet':
      refetch(keys.sheets(event.account_id), keys.bots(event.account_id), ['bot']);
      return;
    case 'alert':
      refetch(keys.alerts);
      return;
    case 'account':
      refetch(
        keys.accounts,
        keys.killSwitch,
        keys.differences(event.account_id),
        keys.bots(event.account_id),
        keys.schedule(event.account_id),
        keys.runs(event.account_id),
      );
      return;
    case 'portfolio':
      refetch(keys.summary(), keys.bots(event.account_id), keys.positions(event.account_id), ['bot'], ['ladder']);
      return;
    case 'clock':
      syncClock(event.market_time);
      return;
    case 'resync':
      void client.invalidateQueries();
      return;
    case 'ready':
    case 'error':
      return;
  }
}

/** An order that ended stays in a list of open ones until the list is fetched again: nothing jumps under a finger. */
function putOrder(pages: Page<Order>[], order: Order, shown: boolean): Page<Order>[] {
  let found = false;
  const next = pages.map((page) => ({
    ...page,
    items: page.items.map((item) => {
      if (item.id !== order.id) return item;
      found = true;
      return order;
    }),
  }));
  const first = next[0];
  if (!found && shown && first) next[0] = { ...first, items: [order, ...first.items] };
  return next;
}
