import { useTranslation } from 'react-i18next';
import { useInstruments } from '../../api/queries/trading';
import { Badge } from '../../components/ui/badge';
import { useInstrumentName } from '../../components/ui/instrument';
import { useRested } from '../../lib/debounce';

/** Instruments whose code or name fits what was typed so far; a press takes one over. */
export function SymbolSearch({ text, onPick }: { text: string; onPick: (symbol: string, market: string) => void }) {
  const { t } = useTranslation();
  const name = useInstrumentName();
  const wanted = useRested(text.trim(), 300);
  const found = useInstruments(wanted);
  const items = found.data?.items ?? [];
  const exact = items.find((item) => item.symbol === wanted.toUpperCase());
  if (exact) {
    return (
      <p className="text-muted -mt-3 text-sm" data-testid="ticket-instrument">
        {name(exact)} · {t(`exchange.${exact.market}`)}
        {exact.product && ` · ${t(`product.${exact.product}`)}`}{' '}
        {exact.halted && <Badge tone="red">{t('ticket.halted')}</Badge>}
      </p>
    );
  }
  if (items.length === 0 || wanted !== text.trim()) return null;
  return (
    <ul
      aria-label={t('ticket.found')}
      className="border-line -mt-3 divide-y rounded-lg border"
      data-testid="ticket-found"
    >
      {items.map((item) => (
        <li key={`${item.market} ${item.symbol}`} className="border-line">
          <button
            type="button"
            className="hover:bg-sunken flex min-h-10 w-full items-baseline gap-2 px-3 py-2 text-left text-sm"
            onClick={() => onPick(item.symbol, item.market)}
          >
            <strong>{item.symbol}</strong>
            <span className="min-w-0 flex-1 truncate">{name(item)}</span>
            <span className="text-muted text-xs">{t(`exchange.${item.market}`)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
