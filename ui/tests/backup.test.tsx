import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { Backups } from '../src/api/types';
import { HoldCard } from '../src/features/backup/HoldCard';
import { PassphraseCard } from '../src/features/backup/PassphraseCard';
import { RecoveryKeyCard } from '../src/features/backup/RecoveryKeyCard';
import { SettingsCard } from '../src/features/backup/SettingsCard';
import { serve, show } from './support';

const settings = { enabled: true, at: '18:30', daily: 7, weekly: 4, monthly: 6, min_free_mib: 1024 };
const state: Backups['recovery_key'] = { id: '0a1b2c3d', shown_at: null, proved_at: null, asked: null, ask_at: null };
const WORDS = 'legal winner thank year wave sausage worth useful legal winner thank yellow'.split(' ');

describe('the recovery key', () => {
  it('is shown once it is asked for, and forgotten when its dialog closes', async () => {
    const log = serve(() => ({
      body: { id: '0a1b2c3d', words: WORDS, qr_svg: '<svg xmlns="http://www.w3.org/2000/svg"/>' },
    }));
    show(<RecoveryKeyCard state={state} />);
    expect(screen.getByTestId('recovery-key-unseen')).toBeVisible();
    await userEvent.click(screen.getByTestId('recovery-key-show'));
    const words = within(await screen.findByTestId('recovery-key-words'));
    expect(words.getAllByRole('listitem').map((item) => item.textContent)).toEqual(
      WORDS.map((word, index) => `${index + 1}${word}`),
    );
    expect(screen.getByRole('img', { name: '복구 키 QR 코드' })).toBeVisible();
    expect(log.map(({ method, path }) => `${method} ${path}`)).toContain('POST admin/backup/recovery-key');
    await userEvent.click(screen.getByTestId('recovery-key-kept'));
    await waitFor(() => expect(screen.queryByTestId('recovery-key-words')).toBeNull());
  });

  it('is asked for by two of its words', async () => {
    let right = false;
    const log = serve(() =>
      right ? { status: 204 } : { status: 422, body: { code: 'wrong_words', detail: 'no', status: 422, title: 't' } },
    );
    show(<RecoveryKeyCard state={{ ...state, shown_at: '2026-05-01T00:00:00Z', asked: [3, 11] }} />);
    const question = within(screen.getByTestId('recovery-key-question'));
    expect(question.getByTestId('words-check')).toBeDisabled();
    await userEvent.type(question.getByLabelText('3번째 단어'), 'thank');
    await userEvent.type(question.getByLabelText('11번째 단어'), 'winner');
    await userEvent.click(question.getByTestId('words-check'));
    expect(await question.findByText(/적어 둔 것과 견주어/)).toBeVisible();
    right = true;
    await userEvent.click(question.getByTestId('words-check'));
    expect(await screen.findByTestId('words-right')).toBeVisible();
    expect(log.filter((sent) => sent.method === 'POST').at(-1)?.body).toEqual({ first: 'thank', second: 'winner' });
  });
});

describe('settings of backups', () => {
  it('are sent as numbers, and not while one of them is none', async () => {
    const log = serve(() => ({ body: {} }));
    show(<SettingsCard settings={settings} />);
    const daily = screen.getByTestId('backup-daily');
    await userEvent.clear(daily);
    await userEvent.type(daily, '0');
    await userEvent.click(screen.getByTestId('backup-save'));
    expect(log).toEqual([]);
    expect(daily).toBeInvalid();
    await userEvent.clear(daily);
    await userEvent.type(daily, '10');
    await userEvent.click(screen.getByTestId('backup-enabled'));
    await userEvent.click(screen.getByTestId('backup-save'));
    await waitFor(() => expect(log).toHaveLength(1));
    expect(log[0]?.body).toEqual({ ...settings, enabled: false, daily: 10 });
  });

  it('take a passphrase of some length only', async () => {
    const log = serve(() => ({ status: 204 }));
    show(<PassphraseCard since={null} />);
    await userEvent.type(screen.getByTestId('passphrase-text'), 'elevenchars');
    expect(screen.getByTestId('passphrase-set')).toBeDisabled();
    await userEvent.type(screen.getByTestId('passphrase-text'), '!');
    await userEvent.click(screen.getByTestId('passphrase-set'));
    await waitFor(() => expect(screen.getByTestId('passphrase-text')).toHaveValue(''));
    expect(log[0]).toMatchObject({
      method: 'PUT',
      path: 'admin/backup/passphrase',
      body: { passphrase: 'elevenchars!' },
    });
  });
});

describe('after a restore', () => {
  it('nothing is let go before somebody says that the other server is off', async () => {
    const log = serve(() => ({ status: 204 }));
    show(<HoldCard hold={{ since: '2026-11-21T10:00:00Z', reason: 'restored', generation: null }} />);
    expect(screen.getByRole('alert')).toHaveTextContent('예전 서버');
    expect(screen.getByTestId('release')).toBeDisabled();
    await userEvent.click(screen.getByTestId('old-server-off'));
    await userEvent.click(screen.getByTestId('release'));
    await waitFor(() => expect(log.find((sent) => sent.method === 'POST')?.body).toEqual({ old_server_off: true }));
  });
});
