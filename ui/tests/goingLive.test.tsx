import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { Account, GoingLive, Night } from '../src/api/types';
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
  next: 'one_share',
  since: null,
  missing: ['live_not_allowed', 'clean_night_missing'],
  clean_night: false,
  last_night: night,
  bots: [{ id: 'b1', name: 'TQ_1', active: true, rung: 'observe' }],
  ...change,
});

/** Serves a ladder whose moves the test answers. */
function ladder(now: GoingLive, move: (sent: Sent) => Answer = () => ({ body: now })): Sent[] {
  const log = serve((sent) => {
    if (sent.method === 'POST') return move(sent);
    return { body: sent.path.endsWith('/nights') ? { items: [night], next: null } : now };
  });
  show(<GoingLiveCard account={account} />);
  return log;
}

const moves = (log: Sent[]) => log.filter((sent) => sent.method === 'POST').map((sent) => sent.body);

describe('going live', () => {
  it('shows what is missing and how the last night compared', async () => {
    ladder(state());
    expect(await screen.findByTestId('going-live-missing')).toHaveTextContent('관리자');
    const shown = await screen.findByTestId('night');
    expect(shown).toHaveTextContent('TQ_1');
    expect(shown).toHaveTextContent('여기서만 주문하려 했습니다.');
    expect(shown).toHaveTextContent('TQ_2와(과) 함께 비교');
  });

  it('goes up only with the word, the password, and the night or its skip', async () => {
    let answer: Answer = {
      status: 422,
      body: { code: 'wrong_current_password', detail: 'wrong', pointer: '/password' },
    };
    const log = ladder(state({ missing: ['clean_night_missing'] }), () => answer);
    await userEvent.click(await screen.findByTestId('going-live-up'));
    const confirm = screen.getByRole('button', { name: '1주씩' });
    expect(confirm).toBeDisabled();
    await userEvent.click(screen.getByTestId('old-server-stopped'));
    expect(confirm).toBeDisabled();
    await userEvent.type(screen.getByTestId('going-live-password'), 'wrong');
    await userEvent.click(confirm);
    await waitFor(() => expect(screen.getByTestId('going-live-password')).toHaveValue(''));
    answer = { body: state({ rung: 'one_share', next: 'full' }) };
    await userEvent.click(screen.getByTestId('skip-night'));
    await userEvent.type(screen.getByTestId('going-live-password'), 'right');
    await userEvent.click(confirm);
    await waitFor(() => expect(screen.queryByTestId('going-live-dialog')).toBeNull());
    const up = { rung: 'one_share', old_server_stopped: true };
    expect(moves(log)).toEqual([
      { ...up, password: 'wrong', skip_night: false },
      { ...up, password: 'right', skip_night: true },
    ]);
  });

  it('goes down without a password, and lets a bot stay behind', async () => {
    const log = ladder(
      state({ rung: 'full', next: null, missing: [], bots: [{ id: 'b1', name: 'TQ_1', active: true, rung: 'full' }] }),
    );
    await userEvent.click(await screen.findByTestId('going-live-observe'));
    expect(screen.queryByTestId('going-live-password')).toBeNull();
    await userEvent.click(screen.getByRole('button', { name: '관찰', hidden: false }));
    await waitFor(() => expect(moves(log)).toEqual([{ rung: 'observe' }]));
  });
});
