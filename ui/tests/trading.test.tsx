import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../src/api/errors';
import type { Account, KillSwitch, Order, TicketPreview } from '../src/api/types';
import { AccountProvider } from '../src/components/layout/account';
import { KillSwitchBanner, KillSwitchButton, KillSwitchProvider } from '../src/components/layout/KillSwitch';
import { ProofDialog } from '../src/components/layout/ProofDialog';
import { ErrorNote } from '../src/components/ui/feedback';
import { LimitsCard } from '../src/features/account/LimitsCard';
import { RulesDialog } from '../src/features/admin/RulesDialog';
import { ForceSellDialog } from '../src/features/bots/ForceSellDialog';
import { OrderStateBadge } from '../src/features/orders';
import { AmendDialog, canAmend, canCancel } from '../src/features/orders/OrderDialogs';
import { filterOf } from '../src/features/orders/OrderFilters';
import { TicketPage } from '../src/features/ticket';
import { choiceOf, mostShares, readTicket, type TicketText } from '../src/features/ticket/ticket';
import { hideAmounts } from '../src/lib/privacy';
import { RequestKey } from '../src/lib/requestKey';
import { type Answer, aBot, aPerson, type Sent, serve, show } from './support';

const account = (change: Partial<Account> = {}) =>
  ({
    id: 'a1',
    name: 'paper',
    environment: 'own',
    mode: 'trading',
    version: 3,
    halted: false,
    limits: { max_order_value: '1000000', max_daily_trades: 50 },
    attention: [],
    unsettled: [],
    settings: {},
    ...change,
  }) as unknown as Account;

const preview = (change: Partial<TicketPreview> = {}): TicketPreview => ({
  account_id: 'a1',
  environment: 'own',
  market: 'KRX',
  symbol: '005930',
  side: 'buy',
  session: '2026-11-23',
  session_open: true,
  currency: 'KRW',
  worth: '700000',
  fee: '630',
  tax: '0',
  buying_power: '100000000',
  buying_power_basis: 'cash_only',
  buying_power_other: null,
  us_funds: 'automatic',
  venues: ['KRX'],
  opens_at: '2026-11-23T00:00:00Z',
  closes_at: '2026-11-23T06:30:00Z',
  order_types: ['limit', 'market', 'stop_limit'],
  last_price: '70100',
  last_price_at: '2026-11-23T01:00:00Z',
  refusal: null,
  ...change,
});

const anOrder = (change: Partial<Order> = {}) =>
  ({
    id: 'o1',
    account_id: 'a1',
    bot_id: null,
    environment: 'own',
    market: 'KRX',
    symbol: '005930',
    side: 'buy',
    state: 'accepted',
    quantity: '10',
    filled_quantity: '3',
    price: '70000',
    order_type: 'limit',
    amending: false,
    cancel_requested: false,
    ...change,
  }) as Order;

/** A server with one account; `place` answers orders. */
function exchange(place: (sent: Sent) => Answer, shown = preview(), mine = account(), listed: object[] = []) {
  return serve((sent) => {
    if (sent.path === 'trading/accounts') return { body: { items: [mine], next: null } };
    if (sent.path === 'trading/orders/preview') return { body: shown };
    if (sent.path.startsWith('market/search')) return { body: { items: listed, next: null } };
    return place(sent);
  });
}

const ticket = (at = '/ticket') =>
  show(
    <AccountProvider>
      <TicketPage />
    </AccountProvider>,
    at,
  );

async function fill(quantity = '10', price = '70000') {
  await userEvent.type(await screen.findByTestId('ticket-symbol'), '005930');
  await userEvent.type(screen.getByTestId('ticket-quantity'), quantity);
  await userEvent.type(screen.getByTestId('ticket-price'), price);
  await waitFor(() => expect(screen.getByTestId('ticket-review')).toHaveAttribute('aria-disabled', 'false'));
}

const placed = (log: Sent[]) => log.filter((sent) => sent.path === 'trading/orders');

describe('the ticket', () => {
  it('finds instruments by their name and takes one over', async () => {
    const samsung = {
      market: 'KRX',
      exchange: 'KRX',
      symbol: '005930',
      name_ko: '삼성전자',
      name_en: null,
      product: 'stock',
      halted: true,
    };
    const log = exchange(() => ({ status: 404 }), preview(), account(), [samsung]);
    ticket();
    await userEvent.type(await screen.findByTestId('ticket-symbol'), '삼성');
    await userEvent.click(await within(await screen.findByTestId('ticket-found')).findByRole('button'));
    expect(screen.getByTestId('ticket-symbol')).toHaveValue('005930');
    const shown = await screen.findByTestId('ticket-instrument');
    expect(shown).toHaveTextContent('삼성전자 · 국내 · 주식 거래정지');
    expect(screen.queryByTestId('ticket-found')).toBeNull();
    const asked = log.filter((sent) => sent.path.startsWith('market/search')).map((sent) => sent.path);
    expect(asked).toEqual([`market/search?q=${encodeURIComponent('삼성')}&limit=8`, 'market/search?q=005930&limit=8']);
  });

  it('shows what the order comes to and whose money counts, then sends it once for two presses', async () => {
    let answer: (value: Answer) => void = () => undefined;
    const log = serve((sent) => {
      if (sent.path === 'trading/accounts') return { body: { items: [account()], next: null } };
      if (sent.path === 'trading/orders/preview') return { body: preview() };
      if (sent.path.startsWith('market/search')) return { body: { items: [], next: null } };
      return new Promise<Answer>((resolve) => {
        answer = resolve;
      });
    });
    ticket();
    await fill();
    const card = screen.getByTestId('ticket-preview');
    expect(card).toHaveTextContent('예상 금액700,000원');
    expect(card).toHaveTextContent('예상 수수료630원');
    expect(card).toHaveTextContent('현재가70,100원');
    expect(screen.getByTestId('power-basis')).toHaveTextContent('미수 제외');
    expect(
      within(screen.getByTestId('ticket-kind'))
        .getAllByRole('option')
        .map((option) => option.textContent),
    ).toEqual(['지정가', '시장가', '스톱지정가']);
    await userEvent.click(screen.getByTestId('ticket-review'));
    const dialog = await screen.findByTestId('ticket-confirm');
    expect(dialog).toHaveTextContent('자체 모의');
    expect(dialog).toHaveTextContent('실제 돈이 아닙니다.');
    await userEvent.dblClick(screen.getByTestId('ticket-confirm-confirm'));
    answer({ status: 201, body: anOrder() });
    await screen.findByTestId('order-placed');
    expect(placed(log)).toHaveLength(1);
    expect(placed(log)[0]?.body).toEqual({
      account: 'a1',
      symbol: '005930',
      side: 'buy',
      order_type: 'limit',
      quantity: '10',
      price: '70000',
    });
    expect(placed(log)[0]?.headers['Idempotency-Key']).toMatch(/^[!-~]{16,64}$/);
  });

  it('asks again under the same key when the answer was lost', async () => {
    let tries = 0;
    const log = exchange(() => {
      tries += 1;
      return tries === 1 ? { status: 502, body: {} } : { status: 201, body: anOrder() };
    });
    ticket();
    await fill();
    await userEvent.click(screen.getByTestId('ticket-review'));
    await userEvent.click(await screen.findByTestId('ticket-confirm-confirm'));
    expect(await screen.findByText(/두 번 나가지 않습니다/)).toBeVisible();
    // Closing the dialog and opening it once more is no new order.
    await userEvent.keyboard('{Escape}');
    await userEvent.click(screen.getByTestId('ticket-review'));
    await userEvent.click(await screen.findByTestId('ticket-confirm-confirm'));
    await screen.findByTestId('order-placed');
    const names = placed(log).map((sent) => sent.headers['Idempotency-Key']);
    expect(names).toHaveLength(2);
    expect(names[0]).toBe(names[1]);
  });

  it('tells a refusal with its limit, and takes a new key for the next try', async () => {
    let tries = 0;
    const log = exchange(() => {
      tries += 1;
      if (tries > 1) return { status: 201, body: anOrder() };
      const limit = { name: 'max_order_value', allowed: '500000', asked: '700000' };
      return { status: 422, body: { code: 'limit_max_order_value', detail: 'too much', order_id: 'o0', limit } };
    });
    ticket();
    await fill();
    await userEvent.click(screen.getByTestId('ticket-review'));
    await userEvent.click(await screen.findByTestId('ticket-confirm-confirm'));
    const note = await screen.findByTestId('error-note');
    expect(note).toHaveTextContent('주문 한 건의 최대 금액을 넘습니다.한도 500,000 · 이 주문 700,000');
    await userEvent.click(screen.getByTestId('ticket-confirm-confirm'));
    await screen.findByTestId('order-placed');
    const names = placed(log).map((sent) => sent.headers['Idempotency-Key']);
    expect(new Set(names).size).toBe(2);
  });

  it('sends nothing live before the person has agreed', async () => {
    const log = exchange(
      () => ({ status: 201, body: anOrder({ environment: 'live' }) }),
      preview({ environment: 'live' }),
      account({ environment: 'live' }),
    );
    ticket();
    await fill();
    await userEvent.click(screen.getByTestId('ticket-review'));
    const note = await screen.findByTestId('environment-live');
    expect(note).toHaveTextContent('실전');
    expect(within(note).getByText(/실제 돈으로 주문합니다/)).toHaveClass('text-danger');
    expect(screen.getByTestId('ticket-confirm-confirm')).toBeDisabled();
    await userEvent.click(screen.getByTestId('ticket-agree'));
    await userEvent.click(screen.getByTestId('ticket-confirm-confirm'));
    await screen.findByTestId('order-placed');
    expect(placed(log)).toHaveLength(1);
  });

  it('says what would refuse the order and does not go on', async () => {
    const refusal = { code: 'self_cross', message: 'an own order', limit: null };
    exchange(() => ({ status: 500 }), preview({ refusal }));
    ticket('/ticket?symbol=005930&quantity=10');
    await userEvent.type(await screen.findByTestId('ticket-price'), '70000');
    expect(await screen.findByTestId('ticket-refusal')).toHaveTextContent('그 주문을 먼저 취소하세요');
    await userEvent.click(screen.getByTestId('ticket-review'));
    expect(screen.queryByTestId('ticket-confirm')).toBeNull();
  });

  it('names each field that is wrong', async () => {
    exchange(() => ({ status: 500 }));
    ticket();
    await userEvent.type(await screen.findByTestId('ticket-quantity'), '1.5');
    expect(screen.getByTestId('ticket-quantity')).toHaveAccessibleDescription(/소수점/);
    await userEvent.click(screen.getByTestId('ticket-review'));
    expect(screen.getByTestId('ticket-symbol')).toHaveAccessibleDescription(/필수 항목/);
    expect(screen.getByTestId('ticket-price')).toHaveAccessibleDescription(/필수 항목/);
  });

  it('is about the account that its link names, and lets the person change it', async () => {
    const mine = [account({ id: 'a0', name: 'mock', environment: 'mock' }), account()];
    const log = serve(({ path }) =>
      path === 'trading/accounts' ? { body: { items: mine, next: null } } : { body: preview() },
    );
    ticket('/ticket?account=a1&symbol=005930&quantity=2');
    await waitFor(() => expect(screen.getByTestId('ticket-account')).toHaveValue('a1'));
    await userEvent.selectOptions(screen.getByTestId('ticket-account'), 'a0');
    expect(screen.getByTestId('ticket-symbol')).toHaveValue('005930');
    await waitFor(() => expect(log.at(-1)?.body).toMatchObject({ account: 'a0', symbol: '005930', quantity: '2' }));
  });

  it('offers the venues of the account’s broker, and forgets the choice with the instrument', async () => {
    const log = exchange(() => ({ status: 500 }), preview({ environment: 'live', venues: ['KRX', 'NXT', 'SOR'] }));
    ticket('/ticket?symbol=005930&quantity=10');
    await userEvent.click(await screen.findByTestId('ticket-venue-NXT'));
    expect(screen.getByTestId('ticket-venue')).toHaveTextContent('09:00:30–15:20');
    await waitFor(() => expect(log.at(-1)?.body).toMatchObject({ venue: 'NXT', symbol: '005930' }));
    await userEvent.type(screen.getByTestId('ticket-symbol'), '{Backspace}5');
    await waitFor(() => expect(log.at(-1)?.body).toMatchObject({ symbol: '005935' }));
    expect(log.at(-1)?.body).not.toHaveProperty('venue');
  });

  it('hides venues where there is nothing to choose, and says when a closed market takes orders', async () => {
    exchange(() => ({ status: 500 }), preview({ environment: 'mock', session_open: false }));
    ticket('/ticket?symbol=005930&quantity=10');
    expect(await screen.findByTestId('ticket-closed')).toHaveTextContent(/낼 수 있는 시간.*09:00.*15:30/);
    expect(screen.queryByTestId('ticket-venue')).toBeNull();
  });

  it('says which money was counted, by whose choice, and what the other comes to', async () => {
    const power = { buying_power: '50', buying_power_basis: 'dollars_only', buying_power_other: '200' } as const;
    const us = preview({ market: 'US', symbol: 'TQQQ', currency: 'USD', last_price: '9.9', us_funds: 'dollars_only' });
    exchange(() => ({ status: 500 }), { ...us, ...power });
    ticket('/ticket?symbol=TQQQ&quantity=1');
    expect(await screen.findByTestId('power-basis')).toHaveTextContent('달러 예수금만 셉니다 · 계좌 설정대로');
    expect(screen.getByTestId('power-other')).toHaveTextContent(/통합증거금으로는.*200/);
    expect(choiceOf({ ...us, ...power, us_funds: 'automatic' })).toBe('detected');
    expect(choiceOf({ ...us, ...power, us_funds: 'integrated_margin' })).toBe('not_shown');
    expect([mostShares({ ...us, ...power }, null), mostShares({ ...us, ...power }, '25')]).toEqual(['5', '2']);
    expect(mostShares({ ...us, ...power, buying_power: null }, '25')).toBeNull();
  });

  it('reads its fields exactly and leaves out prices that the kind has not', () => {
    const text: TicketText = {
      symbol: ' tqqq ',
      side: 'sell',
      kind: 'limit',
      quantity: '1,000',
      price: '63.10',
      trigger: '60',
      venue: 'KRX',
    };
    expect(readTicket(text, 'a1').request).toMatchObject({ symbol: 'TQQQ', quantity: '1000', price: '63.1' });
    expect(readTicket(text, 'a1').request).not.toHaveProperty('trigger_price');
    const market = readTicket({ ...text, kind: 'market' }, 'a1');
    expect(market).toMatchObject({ complete: true, errors: {} });
    expect(market.request).not.toHaveProperty('price');
    expect(readTicket({ ...text, kind: 'stop_limit' }, 'a1').request).toMatchObject({
      price: '63.1',
      trigger_price: '60',
    });
    expect(readTicket({ ...text, price: '0' }, 'a1')).toMatchObject({
      complete: false,
      errors: { price: 'form.above|0' },
    });
  });
});

describe('the key of a dialog', () => {
  const problem = (status: number, change = {}) => new ApiError({ status, ...change });

  it('stays once an answer was lost, whatever comes after, until the stored refusal itself comes', () => {
    const key = new RequestKey();
    const first = key.key;
    key.failed(problem(0));
    for (const later of [problem(422, { code: 'invalid' }), problem(409), problem(429), problem(401)]) {
      key.failed(later);
      expect(key.key).toBe(first);
    }
    key.failed(problem(422, { code: 'halted', order_id: 'o1' }));
    expect(key.key).not.toBe(first);
    expect(key.lost).toBe(false);
  });

  it('is new after a refusal', () => {
    const key = new RequestKey();
    const first = key.key;
    key.failed(problem(422, { code: 'unknown_symbol' }));
    expect(key.key).not.toBe(first);
  });
});

it('force sells under one key for every try of one dialog', async () => {
  let tries = 0;
  const log = serve(({ path }) => {
    if (path === 'trading/accounts') return { body: { items: [account()], next: null } };
    tries += 1;
    return tries === 1 ? { status: 503, body: { code: 'busy' } } : { status: 202, body: anOrder() };
  });
  show(
    <AccountProvider>
      <ForceSellDialog bot={aBot()} onClose={() => undefined} />
    </AccountProvider>,
  );
  for (const _ of [1, 2]) {
    await userEvent.type(await screen.findByTestId('force-sell-word'), 'TQ_1');
    await userEvent.click(screen.getByTestId('force-sell-confirm'));
    await waitFor(() => expect(screen.getByTestId('force-sell-confirm')).not.toHaveAttribute('aria-busy'));
  }
  const names = log.filter((sent) => sent.method === 'POST').map((sent) => sent.headers['Idempotency-Key']);
  expect(names).toHaveLength(2);
  expect(names[0]).toBeTruthy();
  expect(names[0]).toBe(names[1]);
});

describe('an open order', () => {
  it('is changed by price and fewer shares only', async () => {
    const log = serve(({ path }) =>
      path.startsWith('market/search')
        ? { body: { items: [], next: null } }
        : { status: 202, body: anOrder({ price: '69000', quantity: '8' }) },
    );
    show(<AmendDialog order={anOrder()} onClose={() => undefined} />);
    const shares = await screen.findByTestId('order-amend-quantity');
    const confirm = screen.getByTestId('order-amend-confirm');
    expect(confirm).toBeDisabled();
    for (const [text, message] of [
      ['11', /줄일 수만/],
      ['3', /4 이상/],
      ['x', /숫자/],
    ] as const) {
      await userEvent.clear(shares);
      await userEvent.type(shares, text);
      expect(shares).toHaveAccessibleDescription(message);
      expect(confirm).toBeDisabled();
    }
    await userEvent.clear(shares);
    await userEvent.type(shares, '8');
    await userEvent.clear(screen.getByTestId('order-amend-price'));
    await userEvent.type(screen.getByTestId('order-amend-price'), '69,000');
    await userEvent.click(confirm);
    const sent = () => log.filter(({ method }) => method === 'PATCH');
    await waitFor(() => expect(sent()).toHaveLength(1));
    expect(sent()[0]).toMatchObject({
      method: 'PATCH',
      path: 'trading/orders/o1',
      body: { quantity: '8', price: '69000' },
    });
  });

  it('offers only what is possible', () => {
    expect([canCancel(anOrder()), canAmend(anOrder())]).toEqual([true, true]);
    expect([canCancel(anOrder({ bot_id: 'b1' })), canAmend(anOrder({ bot_id: 'b1' }))]).toEqual([true, false]);
    for (const change of [{ state: 'filled' }, { state: 'unknown' }, { cancel_requested: true }] as Partial<Order>[]) {
      expect([canCancel(anOrder(change)), canAmend(anOrder(change))]).toEqual([false, false]);
    }
    expect(canAmend(anOrder({ amending: true }))).toBe(false);
  });

  it('says that a cancel is under way', () => {
    show(<OrderStateBadge order={anOrder({ cancel_requested: true })} />);
    expect(screen.getByTestId('order-state').parentElement).toHaveTextContent('접수3/10취소 요청됨');
  });
});

it('reads the filter of the order list from the address', () => {
  const of = (search: string) => filterOf(new URLSearchParams(search), 'a1');
  expect(of('')).toEqual({ account_id: 'a1' });
  expect(of('account=all&open=1&symbol=+tqqq&side=buy&from=2026-11-01&to=')).toEqual({
    open: true,
    symbol: 'TQQQ',
    side: 'buy',
    from: '2026-11-01',
  });
  expect(of('account=a2&side=hold')).toEqual({ account_id: 'a2' });
});

describe('the kill switch', () => {
  function switchboard(state: KillSwitch) {
    let proved = false;
    const log = serve(({ method, path, body }) => {
      if (path === 'trading/accounts') return { body: { items: [account()], next: null } };
      if (method === 'GET') return { body: state };
      if (path === 'auth/step-up') {
        proved = (body as { password?: string }).password === 'right';
        return proved
          ? { body: { proved_until: '2026-11-23T01:05:00Z' } }
          : { status: 422, body: { code: 'wrong_current_password', detail: 'wrong', pointer: '/password' } };
      }
      const asked = body as { on: boolean };
      if (!asked.on && !proved) return { status: 403, body: { code: 'step_up_required', detail: 'prove it' } };
      return { body: { ...state, user: asked.on ? '2026-11-23T01:00:00Z' : null } };
    });
    show(
      <AccountProvider>
        <KillSwitchProvider>
          <KillSwitchBanner />
          <KillSwitchButton />
          <ProofDialog />
        </KillSwitchProvider>
      </AccountProvider>,
    );
    return log;
  }

  it('stops with one press and lifts only with the password', async () => {
    const log = switchboard({ hold: null, installation: null, user: null, accounts: [] });
    await userEvent.click(screen.getByTestId('kill-switch'));
    await userEvent.click(await screen.findByTestId('kill-user-stop'));
    expect(await screen.findByTestId('kill-switch-banner')).toHaveTextContent('내 모든 계좌의 주문이 멈춰 있습니다');
    expect(log.find((sent) => sent.method === 'POST')?.body).toEqual({ on: true });
    await userEvent.click(await screen.findByTestId('kill-user-lift'));
    await userEvent.type(await screen.findByTestId('proof-text'), 'wrong');
    await userEvent.click(screen.getByTestId('proof-confirm'));
    await waitFor(() => expect(screen.getByTestId('proof')).toHaveTextContent(/비밀번호가 맞지 않습니다/));
    expect(screen.getByTestId('kill-switch-banner')).toBeVisible();
    await userEvent.clear(screen.getByTestId('proof-text'));
    await userEvent.type(screen.getByTestId('proof-text'), 'right');
    await userEvent.click(screen.getByTestId('proof-confirm'));
    await waitFor(() => expect(screen.queryByTestId('kill-switch-banner')).toBeNull());
  });

  it('stops one account', async () => {
    const log = switchboard({ hold: null, installation: null, user: null, accounts: [] });
    await userEvent.click(screen.getByTestId('kill-switch'));
    await userEvent.click(await screen.findByTestId('kill-account-stop'));
    await waitFor(() => expect(log.find((sent) => sent.method === 'POST')?.body).toEqual({ on: true, account: 'a1' }));
  });

  it('names the account that is stopped, and the administrator where they did it', async () => {
    switchboard({
      hold: null,
      installation: null,
      user: null,
      accounts: [{ account_id: 'a1', since: '2026-11-23T01:00:00Z' }],
    });
    await waitFor(() => expect(screen.getByTestId('kill-switch-banner')).toHaveTextContent('paper 계좌'));
  });
});

describe('limits', () => {
  it('are sent whole, with the version; an empty one is none', async () => {
    const log = serve(() => ({ body: account({ version: 4 }) }));
    show(<LimitsCard account={account()} />);
    await userEvent.clear(screen.getByTestId('limit-max_order_value'));
    await userEvent.type(screen.getByTestId('limit-price_collar'), '2.5');
    await userEvent.click(screen.getByTestId('limits-save'));
    await screen.findByTestId('limits-saved');
    expect(log[0]).toMatchObject({ method: 'PUT', path: 'trading/accounts/a1/limits' });
    expect(log[0]?.body).toEqual({
      version: 3,
      limits: {
        max_order_value: null,
        max_position_size: null,
        max_daily_value: null,
        max_daily_trades: 50,
        daily_trade_limit: null,
        orders_per_second: null,
        price_collar: '2.5',
      },
    });
  });

  it('are refused at their field', async () => {
    const errors = [{ pointer: '/limits/price_collar', code: 'invalid', detail: 'the limit must be above zero' }];
    serve(() => ({ status: 422, body: { code: 'invalid', detail: 'no', errors } }));
    show(<LimitsCard account={account()} />);
    await userEvent.type(screen.getByTestId('limit-price_collar'), '2');
    await userEvent.click(screen.getByTestId('limits-save'));
    await waitFor(() =>
      expect(screen.getByTestId('limit-price_collar')).toHaveAccessibleDescription(/must be above zero/),
    );
  });

  it('of a refusal are covered when amounts are hidden, counts are not', () => {
    hideAmounts(true);
    const note = (name: string) =>
      new ApiError({ status: 422, code: `limit_${name}`, limit: { name, allowed: '1000', asked: '1200' } });
    const { unmount } = show(<ErrorNote error={note('max_order_value')} />);
    expect(screen.getByRole('alert')).toHaveTextContent('한도 ••• · 이 주문 •••');
    unmount();
    show(<ErrorNote error={note('max_daily_trades')} />);
    expect(screen.getByRole('alert')).toHaveTextContent('한도 1,000건 · 이 주문 1,200건');
    hideAmounts(false);
  });
});

it('changes what a user may do and keeps what it does not show', async () => {
  const rules = {
    can_paper_trade: true,
    can_real_trade: false,
    daily_trade_limit: 20,
    api_calls_limit: 500,
    allowed_products: ['etf'],
  };
  const log = serve(({ method, body }) => ({ body: method === 'PUT' ? body : rules }));
  show(<RulesDialog user={aPerson()} onClose={() => undefined} />);
  await userEvent.click(await screen.findByTestId('rules-real'));
  await userEvent.clear(screen.getByTestId('rules-daily_trade_limit'));
  expect(screen.getByTestId('rules-stock')).not.toBeChecked();
  await userEvent.click(screen.getByTestId('rules-stock'));
  await userEvent.click(screen.getByTestId('rules-etf'));
  await userEvent.click(screen.getByTestId('rules-save'));
  await screen.findByTestId('rules-saved');
  expect(log.find((sent) => sent.method === 'PUT')?.body).toEqual({
    ...rules,
    can_real_trade: true,
    daily_trade_limit: null,
    allowed_products: ['stock'],
  });
});
