import { fixed, quantity } from '../../lib/format';

/** One figure of the report: as counted in the file, and as recomputed from the store. */
export interface Comparison {
  path: string;
  read: string;
  stored: string | null;
  equal: boolean;
}

/** Sums may differ by less than this: the file holds binary floats, the ledger decimals. */
const TOLERANCE = 0.005;

function leaves(value: unknown, path: string, into: Map<string, unknown>): void {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) leaves(inner, path ? `${path}.${key}` : key, into);
    return;
  }
  if (typeof value === 'number') into.set(path, value);
}

const shown = (value: number): string => (Number.isInteger(value) ? quantity(value) : fixed(value, 2)) ?? String(value);

/** All numbers of both sides; what only one side has counts as different. */
export function comparisons(tables: unknown, imported: unknown): Comparison[] {
  const read = new Map<string, unknown>();
  const stored = new Map<string, unknown>();
  leaves(tables, '', read);
  leaves(imported, '', stored);
  const paths = [...read.keys(), ...[...stored.keys()].filter((path) => !read.has(path))];
  return paths.map((path) => {
    const a = read.get(path);
    const b = stored.get(path);
    const numbers = typeof a === 'number' && typeof b === 'number';
    return {
      path,
      read: typeof a === 'number' ? shown(a) : '–',
      stored: typeof b === 'number' ? shown(b) : null,
      equal: numbers && Math.abs(a - b) <= TOLERANCE,
    };
  });
}

/** A free-form entry of the report as one line. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return Object.entries(value)
    .filter(([key]) => key !== 'code' && key !== 'type')
    .map(([key, inner]) => (key === 'detail' || key === 'subject' ? textOf(inner) : `${key}: ${textOf(inner)}`))
    .join(' · ');
}
