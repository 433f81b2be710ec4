import i18next from 'i18next';
import type { LiveEvent } from '../api/types';
import type { ToastMessage } from '../components/ui/toast';
import { answerPlace } from '../lib/alertPlace';
import { currencyOfSymbol, price, quantity } from '../lib/format';
import { currentLanguage } from '../lib/i18n';
import { amountsHidden, COVER, coverAmounts } from '../lib/privacy';

/** The short message that a live event shows, if any. */
export function describe(event: LiveEvent): ToastMessage | null {
  if (event.type === 'fill') {
    const done = event.side === 'buy' ? 'bought' : 'sold';
    // An order by hand has no bot.
    const text = i18next.t(event.bot_name ? `live.${done}` : `live.${done}ByHand`, {
      bot: event.bot_name,
      symbol: event.symbol,
      quantity: amountsHidden() ? COVER : quantity(event.quantity),
      price: price(event.price, currencyOfSymbol(event.symbol), currentLanguage()),
    });
    return { text, tone: event.side === 'buy' ? 'up' : 'down', testId: 'fill-toast', to: `/orders/${event.order_id}` };
  }
  if (event.type === 'alert' && event.alert.level !== 'info') {
    const text = event.alert.text[currentLanguage()];
    return {
      text: amountsHidden() ? coverAmounts(text) : text,
      tone: event.alert.level,
      testId: 'alert-toast',
      to: answerPlace(event.alert) ?? '/alerts',
    };
  }
  return null;
}
