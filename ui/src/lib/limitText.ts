import { useTranslation } from 'react-i18next';
import type { LimitHit } from '../api/types';
import { type Currency, money, quantity } from './format';
import { COVER, useAmountsHidden } from './privacy';

/** Limits that count orders; the others are amounts or shares. */
const COUNTS = new Set(['max_daily_trades', 'daily_trade_limit', 'orders_per_second']);

const SHARES = new Set(['bot_holding', 'free_shares']);

/** What a limit allows and what was asked for, with amounts covered where they are to be. */
export function useLimitText(): (limit: LimitHit, currency?: Currency) => string {
  const { t } = useTranslation();
  const hidden = useAmountsHidden();
  return (limit, currency) => {
    // What an exchange demands of a price is nobody's wealth.
    if (limit.name === 'off_tick') return t('refusal.nearest', { allowed: limit.allowed });
    if (limit.name === 'outside_price_limits') return t('refusal.range', { allowed: limit.allowed });
    const shown = (value: string) => {
      const plain = quantity(value, 4) ?? value;
      if (COUNTS.has(limit.name)) return t('refusal.orders', { value: plain });
      if (hidden) return COVER;
      if (SHARES.has(limit.name)) return t('refusal.shares', { value: plain });
      return (currency && limit.name !== 'price_collar' && money(value, currency)) || plain;
    };
    return t('refusal.limit', { allowed: shown(limit.allowed), asked: shown(limit.asked) });
  };
}
