import { useSyncExternalStore } from 'react';
import { ApiError, problemOf } from './errors';
import type { Login, SessionUser } from './types';

/**
 * The signed-in person. The access token lives in memory only; the refresh token is a cookie that scripts cannot
 * read. A refresh happens once at a time, shortly before the token ends, and after a 401.
 */

export type SessionState =
  | { status: 'checking' | 'out' | 'unreachable'; user: null }
  | { status: 'in'; user: SessionUser };

/** Address of the API, relative to wherever the page was loaded from. */
export const apiUrl = (path: string): URL => new URL(`api/v1/${path}`, document.baseURI);

let state: SessionState = { status: 'checking', user: null };
let token: string | null = null;
let endsAt = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let inFlight: Promise<string | null> | null = null;
const listeners = new Set<() => void>();

function publish(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}

export const sessionState = (): SessionState => state;

export function subscribeSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useSession = (): SessionState => useSyncExternalStore(subscribeSession, sessionState);

export function signedIn(login: Login): void {
  token = login.access_token;
  const life = Math.max(10, login.expires_in) * 1000;
  endsAt = Date.now() + life;
  clearTimeout(timer);
  timer = setTimeout(() => void refreshSession().catch(() => undefined), life - Math.min(60_000, life / 4));
  publish({ status: 'in', user: login.user });
}

export function signedOut(): void {
  token = null;
  endsAt = 0;
  clearTimeout(timer);
  publish({ status: 'out', user: null });
}

export function updateUser(change: Partial<SessionUser>): void {
  if (state.user) publish({ status: 'in', user: { ...state.user, ...change } });
}

async function refreshOnce(): Promise<string | null> {
  let response: Response;
  try {
    response = await fetch(apiUrl('auth/refresh'), {
      method: 'POST',
      headers: { 'X-Client': 'web' },
      credentials: 'same-origin',
    });
  } catch (cause) {
    if (state.status !== 'in') publish({ status: 'unreachable', user: null });
    throw new ApiError({ status: 0, code: 'network', detail: String(cause) });
  }
  if (response.ok) {
    signedIn((await response.json()) as Login);
    return token;
  }
  if (response.status >= 500 || response.status === 429) {
    if (state.status !== 'in') publish({ status: 'unreachable', user: null });
    throw await problemOf(response);
  }
  signedOut();
  return null;
}

/** A fresh token, or null when the person has to sign in again. Callers at the same time share one request. */
export function refreshSession(): Promise<string | null> {
  inFlight ??= refreshOnce().finally(() => {
    inFlight = null;
  });
  return inFlight;
}

/** The token for the next request; refreshed first when it has ended while the device slept. */
export async function accessToken(): Promise<string | null> {
  if (token && Date.now() < endsAt - 2_000) return token;
  return token ? refreshSession() : null;
}
