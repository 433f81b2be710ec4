import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { Account, Difference, Differences } from '../src/api/types';
import { AccountProvider } from '../src/components/layout/account';
import { HeldBadge, HeldNote, OpenQuestions, ReconciliationPage } from '../src/features/reconciliation';
import { answersTo } from '../src/features/reconciliation/answers';
import { answerPlace } from '../src/lib/alertPlace';
import { aBot, serve, show } from './support';

const account = { id: 'a1', name: 'KIS', environment: 'mock', mode: 'trading' } as Account;

const question = (change: Partial<Difference> = {}): Difference => ({
  id: 'd1',
  market: 'US',
  symbol: 'TQQQ',
  kind: 'unexplained',
  ours: '87',
  brokers: '84',
  proposal: { action: 'bot', bot_id: 'b1', bot_name: 'TQ_1', split: null },
  executions: [],
  price: null,
  since: '2026-11-20T15:00:00Z',
  ...change,
});

const open = (change: Partial<Differences> = {}): Differences => ({
  account_id: 'a1',
  checked: [{ market: 'US', first_at: '2026-11-20T14:00:00Z', at: '2026-11-20T15:00:00Z' }],
  items: [question()],
  cash: [],
  ...change,
});

/** A server with one account, one bot and these questions; an answer ends them all. */
function server(questions: Differences) {
  return serve(({ path, method }) => {
    if (path === 'trading/accounts') return { body: { items: [account], next: null } };
    if (path.startsWith('trading/bots')) return { body: { items: [aBot()], next: null } };
    if (method === 'POST' && path.endsWith('/answer')) return { body: open({ items: [], cash: [] }) };
    if (path.endsWith('/differences') || path.endsWith('/reconcile')) return { body: questions };
    return { status: 404, body: { code: 'not_found', status: 404 } };
  });
}

const page = () =>
  show(
    <AccountProvider>
      <ReconciliationPage />
    </AccountProvider>,
  );

describe('reconciliation', () => {
  it('shows both sides and books the answer with what it needs', async () => {
    const log = server(open());
    page();
    const card = await screen.findByTestId('difference');
    expect(within(card).getByTestId('side-ours').textContent).toContain('87');
    expect(within(card).getByTestId('side-brokers').textContent).toContain('84');
    expect((await within(card).findByTestId('holds')).textContent).toContain('TQ_1');
    expect(within(card).getByTestId('proposal').textContent).toContain('TQ_1');
    await userEvent.click(await within(card).findByTestId('answer-bot'));
    const confirm = await screen.findByTestId('answer-dialog-confirm');
    // Nothing tells the price of these shares.
    expect(confirm).toHaveProperty('disabled', true);
    await userEvent.type(screen.getByTestId('answer-price'), '61.5');
    await userEvent.click(confirm);
    await waitFor(() => expect(screen.queryByTestId('difference')).toBeNull());
    const sent = log.find((item) => item.path.endsWith('/differences/d1/answer'));
    expect(sent?.body).toEqual({ action: 'bot', bot_id: 'b1', price: '61.5' });
  });

  it('sends the ratio that the person sees, and lets it be mended', async () => {
    const proposal = { action: 'split', bot_id: null, bot_name: null, split: { new: 1, old: 15 } };
    const log = server(
      open({ items: [question({ kind: 'split_suspected', proposal, price: { before: '8.1', now: '118' } })] }),
    );
    page();
    const card = await screen.findByTestId('difference');
    expect(within(card).getByTestId('price-jump').textContent).toMatch(/8\.10.*118\.00/);
    await userEvent.click(within(card).getByTestId('answer-split'));
    const old = await screen.findByTestId('answer-old');
    await userEvent.clear(old);
    expect(screen.getByTestId('answer-dialog-confirm')).toHaveProperty('disabled', true);
    await userEvent.type(old, '10');
    await userEvent.click(screen.getByTestId('answer-dialog-confirm'));
    await waitFor(() => expect(log.some((item) => item.path.endsWith('/answer'))).toBe(true));
    expect(log.find((item) => item.path.endsWith('/answer'))?.body).toEqual({
      action: 'split',
      new_shares: 1,
      old_shares: 10,
    });
  });

  it('asks about cash without holding anybody', async () => {
    const cash = {
      id: 'c1',
      currency: 'KRW',
      ours: '50000',
      brokers: '1050000',
      proposal: 'deposit',
      since: '2026-11-20T15:00:00Z',
    };
    const log = server(open({ items: [], cash: [cash as Differences['cash'][number]] }));
    page();
    const card = await screen.findByTestId('cash-difference');
    expect(card.textContent).toContain('1,000,000');
    await userEvent.click(within(card).getByTestId('answer-deposit'));
    await userEvent.click(await screen.findByTestId('answer-dialog-confirm'));
    await waitFor(() => expect(log.some((item) => item.path.endsWith('/differences/c1/answer'))).toBe(true));
  });

  it('looks again on demand', async () => {
    const log = server(open({ items: [] }));
    page();
    await userEvent.click(await screen.findByTestId('compare-now'));
    await waitFor(() =>
      expect(log.some((item) => item.method === 'POST' && item.path.endsWith('/reconcile'))).toBe(true),
    );
  });

  it('marks only the bots of the symbol, and leads to the answer', async () => {
    server(open());
    show(
      <>
        <OpenQuestions account={account} />
        <HeldBadge account={account} bot={aBot()} />
        <HeldBadge account={account} bot={aBot({ id: 'b2', symbol: 'SOXL' })} />
        <HeldBadge account={account} bot={aBot({ id: 'b3', active: false })} />
        <HeldNote account={account} bot={aBot()} />
      </>,
    );
    expect(await screen.findAllByTestId('bot-held')).toHaveLength(1);
    const note = await screen.findByTestId('bot-held-note');
    expect(note.textContent).toMatch(/87.*84/);
    for (const where of [note, screen.getByTestId('open-questions')]) {
      expect(within(where).getByRole('link').getAttribute('href')).toBe('/reconciliation?account=a1');
    }
  });
});

describe('answers', () => {
  it('are those that the server takes, the proposed one first', () => {
    const all = (change: Partial<Difference>, many = false) => answersTo(question(change), { bots: true, many });
    expect(all({})).toEqual(['bot', 'mine', 'split']);
    expect(all({ kind: 'first_surplus', proposal: null }, true)).toEqual(['mine', 'all_mine', 'bot']);
    expect(all({ kind: 'split_suspected', proposal: null })).toEqual(['split', 'no_split']);
    expect(all({ kind: 'split_awaited', proposal: null })).toEqual(['no_split']);
    expect(answersTo(question({ kind: 'outside_trade', proposal: null }), { bots: false, many: false })).toEqual([
      'mine',
    ]);
  });

  it('are reached from the messages that ask', () => {
    expect(answerPlace({ code: 'POSITION_DIFFERS', account_id: 'a1' })).toBe('/reconciliation?account=a1');
    expect(answerPlace({ code: 'LATE_FILL', account_id: 'a1' })).toBeNull();
  });
});
