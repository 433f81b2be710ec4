/** Messages that an open question of the reconciliation page is behind, or was. */
const ASKED = new Set([
  'FIRST_CONNECTION',
  'POSITION_DIFFERS',
  'SPLIT_SUSPECTED',
  'PRICE_OUT_OF_BOUNDS',
  'CASH_DIFFERS',
  'BOT_HELD',
  'ANOTHER_PROGRAM',
]);

/** The page where a message can be answered, if it can. */
export function answerPlace(alert: { code: string; account_id: string | null }): string | null {
  if (!ASKED.has(alert.code)) return null;
  return alert.account_id ? `/reconciliation?account=${alert.account_id}` : '/reconciliation';
}
