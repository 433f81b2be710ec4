import { accessToken, refreshSession } from '../api/session';
import type { LiveEvent } from '../api/types';

/** One websocket for live updates. It signs in with the first frame and comes back by itself with growing, jittered pauses. */

export type LinkState = 'connecting' | 'open' | 'closed';

export interface SocketHandlers {
  onEvent(event: LiveEvent): void;
  onState(state: LinkState): void;
  /** After a gap: what was shown may be old. */
  onResume(): void;
}

/** Pause before the n-th try: 1 s doubling to 30 s, between half and the whole of it. */
export function pause(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(30_000, 1000 * 2 ** Math.min(attempt, 10));
  return full / 2 + (full / 2) * random();
}

export function socketUrl(): string {
  const url = new URL('ws/events', document.baseURI);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  url.search = '';
  return url.href;
}

export function connect(handlers: SocketHandlers): () => void {
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let attempt = 0;
  let stopped = false;
  let wasOpen = false;

  const again = () => {
    if (stopped) return;
    handlers.onState('closed');
    clearTimeout(timer);
    timer = setTimeout(() => void open(), pause(attempt));
    attempt += 1;
  };

  const open = async () => {
    handlers.onState('connecting');
    const token = await accessToken().catch(() => null);
    if (stopped) return;
    if (!token) return again();
    const current = new WebSocket(socketUrl());
    socket = current;
    current.onopen = () => current.send(JSON.stringify({ type: 'auth', token }));
    current.onmessage = (message) => {
      const event = parse(message.data);
      if (!event) return;
      if (event.type === 'ready') {
        attempt = 0;
        handlers.onState('open');
        if (wasOpen) handlers.onResume();
        wasOpen = true;
      }
      // A refused token: find out whether the session still stands before the next try.
      if (event.type === 'error') void refreshSession().catch(() => undefined);
      handlers.onEvent(event);
    };
    current.onclose = () => {
      if (socket === current) again();
    };
  };

  const wake = () => {
    if (document.visibilityState !== 'visible' || socket?.readyState === WebSocket.OPEN) return;
    attempt = 0;
    clearTimeout(timer);
    const stale = socket;
    socket = null;
    stale?.close();
    void open();
  };

  document.addEventListener('visibilitychange', wake);
  window.addEventListener('online', wake);
  void open();

  return () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', wake);
    window.removeEventListener('online', wake);
    socket?.close();
  };
}

function parse(data: unknown): LiveEvent | null {
  if (typeof data !== 'string') return null;
  try {
    const value: unknown = JSON.parse(data);
    return value && typeof value === 'object' && 'type' in value ? (value as LiveEvent) : null;
  } catch {
    return null;
  }
}
