import type { Connection } from '../../api/types';
import { socketUrl } from '../../live/socket';

/** What the browser and the server know together about the way between them. */

/** The ways in: two are supported, the others have something to be said against them. */
export type Way = 'proxyTls' | 'ownTls' | 'lan' | 'proxyPlain' | 'openPlain';

/** Whether an address belongs to a home network, or to the machine itself. */
export function isLocal(address: string): boolean {
  if (/^(::1|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i.test(address)) return true;
  const parts = address.split('.').map(Number);
  const [a = -1, b = -1] = parts.length === 4 ? parts : [];
  return (
    a === 10 || a === 127 || (a === 192 && b === 168) || (a === 172 && b >= 16 && b <= 31) || (a === 169 && b === 254)
  );
}

export function wayOf(connection: Connection, tls: boolean): Way {
  const proxied = connection.proxied || connection.unknown_proxy !== null;
  if (tls) return proxied ? 'proxyTls' : 'ownTls';
  if (proxied) return 'proxyPlain';
  return connection.address !== null && isLocal(connection.address) ? 'lan' : 'openPlain';
}

/** What is not as it should be, each with a sentence of its own. */
export type Concern = 'plain' | 'cookie' | 'mismatch' | 'unknownProxy' | 'noAddress';

export function concernsOf(connection: Connection, tls: boolean): Concern[] {
  const found: Concern[] = [];
  if (!tls) found.push('plain');
  if (!connection.over_tls) found.push('cookie');
  if (tls && !connection.over_tls) found.push('mismatch');
  if (connection.unknown_proxy !== null) found.push('unknownProxy');
  if (connection.address === null) found.push('noAddress');
  return found;
}

/** What browsers give to pages only where nobody on the way can change them. */
export const offered = (): { name: 'secureContext' | 'clipboard' | 'install' | 'crypto'; here: boolean }[] => [
  { name: 'secureContext', here: window.isSecureContext },
  { name: 'clipboard', here: navigator.clipboard !== undefined },
  { name: 'install', here: 'serviceWorker' in navigator },
  { name: 'crypto', here: window.crypto?.subtle !== undefined },
];

export type Live = 'works' | 'blocked' | 'away';

const PATIENCE = 8_000;

/**
 * Tries a websocket. Where none comes about although the address answers, something between takes its headers
 * away.
 */
export async function tryLive(): Promise<Live> {
  const opened = await new Promise<boolean>((resolve) => {
    const socket = new WebSocket(socketUrl());
    const late = setTimeout(() => socket.close(), PATIENCE);
    socket.onopen = () => {
      resolve(true);
      socket.close();
    };
    socket.onclose = () => {
      clearTimeout(late);
      resolve(false);
    };
  });
  if (opened) return 'works';
  const answered = await fetch(new URL('healthz', document.baseURI), { cache: 'no-store' }).catch(() => null);
  return answered?.ok ? 'blocked' : 'away';
}
