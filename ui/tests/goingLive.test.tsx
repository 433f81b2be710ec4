import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { Account, GoingLive, Night } from '../src/api/types';
import { AccountProvider } from '../src/components/layout/account';
import { GoingLiveCard } from '../src/features/account/GoingLiveCard';
import { type Answer, type Sent, serve, show } from './support';

const account = { id: 'a1', name: 'main', environment: 'live', mode: 'observe' } as Account;

const night: Night = {
  session: '2026-05-14',
  compared_at: '2026-05-14T20:15:00Z',
  verdict: 'different',
  lines: [
    {
      bot_id: 'b1',
      bot: 'TQ_1',
      symbol: 'TQQQ',
      verdict: 'different',
      reason: 'only_here',
      buy_usd: 1000,
      sell_shares: 0,
      executed: { bought: 0, bought_usd: 0, sold: 0, sold_usd: 0 },
      together_with: ['TQ_2'],
    },
  ],
};

const state = (change: Partial<GoingLive> = {}): GoingLive => ({
  applies: true,
  rung: 'observe',
  next: 'paper',
  since: null,
  missing: ['open_questions', 'clean_night_missing'],
  clean_night: false,
  last_night: night,
  bots: [{ id: 'b1', name: 'TQ_1', active: true, rung: 'observe', next: null, kept_at: null }],
  paper_runs: [],
  ...change,
});

/** Serves a ladder whose moves the test answers. */
function ladder(now: GoingLive, move: (sent: Sent) => Answer = () => ({ body: now })): Sent[] {
  const log = serve((sent) => {
    if (sent.method === 'POST') return move(sent);
    if (sent.path.endsWith('trading/accounts')) return { body: { items: [account], next: null } };
    return { body: sent.path.endsWith('/nights') ? { items: [night], next: null } : now };
  });
  show(
    <AccountProvider>
      <GoingLiveCard account={account} />
    </AccountProvider>,
  );
  return log;
}

const moves = (log: Sent[]) => log.filter((sent) => sent.method === 'POST').map((sent) => sent.body);

describe('going live', () => {
  it('shows what is missing and how the last night compared', async () => {
    ladder(state());
    expect(await screen.findByTestId('going-live-missing')).toHaveTextContent('먼저 확인에 답하세요');
    const shown = await screen.findByTestId('night');
    expect(shown).toHaveTextContent('TQ_1');
    expect(shown).toHaveTextContent('여기서만 주문하려 했습니다.');
    expect(shown).toHaveTextContent('TQ_2와(과) 함께 비교');
  });

  it('goes up only with the word, and the night or its skip', async () => {
    let answer: Answer = {
      status: 422,
      body: { code: 'clean_night_missing', detail: 'no clean night' },
    };
    const log = ladder(state({ rung: 'paper', next: 'one_share', missing: ['clean_night_missing'] }), () => answer);
    await userEvent.click(await screen.findByTestId('going-live-up'));
    const confirm = screen.getByRole('button', { name: '1주씩' });
    expect(confirm).toBeDisabled();
    await userEvent.click(screen.getByTestId('old-server-stopped'));
    await userEvent.click(confirm);
    await screen.findByTestId('error-note');
    answer = { body: state({ rung: 'one_share', next: 'full' }) };
    await userEvent.click(screen.getByTestId('skip-night'));
    await userEvent.click(confirm);
    await waitFor(() => expect(screen.queryByTestId('going-live-dialog')).toBeNull());
    const up = { rung: 'one_share', old_server_stopped: true };
    expect(moves(log)).toEqual([
      { ...up, skip_night: false },
      { ...up, skip_night: true },
    ]);
  });

  it('has four rungs, and goes to paper without a word', async () => {
    const log = ladder(state({ missing: [] }), () => ({ body: state({ rung: 'paper', next: 'one_share' }) }));
    const rungs = await screen.findByRole('list', { name: '단계' });
    expect(rungs).toHaveTextContent('관찰모의 실행1주씩전체 수량');
    await userEvent.click(screen.getByTestId('going-live-up'));
    expect(screen.getByTestId('paper-note')).toHaveTextContent('기존 서버를 멈추지 않아도 됩니다');
    expect(screen.queryByTestId('old-server-stopped')).toBeNull();
    await userEvent.click(screen.getByRole('button', { name: '모의 실행' }));
    const sent = { rung: 'paper', old_server_stopped: false, skip_night: false };
    await waitFor(() => expect(moves(log)).toEqual([sent]));
  });

  it('leads to the paper run that trades, and offers no way down to paper', async () => {
    const run = { account_id: 'p1', name: 'main (paper)', started_at: '2026-05-14T12:00:00Z', ended_at: null };
    const over = { ...run, account_id: 'p0', name: 'older (paper)', ended_at: '2026-05-13T12:00:00Z' };
    ladder(state({ rung: 'full', next: null, missing: [], paper_runs: [run, over] }));
    const runs = await screen.findByTestId('paper-runs');
    expect(runs).toHaveTextContent('모의 실행main (paper)');
    expect(runs).toHaveTextContent('끝난 모의 실행older (paper)');
    await userEvent.click(screen.getByRole('link', { name: 'main (paper)' }));
    expect(localStorage.getItem('eggmoney.account')).toBe('p1');
    expect(screen.queryByTestId('going-live-paper')).toBeNull();
    expect(screen.getByTestId('going-live-observe')).toBeVisible();
  });

  it('holds a bot back while the account observes, and lets it go along again', async () => {
    const bots = [
      { id: 'b1', name: 'TQ_1', active: true, rung: 'observe' as const, next: null, kept_at: null },
      { id: 'b2', name: 'TQ_2', active: true, rung: 'observe' as const, next: null, kept_at: 'observe' as const },
    ];
    const log = ladder(state({ bots }));
    await userEvent.click(await screen.findByTestId('hold-back-TQ_1'));
    await userEvent.click(screen.getByRole('button', { name: '함께 올리기' }));
    await waitFor(() =>
      expect(moves(log)).toEqual([
        { rung: 'observe', bot_id: 'b1' },
        { rung: 'full', bot_id: 'b2' },
      ]),
    );
  });

  it('goes down with a click, and lets a bot stay behind', async () => {
    const log = ladder(
      state({
        rung: 'full',
        next: null,
        missing: [],
        bots: [{ id: 'b1', name: 'TQ_1', active: true, rung: 'full', next: null, kept_at: null }],
      }),
    );
    await userEvent.click(await screen.findByTestId('going-live-observe'));
    await userEvent.click(screen.getByRole('button', { name: '관찰', hidden: false }));
    await waitFor(() => expect(moves(log)).toEqual([{ rung: 'observe' }]));
  });
});
