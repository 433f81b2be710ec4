import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import type { AuditItem, Invitation, Person } from '../src/api/types';
import { InstallationAudit } from '../src/features/admin/InstallationAudit';
import { InvitationsCard } from '../src/features/admin/InvitationsCard';
import { UsersCard } from '../src/features/admin/UsersCard';
import { type Answer, aPerson, type Sent, serve, show } from './support';

const list = (items: unknown[]) => ({ body: { items, next: null } });

describe('invitations', () => {
  const made: Invitation = {
    id: 'i1',
    role: 'viewer',
    note: 'for Choe',
    created_at: '2026-11-21T22:00:00Z',
    expires_at: '2026-11-28T22:00:00Z',
  };

  it('show their link once, to copy or to scan', async () => {
    let items: Invitation[] = [];
    const log = serve(({ method }) => {
      if (method !== 'POST') return list(items);
      items = [made];
      return { status: 201, body: { ...made, word: 'ab+c' } };
    });
    const user = userEvent.setup();
    show(<InvitationsCard />);
    expect(await screen.findByText('아직 쓰지 않은 초대가 없습니다')).toBeVisible();
    await user.click(screen.getByTestId('invite'));
    await user.click(screen.getByTestId('role-viewer'));
    await user.type(screen.getByTestId('invite-note'), ' for Choe ');
    await user.click(screen.getByTestId('invite-submit'));
    const link = `${location.origin}${location.pathname}#/register?invite=ab%2Bc`;
    expect(await screen.findByTestId('one-time-link')).toHaveValue(link);
    expect(screen.getByTestId('invite-dialog')).toHaveTextContent('7일 안에 한 번');
    expect(screen.getByRole('img', { name: '링크 QR 코드' })).toBeVisible();
    expect(log.find((sent) => sent.method === 'POST')?.body).toEqual({ role: 'viewer', note: 'for Choe' });
    await user.click(screen.getByTestId('link-copy'));
    await waitFor(() => expect(screen.getByTestId('link-copy')).toHaveTextContent('복사했습니다'));
    expect(await navigator.clipboard.readText()).toBe(link);
    await user.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByTestId('one-time-link')).toBeNull());
    expect(await screen.findByTestId('invitation-row')).toHaveTextContent('보기 전용');
    // What was shown once does not come back.
    await user.click(screen.getByTestId('invite'));
    expect(screen.queryByTestId('one-time-link')).toBeNull();
  });

  it('can be copied without TLS', async () => {
    serve(({ method }) => (method === 'POST' ? { status: 201, body: { ...made, word: 'w' } } : list([])));
    show(<InvitationsCard />);
    await userEvent.click(await screen.findByTestId('invite'));
    await userEvent.click(screen.getByTestId('invite-submit'));
    const field = await screen.findByTestId<HTMLInputElement>('one-time-link');
    const older = vi.fn(() => true);
    vi.stubGlobal('navigator', { clipboard: undefined });
    document.execCommand = older;
    screen.getByTestId('link-copy').click();
    await waitFor(() => expect(screen.getByTestId('link-copy')).toHaveTextContent('복사했습니다'));
    expect(older).toHaveBeenCalledWith('copy');
    expect(field.selectionEnd).toBe(field.value.length);
    vi.unstubAllGlobals();
  });

  it('are taken back', async () => {
    let items = [made];
    const log = serve(({ method }) => {
      if (method !== 'DELETE') return list(items);
      items = [];
      return { status: 200 };
    });
    show(<InvitationsCard />);
    await userEvent.click(await screen.findByTestId('invitation-revoke'));
    await waitFor(() => expect(screen.queryByTestId('invitation-row')).toBeNull());
    expect(log.find((sent) => sent.method === 'DELETE')?.path).toBe('admin/invitations/i1');
  });
});

/** The users' list with one person, whose changes the test answers. */
function people(change: (sent: Sent) => Answer, person = aPerson()): Sent[] {
  const log = serve((sent) => (sent.method === 'GET' ? list([person]) : change(sent)));
  show(<UsersCard />);
  return log;
}

const sentBodies = (log: Sent[]) =>
  log.filter((sent) => sent.method !== 'GET').map(({ path, body }) => ({ path, body }));

describe('a person', () => {
  it('is deactivated after a warning, and what stays behind is named', async () => {
    const held = [
      { symbol: 'SOXL', quantity: '12' },
      { symbol: '005930', quantity: '1000' },
    ];
    const answer: Person = {
      ...aPerson({ active: false }),
      stopped: [
        { account_id: 'a1', name: 'main', cancelled_orders: 3, positions: held, problem: null },
        { account_id: 'a2', name: 'second', cancelled_orders: 0, positions: [], problem: 'the broker does not answer' },
      ],
    };
    const log = people(() => ({ body: answer }));
    await userEvent.click(await screen.findByTestId('user-person'));
    expect(screen.getByTestId('person-save')).toBeDisabled();
    expect(screen.queryByTestId('person-deactivates')).toBeNull();
    await userEvent.click(screen.getByTestId('person-active'));
    expect(screen.getByTestId('person-deactivates')).toHaveTextContent('열린 주문을 취소합니다. 보유 주식은 그대로');
    await userEvent.click(screen.getByRole('button', { name: '사용 중지' }));
    const [first, second] = await screen.findAllByTestId('stopped-account');
    expect(first).toHaveTextContent('main취소한 주문: 3남는 보유 종목: SOXL 12, 005930 1,000');
    expect(within(first as HTMLElement).queryByRole('alert')).toBeNull();
    expect(within(second as HTMLElement).getByRole('alert')).toHaveTextContent('the broker does not answer');
    expect(sentBodies(log)).toEqual([{ path: 'admin/users/u2', body: { active: false } }]);
  });

  it('stays when it is the last administrator', async () => {
    people(() => ({ status: 409, body: { code: 'last_admin', detail: 'the last' } }), aPerson({ role: 'admin' }));
    await userEvent.click(await screen.findByTestId('user-person'));
    await userEvent.click(screen.getByTestId('role-user'));
    expect(screen.getByTestId('person-dialog')).toHaveTextContent('모든 기기에서 로그아웃');
    await userEvent.click(screen.getByTestId('person-save'));
    expect(await screen.findByTestId('error-note')).toHaveTextContent('마지막');
  });

  it('gets only what was changed, and the dialog closes', async () => {
    const log = people(() => ({ body: { ...aPerson({ verified: true }), stopped: [] } }));
    await userEvent.click(await screen.findByTestId('user-person'));
    await userEvent.click(screen.getByTestId('person-verified'));
    await userEvent.click(screen.getByTestId('person-save'));
    await screen.findByTestId('person-saved');
    await waitFor(() => expect(screen.queryByTestId('person-dialog')).toBeNull());
    expect(sentBodies(log)).toEqual([{ path: 'admin/users/u2', body: { verified: true } }]);
  });

  it('gets a link for a new password', async () => {
    const log = people(() => ({ status: 201, body: { word: 'w-1', expires_at: '2026-11-21T22:30:00Z' } }));
    await userEvent.click(await screen.findByTestId('user-reset'));
    expect(screen.getByTestId('reset-dialog')).toHaveTextContent('30분');
    await userEvent.click(screen.getByTestId('reset-phone-lost'));
    await userEvent.click(screen.getByTestId('reset-submit'));
    const link = `${location.origin}${location.pathname}#/reset?word=w-1`;
    expect(await screen.findByTestId('one-time-link')).toHaveValue(link);
    expect(sentBodies(log)).toEqual([{ path: 'admin/users/u2/reset', body: { drop_second_factor: true } }]);
  });
});

it('tells the audit in words, page by page', async () => {
  const row = (change: Partial<AuditItem>): AuditItem => ({
    seq: 1,
    at: '2026-11-21T22:00:00Z',
    by: 'u1',
    by_name: 'minsu',
    action: 'user.changed',
    detail: { user: 'u2' },
    hash: '00',
    ...change,
  });
  const log = serve(({ path }) => {
    if (path.startsWith('admin/users')) return list([aPerson()]);
    if (path.includes('before=')) return list([row({ action: 'moon.landed', by: null, by_name: null, detail: {} })]);
    return { body: { items: [row({ seq: 2 })], next: 2 } };
  });
  show(<InstallationAudit />);
  expect(await screen.findByText(/역할·상태 변경 · choe/)).toBeVisible();
  await userEvent.click(screen.getByTestId('audit-more'));
  expect(await screen.findByText('moon.landed')).toBeVisible();
  const [first, second] = screen.getAllByTestId('audit-row');
  expect(first).toHaveTextContent('minsu');
  expect(second).toHaveTextContent('서버');
  expect(screen.queryByTestId('audit-more')).toBeNull();
  expect(log.map((sent) => sent.path)).toContain('admin/audit?limit=20&before=2');
});
