/** Small preferences of this browser. Storage may be blocked; then they last until the page is closed. */

const memory = new Map<string, string>();

export function readPreference(key: string): string | null {
  try {
    return localStorage.getItem(`eggmoney.${key}`);
  } catch {
    return memory.get(key) ?? null;
  }
}

export function writePreference(key: string, value: string): void {
  memory.set(key, value);
  try {
    localStorage.setItem(`eggmoney.${key}`, value);
  } catch {
    // The value in memory is enough for this visit.
  }
}
