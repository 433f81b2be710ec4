import { useSyncExternalStore } from 'react';
import { readPreference, writePreference } from './storage';

/** Light, dark, or as the device says. */
export type Theme = 'system' | 'light' | 'dark';

const listeners = new Set<() => void>();
const device = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : null;

function stored(): Theme {
  const value = readPreference('theme');
  return value === 'light' || value === 'dark' ? value : 'system';
}

let theme = stored();

function shown(): 'light' | 'dark' {
  if (theme === 'system') return device?.matches ? 'dark' : 'light';
  return theme;
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = shown();
  for (const listener of listeners) listener();
}

export function setTheme(next: Theme): void {
  theme = next;
  writePreference('theme', next);
  applyTheme();
}

device?.addEventListener('change', applyTheme);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useTheme = (): Theme => useSyncExternalStore(subscribe, () => theme);
export const useShownTheme = (): 'light' | 'dark' => useSyncExternalStore(subscribe, shown);
