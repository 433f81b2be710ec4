import { fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { post } from '../src/api/client';
import { DisclosureCard, DisclosureDialog } from '../src/components/layout/Disclosure';
import { UserImportCard } from '../src/features/imports/UserImportCard';
import { serve, show } from './support';

const item = (accepted_at: string | null) => ({
  items: [{ name: 'broker_key', version: 1, dated: '2026-11-22', accepted_at }],
  next: null,
});

describe('a disclosure', () => {
  it('is shown until it was read and accepted', async () => {
    let accepted: string | null = null;
    const log = serve(({ method }) => {
      if (method === 'POST') {
        accepted = '2026-11-22T00:00:00Z';
        return { status: 204 };
      }
      return { body: item(accepted) };
    });
    show(<DisclosureCard name="broker_key" />);
    expect(await screen.findByText(/root 권한을 가진 사람/)).toBeVisible();
    const accept = screen.getByTestId('disclosure-broker_key-accept');
    expect(accept).toBeDisabled();
    await userEvent.click(screen.getByTestId('disclosure-broker_key-read'));
    await userEvent.click(accept);
    await waitFor(() => expect(screen.queryByTestId('disclosure-broker_key')).toBeNull());
    expect(log.find((sent) => sent.method === 'POST')?.body).toEqual({ name: 'broker_key', version: 1 });
  });

  it('comes up when a key is refused without it, and the key is sent again', async () => {
    let accepted = false;
    const log = serve(({ method, path }) => {
      if (path === 'users/disclosures' && method === 'POST') {
        accepted = true;
        return { status: 204 };
      }
      if (path === 'users/disclosures') return { body: item(null) };
      return accepted
        ? { status: 201, body: { id: 'a1' } }
        : { status: 403, body: { code: 'disclosure_required', detail: 'read it' } };
    });
    show(<DisclosureDialog />);
    const made = post('trading/accounts', { name: 'KIS' });
    await userEvent.click(await screen.findByTestId('disclosure-broker_key-read'));
    await userEvent.click(screen.getByTestId('disclosure-broker_key-accept'));
    await expect(made).resolves.toEqual({ id: 'a1' });
    expect(log.filter((sent) => sent.path === 'trading/accounts')).toHaveLength(2);
  });
});

describe('an export of another EggMoney', () => {
  it('is imported, and says that everything only observes', async () => {
    // What is asked of the person is asked with an empty file, before the whole one travels.
    const log = serve(({ body }) =>
      ((body as FormData).get('file') as File).size === 0
        ? { status: 422, body: { code: 'missing_field', detail: 'empty' } }
        : {
            status: 201,
            body: { username: 'chan', made_at: '2026-11-22T00:00:00Z', accounts: ['main', 'paper'], rows: { bots: 5 } },
          },
    );
    show(<UserImportCard />);
    expect(screen.getByTestId('user-import-submit')).toBeDisabled();
    await userEvent.upload(screen.getByTestId('user-import-file'), new File(['PK'], 'eggmoney-chan.zip'));
    // The test's browser does not take the file for a required one's value.
    expect(screen.getByTestId('user-import-submit')).toBeEnabled();
    const form = screen.getByTestId('user-import').querySelector('form');
    if (form) fireEvent.submit(form);
    expect(await screen.findByTestId('user-import-done')).toHaveTextContent('main, paper');
    expect(screen.getByTestId('user-import-done')).toHaveTextContent('관찰만');
    expect(log).toHaveLength(2);
  });

  it('does not travel without the proof', async () => {
    const log = serve(() => ({ status: 403, body: { code: 'step_up_required', detail: 'prove it' } }));
    show(<UserImportCard />);
    await userEvent.upload(screen.getByTestId('user-import-file'), new File(['PK'], 'eggmoney-chan.zip'));
    const form = screen.getByTestId('user-import').querySelector('form');
    if (form) fireEvent.submit(form);
    expect(await screen.findByRole('alert')).toBeVisible();
    expect(log.map((sent) => ((sent.body as FormData).get('file') as File).size)).toEqual([0]);
  });
});
