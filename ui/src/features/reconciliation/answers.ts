import type { Difference, DifferenceAnswer } from '../../api/types';

export const CASH_REASONS = [
  'deposit',
  'withdrawal',
  'dividend',
  'interest',
  'exchange',
  'charges',
  'other',
] as const satisfies readonly DifferenceAnswer['action'][];
export type CashAnswer = (typeof CASH_REASONS)[number];
export type SharesAnswer = Exclude<DifferenceAnswer['action'], CashAnswer>;

/** The answers that a question takes; the proposed one first. */
export function answersTo(item: Difference, { bots, many }: { bots: boolean; many: boolean }): SharesAnswer[] {
  const byKind: Record<Difference['kind'], SharesAnswer[]> = {
    first_surplus: ['mine', ...(many ? ['all_mine' as const] : []), 'bot'],
    outside_trade: ['mine', 'bot'],
    unexplained: ['mine', 'bot', 'split'],
    split_suspected: ['split', 'no_split'],
    split_awaited: ['no_split'],
  };
  const able = byKind[item.kind].filter((action) => bots || action !== 'bot');
  const proposed = item.proposal?.action;
  return [...able.filter((action) => action === proposed), ...able.filter((action) => action !== proposed)];
}
