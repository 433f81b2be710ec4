import { useTranslation } from 'react-i18next';
import type { LimitHit } from '../api/types';
import { quantity } from './format';
import { COVER, useAmountsHidden } from './privacy';

/** Limits that count orders; the others are amounts or shares. */
const COUNTS = new Set(['max_daily_trades', 'daily_trade_limit', 'orders_per_second']);

/** What a limit allows and what was asked for, with amounts covered where they are to be. */
export function useLimitText(): (limit: LimitHit) => string {
  const { t } = useTranslation();
  const hidden = useAmountsHidden();
  return (limit) => {
    // What an exchange demands of a price is nobody's wealth.
    if (limit.name === 'off_tick') return t('refusal.nearest', { allowed: limit.allowed });
    if (limit.name === 'outside_price_limits') return t('refusal.range', { allowed: limit.allowed });
    const shown = (value: string) => (hidden && !COUNTS.has(limit.name) ? COVER : (quantity(value, 4) ?? value));
    return t('refusal.limit', { allowed: shown(limit.allowed), asked: shown(limit.asked) });
  };
}
