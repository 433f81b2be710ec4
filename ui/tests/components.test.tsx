import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { ApiError } from '../src/api/errors';
import { sessionState } from '../src/api/session';
import type { Order } from '../src/api/types';
import { ModeBadge } from '../src/components/ui/badge';
import { ConfirmDialog } from '../src/components/ui/dialog';
import { ErrorNote } from '../src/components/ui/feedback';
import { FileField } from '../src/components/ui/field';
import { Change, Money, Price, Shares } from '../src/components/ui/value';
import { LoginPage, RegisterPage } from '../src/features/auth';
import { BotSettingsCard } from '../src/features/bots/BotSettingsCard';
import { OrderStateBadge } from '../src/features/orders';
import { setLanguage } from '../src/lib/i18n';
import { coverAmounts, hideAmounts } from '../src/lib/privacy';
import { readPreference } from '../src/lib/storage';
import { aBot, login, serve, show } from './support';

const system = (change = {}) => ({
  version: '0.1.0',
  simulation: false,
  speed: null,
  market_time: '2026-11-20T15:00:00Z',
  wall_time: '2026-11-20T15:00:00Z',
  setup_required: false,
  registration: 'open',
  ...change,
});

describe('values', () => {
  it('show gains and losses by colour, sign and arrow', () => {
    show(
      <>
        <p data-testid="gain">
          <Change value="118.42" />
        </p>
        <p data-testid="loss">
          <Change value={-0.04} as="percent" />
        </p>
      </>,
    );
    const gain = screen.getByTestId('gain');
    expect(gain).toHaveTextContent('▲상승 +$118.42');
    expect(gain.firstChild).toHaveClass('text-up');
    const loss = screen.getByTestId('loss');
    expect(loss).toHaveTextContent('▼하락 -4.00%');
    expect(loss.firstChild).toHaveClass('text-down');
  });

  it('say that a value is missing, in both languages', async () => {
    const { unmount } = show(<Money value={null} />);
    expect(screen.getByText('없음')).toBeVisible();
    unmount();
    await setLanguage('en');
    show(<Money value={undefined} />);
    expect(screen.getByText('n/a')).toBeVisible();
  });
});

describe('hidden amounts', () => {
  it('cover money and shares, not prices and percentages, and are remembered', () => {
    const page = (
      <p data-testid="values">
        <Money value="71124.63" /> <Shares value={88} unit /> <Change value="-990.62" /> <Price value="136.06" />{' '}
        <Change value={0.04} as="percent" />
      </p>
    );
    show(page);
    expect(screen.getByTestId('values')).toHaveTextContent('$71,124.63 88주 ▼하락 -$990.62 $136.06 ▲상승 +4.00%');
    act(() => hideAmounts(true));
    expect(screen.getByTestId('values')).toHaveTextContent('••• •••주 ▼하락 ••• $136.06 ▲상승 +4.00%');
    expect(readPreference('amounts')).toBe('hidden');
    act(() => hideAmounts(false));
    expect(screen.getByTestId('values')).toHaveTextContent('$71,124.63');
  });

  it('are covered within sentences of the server', () => {
    expect(coverAmounts('매수 판단: $258.86 · 17주 · 주문 4건 · (+5.95%)')).toBe(
      '매수 판단: ••• · •••주 · 주문 4건 · (+5.95%)',
    );
    expect(coverAmounts('planned to sell 1/4, 17 shares in 5 slices')).toBe(
      'planned to sell 1/4, ••• shares in 5 slices',
    );
  });
});

describe('the file control', () => {
  function Chooser() {
    const [file, setFile] = useState<File>();
    return <FileField label="데이터베이스 파일" file={file} onFile={setFile} data-testid="file" />;
  }

  it('is reached by keyboard, names the file, and lets go of it', async () => {
    show(<Chooser />);
    const input = screen.getByTestId('file');
    expect(input).toHaveAccessibleName('데이터베이스 파일 고른 파일이 없습니다');
    await userEvent.tab();
    expect(input).toHaveFocus();
    await userEvent.upload(input, new File(['x'], 'egg_chan.db'));
    expect(input).toHaveAccessibleName('데이터베이스 파일 egg_chan.db');
    await userEvent.click(screen.getByRole('button', { name: 'egg_chan.db 빼기' }));
    expect(input).toHaveAccessibleName('데이터베이스 파일 고른 파일이 없습니다');
  });
});

it('marks real money in red and observing in grey', () => {
  show(<ModeBadge account={{ environment: 'live', mode: 'observe' }} />);
  expect(screen.getByText('실전')).toHaveClass('text-danger');
  expect(screen.getByText('관찰')).toHaveClass('text-muted');
});

it('shows how much of an order is filled', () => {
  const order = { state: 'partially_filled', quantity: '10', filled_quantity: '3' } as Order;
  show(<OrderStateBadge order={order} />);
  expect(screen.getByTestId('order-state')).toHaveTextContent('부분체결3/10');
});

describe('errors', () => {
  it('are translated by code; in Korean the server’s English is folded away', async () => {
    const error = new ApiError({ status: 409, code: 'bot_has_holding', detail: 'TQ_1 holds 84 shares' });
    const { unmount } = show(<ErrorNote error={error} />);
    expect(screen.getByText('보유 수량이 있어 삭제할 수 없습니다.')).toBeVisible();
    expect(screen.getByText('TQ_1 holds 84 shares')).not.toBeVisible();
    unmount();
    await setLanguage('en');
    show(<ErrorNote error={error} />);
    expect(screen.getByText('TQ_1 holds 84 shares')).toBeVisible();
  });

  it('carry the broker’s own words and code', () => {
    const problem = { status: 422, code: 'broker_rejected', detail: 'refused by the broker (APBK0919): 잔고 부족' };
    show(<ErrorNote error={new ApiError({ ...problem, broker_code: 'APBK0919', broker_message: '잔고 부족' })} />);
    expect(screen.getByRole('alert')).toHaveTextContent('증권사가 거부했습니다.잔고 부족 (APBK0919)');
    expect(screen.queryByText(/refused by/)).toBeNull();
  });

  it('fall back to the server’s words for unknown codes', () => {
    show(<ErrorNote error={new ApiError({ status: 422, code: 'quite_new', detail: 'Something new' })} />);
    expect(screen.getByRole('alert')).toHaveTextContent('Something new');
  });
});

it('confirms only after the word was typed', async () => {
  const confirm = vi.fn();
  show(
    <ConfirmDialog open title="t" confirmLabel="go" word="TQ_1" testId="ask" onClose={vi.fn()} onConfirm={confirm} />,
  );
  const button = await screen.findByTestId('ask-confirm');
  expect(button).toBeDisabled();
  await userEvent.type(screen.getByTestId('ask-word'), 'TQ_1');
  await userEvent.click(button);
  expect(confirm).toHaveBeenCalledOnce();
});

describe('sign-in', () => {
  it('shows a refusal and keeps the name', async () => {
    serve(({ path }) =>
      path === 'system' ? { body: system() } : { status: 401, body: { code: 'wrong_credentials', detail: 'no' } },
    );
    show(<LoginPage />);
    await userEvent.type(screen.getByTestId('login-username'), 'minsu');
    await userEvent.type(screen.getByTestId('login-password'), 'wrong');
    await userEvent.click(screen.getByTestId('login-submit'));
    expect(await screen.findByTestId('error-note')).toHaveTextContent('사용자 이름이나 비밀번호가 맞지 않습니다.');
    expect(screen.getByTestId('login-username')).toHaveValue('minsu');
    expect(screen.getByTestId('login-password')).toHaveValue('');
  });

  it('asks the first person for the set-up code and signs them in', async () => {
    const log = serve(({ path }) => {
      if (path === 'system') return { body: system({ setup_required: true, registration: 'closed' }) };
      if (path === 'auth/register') return { status: 201, body: { id: 'u1', username: 'minsu', role: 'admin' } };
      return { body: login('t') };
    });
    show(<RegisterPage />);
    await screen.findByTestId('register-setup-code');
    await userEvent.type(screen.getByTestId('register-username'), 'minsu');
    await userEvent.type(screen.getByTestId('register-password'), 'long enough');
    await userEvent.type(screen.getByTestId('register-password-repeat'), 'long enough');
    await userEvent.click(screen.getByTestId('register-submit'));
    expect(await screen.findByText('필수 항목입니다.')).toBeVisible();
    expect(log.some((sent) => sent.path === 'auth/register')).toBe(false);
    await userEvent.type(screen.getByTestId('register-setup-code'), 'ABCD-1234');
    await userEvent.click(screen.getByTestId('register-submit'));
    await waitFor(() => expect(sessionState().status).toBe('in'));
    expect(log.find((sent) => sent.path === 'auth/register')?.body).toEqual({
      username: 'minsu',
      password: 'long enough',
      setup_code: 'ABCD-1234',
    });
  });
});

describe('bot settings', () => {
  it('save the changed fields with the version that was edited', async () => {
    const log = serve(() => ({ body: aBot({ version: 8, added_seed: '-20' }) }));
    show(<BotSettingsCard bot={aBot()} />);
    const field = screen.getByTestId('bot-added_seed');
    expect(field).toHaveValue('-12.35');
    await userEvent.clear(field);
    await userEvent.type(field, '-20');
    await userEvent.click(screen.getByTestId('bot-save'));
    expect(await screen.findByTestId('bot-saved')).toBeVisible();
    expect(log.find((sent) => sent.method === 'PATCH')?.body).toEqual({ version: 7, added_seed: '-20' });
  });

  it('show what somebody else changed, and save on top of it', async () => {
    const theirs = aBot({ version: 9, max_tier: 30 });
    const log = serve(({ method, body }) => {
      if (method === 'GET') return { body: theirs };
      if ((body as { version: number }).version === 9) return { body: { ...theirs, version: 10, seed: '400' } };
      return { status: 409, body: { code: 'version_conflict', detail: 'version is 9' } };
    });
    show(<BotSettingsCard bot={aBot()} />);
    await userEvent.clear(screen.getByTestId('bot-seed'));
    await userEvent.type(screen.getByTestId('bot-seed'), '400');
    await userEvent.click(screen.getByTestId('bot-save'));
    const note = await screen.findByTestId('conflict');
    const row = within(note).getByRole('row', { name: /최대 회차/ });
    expect(row).toHaveTextContent('최대 회차4030–');
    await userEvent.click(screen.getByTestId('conflict-mine'));
    expect(await screen.findByTestId('bot-saved')).toBeVisible();
    expect(log.filter((sent) => sent.method === 'PATCH').map((sent) => sent.body)).toEqual([
      { version: 7, seed: '400' },
      { version: 9, seed: '400' },
    ]);
    expect(screen.getByTestId('bot-max_tier')).toHaveValue('30');
  });

  it('put a refusal of the server at its field', async () => {
    serve(() => ({ status: 422, body: { code: 'invalid', detail: 'must be at most 50', pointer: '/t_div' } }));
    show(<BotSettingsCard bot={aBot()} />);
    await userEvent.clear(screen.getByTestId('bot-t_div'));
    await userEvent.type(screen.getByTestId('bot-t_div'), '60');
    await userEvent.click(screen.getByTestId('bot-save'));
    await waitFor(() => expect(screen.getByTestId('bot-t_div')).toHaveAccessibleDescription(/must be at most 50/));
  });
});
