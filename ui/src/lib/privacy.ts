import { useSyncExternalStore } from 'react';
import { readPreference, writePreference } from './storage';

/** Amounts can be covered, for a screen that others see. Prices and percentages stay. */

/** Stands for a covered amount, whatever its size. */
export const COVER = '•••';

const listeners = new Set<() => void>();
let hidden = readPreference('amounts') === 'hidden';

export const amountsHidden = (): boolean => hidden;

/** Style sheets cover what is typed in fields. */
export function applyPrivacy(): void {
  document.documentElement.dataset.amounts = hidden ? 'hidden' : 'shown';
}

export function hideAmounts(next: boolean): void {
  hidden = next;
  writePreference('amounts', next ? 'hidden' : 'shown');
  applyPrivacy();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useAmountsHidden = (): boolean => useSyncExternalStore(subscribe, amountsHidden);

/** Covers the amounts and share counts within a sentence of the server. */
export function coverAmounts(sentence: string): string {
  return sentence.replaceAll(/[$₩]\d[\d,]*(?:\.\d+)?|\d[\d,]*(?:\.\d+)?(?=원|주(?![가-힣])| shares?\b)/g, COVER);
}
