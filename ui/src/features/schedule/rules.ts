import type { TimeRule } from '../../api/types';

/** What a time rule means in Korean time, for the regular session of New York (09:30–16:00). */
export type Season = 'summer' | 'winter';

const OPEN: Record<Season, number> = { summer: 22 * 60 + 30, winter: 23 * 60 + 30 };
const CLOSE: Record<Season, number> = { summer: 5 * 60, winter: 6 * 60 };
const DAY = 24 * 60;

function clockOf(minutes: number): string {
  const wrapped = ((minutes % DAY) + DAY) % DAY;
  return `${String(Math.floor(wrapped / 60)).padStart(2, '0')}:${String(wrapped % 60).padStart(2, '0')}`;
}

export function kstOf(rule: TimeRule, season: Season): string {
  if (rule.type === 'kst') return rule.time.slice(0, 5);
  return clockOf(rule.type === 'after_open' ? OPEN[season] + rule.minutes : CLOSE[season] - rule.minutes);
}

/** The same rule as New York wall-clock time; a fixed Korean time moves with the season there. */
export function newYorkOf(rule: TimeRule, season: Season): string {
  const [hours = 0, minutes = 0] = kstOf(rule, season).split(':').map(Number);
  return clockOf(hours * 60 + minutes - (season === 'summer' ? 13 : 14) * 60);
}

/** A rule of another type that keeps the time it has in summer. */
export function converted(rule: TimeRule, type: TimeRule['type']): TimeRule {
  if (rule.type === type) return rule;
  const time = kstOf(rule, 'summer');
  if (type === 'kst') return { type, time: `${time}:00` };
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  const at = hours * 60 + minutes;
  const distance = type === 'after_open' ? at - OPEN.summer : CLOSE.summer - at;
  return { type, minutes: ((distance % DAY) + DAY) % DAY };
}
