import { QueryClient } from '@tanstack/react-query';
import { describe, expect, it, vi } from 'vitest';
import { keys } from '../src/api/queries/keys';
import type { LiveEvent, Order } from '../src/api/types';
import { marketNow, syncClock } from '../src/live/clock';
import { describe as message } from '../src/live/describe';
import { apply } from '../src/live/LiveProvider';
import { pause, socketUrl } from '../src/live/socket';

const order = (id: string, filled: string) => ({ id, account_id: 'a1', filled_quantity: filled }) as Order;

describe('live events', () => {
  it('write an order into its list, or put a new one first', () => {
    const client = new QueryClient();
    const list = [...keys.orders, { account_id: 'a1' }];
    const closed = [...keys.orders, { account_id: 'a2' }];
    for (const key of [list, closed]) {
      client.setQueryData(key, { pages: [{ items: [order('o1', '0')], next: null }], pageParams: [null] });
    }
    apply(client, { type: 'order', account_id: 'a1', order: order('o1', '3') }, vi.fn());
    apply(client, { type: 'order', account_id: 'a1', order: order('o2', '0') }, vi.fn());
    const items = (key: readonly unknown[]) =>
      client
        .getQueryData<{ pages: { items: Order[] }[] }>(key)
        ?.pages[0]?.items.map((item) => [item.id, item.filled_quantity]);
    expect(items(closed), 'of another account').toEqual([['o1', '3']]);
    expect(items(list)).toEqual([
      ['o2', '0'],
      ['o1', '3'],
    ]);
  });

  it('refetch what a fill changes, of that account only', () => {
    const refetch = vi.fn();
    const fill: LiveEvent = {
      type: 'fill',
      account_id: 'a1',
      order_id: 'o1',
      symbol: 'TQQQ',
      side: 'buy',
      quantity: '4',
      price: '63.1',
      bot_name: 'TQ_1',
      at: '2026-11-20T15:00:00Z',
    };
    apply(new QueryClient(), fill, refetch);
    const touched = refetch.mock.calls.flat();
    expect(touched).toContainEqual(keys.history('a1'));
    expect(touched).toContainEqual(keys.summary());
    expect(touched).not.toContainEqual(keys.accounts);
    expect(message(fill)).toMatchObject({ text: 'TQ_1: TQQQ 4주를 $63.10에 샀습니다.', to: '/orders/o1', tone: 'up' });
  });

  it('tell a fill of an order by hand in its market’s currency', () => {
    const fill = { type: 'fill', account_id: 'a1', order_id: 'o1', symbol: '005930', side: 'sell', bot_name: '' };
    const event = { ...fill, quantity: '10', price: '70100', at: '2026-11-23T01:00:00Z' } as LiveEvent;
    expect(message(event)?.text).toBe('005930 10주를 70,100원에 팔았습니다.');
  });

  it('set the clock', () => {
    apply(new QueryClient(), { type: 'clock', market_time: '2026-01-05T00:00:00Z' }, vi.fn());
    expect(Math.abs(marketNow() - Date.parse('2026-01-05T00:00:00Z'))).toBeLessThan(1000);
  });
});

it('counts market time at the speed of the simulation', () => {
  vi.useFakeTimers();
  try {
    syncClock('2026-01-05T00:00:00Z', 60);
    vi.advanceTimersByTime(2_000);
    expect(marketNow()).toBe(Date.parse('2026-01-05T00:02:00Z'));
    syncClock('2026-01-05T00:02:00Z', null);
    vi.advanceTimersByTime(2_000);
    expect(marketNow()).toBe(Date.parse('2026-01-05T00:02:02Z'));
  } finally {
    vi.useRealTimers();
  }
});

it('waits longer and longer before reconnecting, with jitter', () => {
  expect(pause(0, () => 0)).toBe(500);
  expect(pause(0, () => 1)).toBe(1000);
  expect(pause(3, () => 1)).toBe(8000);
  expect(pause(50, () => 1)).toBe(30_000);
});

it('finds the socket beside the page', () => expect(socketUrl()).toMatch(/^ws:\/\/localhost(:\d+)?\/ws\/events$/));
