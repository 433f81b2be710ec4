import { describe, expect, it } from 'vitest';
import {
  addDays,
  ageOf,
  clock,
  dateTime,
  day,
  dayWithWeekday,
  NEW_YORK,
  rangeDates,
  shortDateTime,
} from '../src/lib/time';

describe('zones', () => {
  it('shows one instant in Korean and New York time', () => {
    expect(dateTime('2026-11-20T15:05:00Z', 'ko')).toBe('2026-11-21 00:05');
    expect(dateTime('2026-11-20T15:05:00Z', 'ko', NEW_YORK)).toBe('2026-11-20 10:05');
    const now = Date.parse('2026-12-31T14:59:59Z');
    expect(shortDateTime('2026-11-20T15:05:00Z', 'ko', now)).toBe('11-21 (토) 00:05');
    expect(shortDateTime('2026-11-20T15:05:00Z', 'en', now)).toBe('11-21 (Sat) 00:05');
    expect(shortDateTime('2026-11-20T15:05:00Z', 'ko', now + 1000)).toBe('2026-11-21 00:05');
    expect(shortDateTime(null, 'ko', now)).toBeNull();
    expect(clock('2026-07-01T13:30:00Z', NEW_YORK)).toBe('09:30');
    expect(day('2026-11-20T15:05:00Z')).toBe('2026-11-21');
  });

  it('answers null for what is no time', () => {
    expect(dateTime(null, 'ko')).toBeNull();
    expect(dateTime('soon', 'ko')).toBeNull();
  });

  it('names the weekday of a plain date', () => {
    expect(dayWithWeekday('2026-11-27', 'en')).toBe('2026-11-27 (Fri)');
  });
});

describe('ranges', () => {
  it('begin the week on Monday and the month on the first', () => {
    expect(rangeDates('today', '2026-11-22')).toEqual({ from: '2026-11-22', to: '2026-11-22' });
    expect(rangeDates('week', '2026-11-22')).toEqual({ from: '2026-11-16', to: '2026-11-22' });
    expect(rangeDates('week', '2026-11-23')).toEqual({ from: '2026-11-23', to: '2026-11-23' });
    expect(rangeDates('month', '2026-11-22')).toEqual({ from: '2026-11-01', to: '2026-11-22' });
    expect(rangeDates('all', '2026-11-22')).toEqual({});
  });

  it('cross months', () => expect(addDays('2026-03-01', -1)).toBe('2026-02-28'));
});

it('tells ages in the largest fitting unit', () => {
  const now = Date.parse('2026-11-20T12:00:00Z');
  expect(ageOf('2026-11-20T11:59:30Z', now)).toEqual({ unit: 'seconds', count: 30 });
  expect(ageOf('2026-11-20T11:00:01Z', now)).toEqual({ unit: 'minutes', count: 59 });
  expect(ageOf('2026-11-18T12:00:00Z', now)).toEqual({ unit: 'days', count: 2 });
  expect(ageOf('2026-11-20T12:00:30Z', now)).toEqual({ unit: 'seconds', count: 0 });
});
