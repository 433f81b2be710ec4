import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { MemoryRouter } from 'react-router';
import { vi } from 'vitest';
import type { AdminUser, Bot } from '../src/api/types';
import { ToastProvider } from '../src/components/ui/toast';

export interface Sent {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: unknown;
}

export type Answer = { status?: number; body?: unknown };

/** Replaces `fetch`; `answer` gets each request and decides. Returns what was sent, in order. */
export function serve(answer: (sent: Sent) => Answer | Promise<Answer>): Sent[] {
  const log: Sent[] = [];
  vi.stubGlobal(
    'fetch',
    vi.fn(async (input: URL | string, init: RequestInit = {}) => {
      const url = new URL(String(input));
      const sent: Sent = {
        method: init.method ?? 'GET',
        path: url.pathname.replace(/^.*\/api\/v1\//, '') + url.search,
        headers: init.headers as Record<string, string>,
        body: typeof init.body === 'string' ? JSON.parse(init.body) : init.body,
      };
      log.push(sent);
      const { status = 200, body } = await answer(sent);
      return new Response(body === undefined ? null : JSON.stringify(body), {
        status,
        headers: { 'content-type': status >= 400 ? 'application/problem+json' : 'application/json' },
      });
    }),
  );
  return log;
}

export function show(children: ReactNode, at = '/') {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return {
    client,
    ...render(
      <QueryClientProvider client={client}>
        <ToastProvider>
          <MemoryRouter initialEntries={[at]}>{children}</MemoryRouter>
        </ToastProvider>
      </QueryClientProvider>,
    ),
  };
}

export const login = (token: string) => ({
  access_token: token,
  token_type: 'bearer' as const,
  expires_in: 900,
  user: { id: 'u1', username: 'minsu', role: 'user' as const, language: 'ko' as const },
});

export function aPerson(change: Partial<AdminUser> = {}): AdminUser {
  return {
    id: 'u2',
    username: 'choe',
    role: 'user',
    active: true,
    verified: false,
    premium: true,
    created_at: '2026-11-01T15:00:00Z',
    accounts: 1,
    ...change,
  };
}

export function aBot(change: Partial<Bot> = {}): Bot {
  return {
    id: 'b1',
    account_id: 'a1',
    name: 'TQ_1',
    symbol: 'TQQQ',
    market: 'nasdaq',
    position: 0,
    version: 7,
    active: true,
    seed: '312.5',
    profit_rate: 0.1,
    t_div: 20,
    max_tier: 40,
    buy_below_average: true,
    buy_below_point: true,
    point_curve: 'P2_3',
    skip_sell: false,
    closing_conditions: [{ drop_rate: 0.05, seed_rate: 0.2 }],
    sell_cooldown_days: 0,
    sell_cooldown_loss_only: false,
    trailing_enabled: false,
    trailing_t_threshold: 0.3,
    trailing_stop_pct: 0.07,
    trailing_floor_rate: 0.1,
    added_seed: '-12.35',
    trailing_mode: false,
    trailing_high_watermark: '0',
    trailing_stop: '0',
    legacy: {},
    holding: { quantity: '84', average_price: '61.37', total: '5155.08' },
    t: 16.5,
    point: 0.0762,
    point_price: '66.05',
    price: { value: '63.12', at: '2026-11-20T15:00:00Z', source: 'broker' },
    cycle_start: '2026-11-01T15:00:00Z',
    cycle_profit: '118.42',
    ...change,
  };
}
