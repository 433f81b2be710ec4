import type { Locale } from './format';

/** Instants shown in Korean and in New York time. Stored and sent times are UTC. */

export type Zone = 'Asia/Seoul' | 'America/New_York';
export const KST: Zone = 'Asia/Seoul';
export const NEW_YORK: Zone = 'America/New_York';

const formats = new Map<string, Intl.DateTimeFormat>();

function pieces(instant: string | number | Date, zone: Zone, locale: Locale): Record<string, string> | null {
  const date = instant instanceof Date ? instant : new Date(instant);
  if (Number.isNaN(date.getTime())) return null;
  const key = `${zone}|${locale}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(locale === 'ko' ? 'ko-KR' : 'en-GB', {
      timeZone: zone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    });
    formats.set(key, format);
  }
  return Object.fromEntries(format.formatToParts(date).map((part) => [part.type, part.value]));
}

/** `2026-11-20 00:05` in the zone. */
export function dateTime(instant: string | null | undefined, locale: Locale, zone: Zone = KST): string | null {
  const p = instant ? pieces(instant, zone, locale) : null;
  return p && `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}`;
}

/** `11-20 (금) 00:05` within the year of `now`, `2025-11-20 00:05` in any other. */
export function shortDateTime(instant: string | null | undefined, locale: Locale, now: number): string | null {
  const p = instant ? pieces(instant, KST, locale) : null;
  if (!p || p.year !== pieces(now, KST, locale)?.year) return dateTime(instant, locale);
  return `${p.month}-${p.day} (${p.weekday}) ${p.hour}:${p.minute}`;
}

/** `00:05` or, with seconds, `00:05:30`. */
export function clock(instant: string | number | null | undefined, zone: Zone = KST, seconds = false): string | null {
  const p = instant !== null && instant !== undefined ? pieces(instant, zone, 'ko') : null;
  return p && `${p.hour}:${p.minute}${seconds ? `:${p.second}` : ''}`;
}

/** The calendar day in the zone, `2026-11-20`. */
export function day(instant: string | number | Date, zone: Zone = KST): string | null {
  const p = pieces(instant, zone, 'ko');
  return p && `${p.year}-${p.month}-${p.day}`;
}

/** `2026-11-20 (금)` for a plain date. */
export function dayWithWeekday(date: string, locale: Locale): string {
  const p = pieces(`${date}T12:00:00Z`, 'America/New_York', locale);
  return p ? `${date} (${p.weekday})` : date;
}

/** A plain date moved by whole days. */
export function addDays(date: string, days: number): string {
  const moved = new Date(`${date}T00:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

export type Range = 'today' | 'week' | 'month' | 'all' | 'custom';

/** Bounds of a history range, as plain dates; open bounds are absent. The week starts on Monday. */
export function rangeDates(range: Range, today: string): { from?: string; to?: string } {
  if (range === 'today') return { from: today, to: today };
  if (range === 'month') return { from: `${today.slice(0, 8)}01`, to: today };
  if (range === 'week') {
    const weekday = (new Date(`${today}T00:00:00Z`).getUTCDay() + 6) % 7;
    return { from: addDays(today, -weekday), to: today };
  }
  return {};
}

export interface Age {
  unit: 'seconds' | 'minutes' | 'hours' | 'days';
  count: number;
}

/** Age of a value in the largest unit that is at least one. */
export function ageOf(instant: string, now: number): Age | null {
  const then = new Date(instant).getTime();
  if (Number.isNaN(then)) return null;
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
  if (seconds < 60) return { unit: 'seconds', count: seconds };
  if (seconds < 3600) return { unit: 'minutes', count: Math.floor(seconds / 60) };
  if (seconds < 86_400) return { unit: 'hours', count: Math.floor(seconds / 3600) };
  return { unit: 'days', count: Math.floor(seconds / 86_400) };
}
