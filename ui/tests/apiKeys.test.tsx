import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { ApiKeyItem, ApiKeys, UserRules } from '../src/api/types';
import { RulesDialog } from '../src/features/admin/RulesDialog';
import { ApiKeysCard } from '../src/features/profile/ApiKeysCard';
import { aPerson, serve, show } from './support';

const item = (change: Partial<ApiKeyItem> = {}): ApiKeyItem => ({
  id: 'k1',
  key: `egg_${'0123456789abcdef'.repeat(2)}`,
  name: '내 스크립트',
  scope: 'paper',
  networks: [],
  created_at: '2026-11-01T15:00:00Z',
  expires_at: null,
  last_used_at: null,
  last_used_from: null,
  revoked_at: null,
  ...change,
});

const keys = (items: ApiKeyItem[], change: Partial<ApiKeys> = {}): ApiKeys => ({
  items,
  calls_today: 7,
  calls_limit: null,
  calls_until: '2026-11-22T15:00:00Z',
  ...change,
});

describe('API keys', () => {
  it('are made with scope, life and addresses, and shown once', async () => {
    let items: ApiKeyItem[] = [];
    const text = `egg_${'0'.repeat(32)}_${'1'.repeat(64)}`;
    const log = serve(({ method }) => {
      if (method !== 'POST') return { body: keys(items) };
      items = [item()];
      return { status: 201, body: { key: text, item: item() } };
    });
    const user = userEvent.setup();
    show(<ApiKeysCard of="user" />);
    expect(await screen.findByTestId('api-calls')).toHaveTextContent('오늘 호출: 7회');
    await user.click(screen.getByTestId('api-key-new'));
    expect(screen.getByTestId('api-key-submit')).toBeDisabled();
    await user.type(screen.getByTestId('api-key-name'), ' 내 스크립트 ');
    await user.selectOptions(screen.getByTestId('api-key-scope'), 'paper');
    await user.selectOptions(screen.getByTestId('api-key-life'), '0');
    await user.type(screen.getByTestId('api-key-networks'), '203.0.113.7, 2001:db8::/32');
    await user.click(screen.getByTestId('api-key-submit'));
    expect(await screen.findByTestId('api-key-text')).toHaveValue(text);
    expect(screen.getByTestId('api-key-dialog')).toHaveTextContent('한 번만 보입니다');
    expect(log.find((sent) => sent.method === 'POST')?.body).toEqual({
      name: '내 스크립트',
      scope: 'paper',
      expires_at: null,
      networks: ['203.0.113.7', '2001:db8::/32'],
    });
    await user.click(screen.getByTestId('link-copy'));
    expect(await navigator.clipboard.readText()).toBe(text);
    await user.click(screen.getByTestId('api-key-kept'));
    await waitFor(() => expect(screen.queryByTestId('api-key-text')).toBeNull());
    expect(await screen.findByTestId('api-key-row')).toHaveTextContent('egg_01234567…');
  });

  it('of a viewer can only read', async () => {
    serve(() => ({ body: keys([]) }));
    show(<ApiKeysCard of="viewer" />);
    await userEvent.click(await screen.findByTestId('api-key-new'));
    expect(screen.getByTestId('api-key-scope').querySelectorAll('option')).toHaveLength(1);
  });

  it('name the address that is none', async () => {
    serve(({ method }) =>
      method === 'POST'
        ? { status: 422, body: { status: 422, code: 'invalid', detail: 'that is none', pointer: '/networks/0' } }
        : { body: keys([]) },
    );
    show(<ApiKeysCard of="user" />);
    await userEvent.click(await screen.findByTestId('api-key-new'));
    await userEvent.type(screen.getByTestId('api-key-name'), 'x');
    await userEvent.type(screen.getByTestId('api-key-networks'), 'nowhere');
    await userEvent.click(screen.getByTestId('api-key-submit'));
    await waitFor(() => expect(screen.getByTestId('api-key-networks')).toBeInvalid());
  });

  it('are revoked after a question, and show what is left of the day', async () => {
    let items = [item({ last_used_at: '2026-11-20T15:00:00Z', last_used_from: '203.0.113.7' })];
    const log = serve(({ method }) => {
      if (method !== 'DELETE') return { body: keys(items, { calls_limit: 1000 }) };
      items = [item({ revoked_at: '2026-11-21T15:00:00Z' })];
      return { status: 204 };
    });
    const user = userEvent.setup();
    show(<ApiKeysCard of="user" />);
    expect(await screen.findByTestId('api-calls')).toHaveTextContent('1000회 중 7회');
    expect(screen.getByTestId('api-key-row')).toHaveTextContent('203.0.113.7');
    await user.click(screen.getByTestId('api-key-revoke'));
    expect(screen.getByTestId('api-key-revoke-dialog')).toHaveTextContent('되돌릴 수 없습니다');
    expect(log.some((sent) => sent.method === 'DELETE')).toBe(false);
    const buttons = screen.getAllByRole('button', { name: '폐기' });
    await user.click(buttons[buttons.length - 1] as HTMLElement);
    await waitFor(() => expect(screen.getByTestId('api-key-row')).toHaveTextContent('폐기됨'));
    expect(screen.queryByTestId('api-key-revoke')).toBeNull();
    expect(log.find((sent) => sent.method === 'DELETE')?.path).toBe('users/api-keys/k1');
  });
});

describe('the calls of a day', () => {
  it('are limited by the administrator', async () => {
    const rules: UserRules = {
      can_paper_trade: true,
      can_real_trade: false,
      daily_trade_limit: null,
      api_calls_limit: 500,
      allowed_products: null,
    };
    const log = serve(({ body }) => ({ body: body ?? rules }));
    const user = userEvent.setup();
    show(<RulesDialog user={aPerson()} onClose={() => undefined} />);
    const field = await screen.findByTestId('rules-api_calls_limit');
    expect(field).toHaveValue('500');
    await user.clear(field);
    await user.type(field, '0');
    await user.click(screen.getByTestId('rules-save'));
    expect(field).toBeInvalid();
    await user.clear(field);
    await user.type(field, '2500');
    await user.click(screen.getByTestId('rules-save'));
    await waitFor(() =>
      expect(log.find((sent) => sent.method === 'PUT')?.body).toEqual({ ...rules, api_calls_limit: 2500 }),
    );
  });
});
