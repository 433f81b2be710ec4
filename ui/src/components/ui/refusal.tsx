import { useTranslation } from 'react-i18next';
import type { LimitHit, Reason } from '../../api/types';
import { quantity } from '../../lib/format';
import { useLocale } from '../../lib/locale';
import { COVER, useAmountsHidden } from '../../lib/privacy';
import { Foreign } from './feedback';

/** Limits that count orders; the others are amounts or shares. */
const COUNTS = new Set(['max_daily_trades', 'daily_trade_limit', 'orders_per_second']);

/** `한도 1,000 · 요청 1,200`, with amounts covered where they are to be. */
export function useLimitText(): (limit: LimitHit | null | undefined) => string | null {
  const { t } = useTranslation();
  const hidden = useAmountsHidden();
  return (limit) => {
    if (!limit) return null;
    const shown = (value: string) => (hidden && !COUNTS.has(limit.name) ? COVER : (quantity(value, 4) ?? value));
    return t('refusal.limit', { allowed: shown(limit.allowed), asked: shown(limit.asked) });
  };
}

/** A refusal in the reader's language with the limit that was hit; the server's own words are folded below. */
export function Refusal({ reason }: { reason: Reason }) {
  const { t, i18n } = useTranslation();
  const locale = useLocale();
  const limitText = useLimitText();
  const hidden = useAmountsHidden();
  const key = `errors.${reason.code}`;
  const known = i18n.exists(key);
  const limit = limitText(reason.limit);
  return (
    <>
      <p className="font-semibold">{known ? t(key) : reason.message}</p>
      {limit && <p className="num">{limit}</p>}
      {/* Figures within a sentence cannot be covered one by one. */}
      {known && !hidden && !(locale === 'en' && limit) && <Foreign text={reason.message} />}
    </>
  );
}
