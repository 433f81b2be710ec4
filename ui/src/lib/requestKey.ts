import { useRef } from 'react';
import { ApiError } from '../api/errors';

/** A name for one request. `randomUUID` exists over https and on this very machine only. */
export function newKey(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The key of one opened dialog and whether an answer to it was lost. */
export class RequestKey {
  key = newKey();
  lost = false;

  renew(): void {
    this.key = newKey();
    this.lost = false;
  }

  /**
   * A refusal frees the key for the next try. Once an answer was lost nobody knows whether the server did what was
   * asked: then the key stays, whatever is answered to later tries, unless the answer is the stored refusal itself.
   */
  failed(error: unknown): void {
    const problem = error instanceof ApiError ? error.problem : null;
    if (!problem || problem.status === 0 || problem.status >= 500) this.lost = true;
    else if (problem.order_id !== undefined || (problem.status === 422 && !this.lost)) this.renew();
  }
}

/**
 * The key that names what one opened dialog asks for: the same for a double click and for another try after an answer
 * was lost, so that the server never does the thing twice.
 */
export function useRequestKey(): RequestKey {
  const held = useRef<RequestKey>(null);
  held.current ??= new RequestKey();
  return held.current;
}
