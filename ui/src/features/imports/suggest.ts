/** `egg_chan.db` → `chan`; null when the name follows another pattern. */
export function accountOf(fileName: string): string | null {
  return /^egg_([a-z0-9]+)(?:[._-].*)?\.db$/i.exec(fileName)?.[1] ?? null;
}

/** One old account was exempt from the daily switching of the average-price condition; the old data does not say so. */
export const syncOf = (account: string): boolean => account.toLowerCase() !== 'sk';
