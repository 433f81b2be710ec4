import { describe, expect, it, vi } from 'vitest';
import { get, post, postPublic } from '../src/api/client';
import { ApiError } from '../src/api/errors';
import { proof } from '../src/api/proof';
import { accessToken, refreshSession, sessionState, signedIn } from '../src/api/session';
import { login, serve } from './support';

describe('client', () => {
  it('sends the token and asks again with a fresh one after a 401', async () => {
    signedIn(login('old'));
    const log = serve(({ path, headers }) => {
      if (path === 'auth/refresh') return { body: login('new') };
      return headers.Authorization === 'Bearer new'
        ? { body: { items: [] } }
        : { status: 401, body: { code: 'unauthorized' } };
    });
    await expect(get('trading/bots', { account_id: 'a1', after: null })).resolves.toEqual({ items: [] });
    expect(log.map((sent) => sent.path)).toEqual([
      'trading/bots?account_id=a1',
      'auth/refresh',
      'trading/bots?account_id=a1',
    ]);
    expect(log[1]?.headers['X-Client']).toBe('web');
  });

  it('refreshes once for many requests that fail together', async () => {
    signedIn(login('old'));
    const log = serve(({ path, headers }) => {
      if (path === 'auth/refresh') return { body: login('new') };
      return headers.Authorization === 'Bearer new' ? { body: {} } : { status: 401, body: {} };
    });
    await Promise.all([get('a'), get('b'), get('c')]);
    expect(log.filter((sent) => sent.path === 'auth/refresh')).toHaveLength(1);
  });

  it('asks for a proof once for all calls that want one, and sends them again', async () => {
    signedIn(login('old'));
    let proved = false;
    const log = serve(() => (proved ? { body: {} } : { status: 403, body: { code: 'step_up_required' } }));
    let asked = 0;
    const leave = proof.askWith(async () => {
      asked += 1;
      proved = true;
      return true;
    });
    await Promise.all([post('a'), post('b')]);
    expect([asked, log.length]).toEqual([1, 4]);
    proved = false;
    leave();
    await expect(post('a')).rejects.toMatchObject({ code: 'step_up_required' });
  });

  it('signs out when the refresh token is refused', async () => {
    signedIn(login('old'));
    serve(() => ({ status: 401, body: { code: 'session_ended', detail: 'ended' } }));
    await expect(get('trading/bots')).rejects.toMatchObject({ status: 401, code: 'session_ended' });
    expect(sessionState().status).toBe('out');
  });

  it('stays signed in when the server is only busy', async () => {
    signedIn(login('old'));
    serve(() => ({ status: 503, body: { code: 'busy' } }));
    await expect(refreshSession()).rejects.toBeInstanceOf(ApiError);
    expect(sessionState().status).toBe('in');
  });

  it('refreshes a token that ended while the device slept', async () => {
    vi.useFakeTimers();
    try {
      signedIn(login('old'));
      vi.setSystemTime(Date.now() + 3_600_000);
      serve(() => ({ body: login('new') }));
      await expect(accessToken()).resolves.toBe('new');
    } finally {
      vi.useRealTimers();
    }
  });

  it('refreshes before the token ends', async () => {
    vi.useFakeTimers();
    try {
      const log = serve(() => ({ body: login('new') }));
      signedIn(login('old'));
      await vi.advanceTimersByTimeAsync(839_000);
      expect(log).toHaveLength(0);
      await vi.advanceTimersByTimeAsync(2_000);
      expect(log.map((sent) => sent.path)).toEqual(['auth/refresh']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('turns problem details into an error with its field', async () => {
    serve(() => ({
      status: 422,
      body: { code: 'invalid', detail: 'too large', pointer: '/closing_conditions/0/drop_rate' },
    }));
    const error = await post('trading/bots', {}).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 'invalid', field: 'closing_conditions.0.drop_rate', message: 'too large' });
  });

  it('tells a lost connection from a refusal', async () => {
    vi.stubGlobal('fetch', vi.fn().mockRejectedValue(new TypeError('failed')));
    await expect(postPublic('auth/login', {})).rejects.toMatchObject({ status: 0, code: 'network' });
  });

  it('accepts answers without a body', async () => {
    serve(() => ({ status: 204 }));
    await expect(post('alerts/read', { all: true })).resolves.toBeUndefined();
  });
});
