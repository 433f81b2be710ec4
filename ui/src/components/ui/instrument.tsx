import { useInstruments } from '../../api/queries/trading';
import type { Instrument } from '../../api/types';
import { useLocale } from '../../lib/locale';

/** An instrument's name in the reader's language, where the lists have one. */
export function useInstrumentName(): (item: Pick<Instrument, 'name_ko' | 'name_en'>) => string {
  const locale = useLocale();
  return ({ name_ko, name_en }) => (locale === 'en' && name_en ? name_en : name_ko);
}

/** The name behind a Korean code, which says nothing by itself; a ticker stands alone. */
export function InstrumentName({ market, symbol }: { market: string; symbol: string }) {
  const name = useInstrumentName();
  const found = useInstruments(market === 'KRX' ? symbol : '');
  const item = found.data?.items.find((each) => each.market === market && each.symbol === symbol);
  return item ? (
    <span className="text-muted font-normal" data-testid="instrument-name">
      {name(item)}
    </span>
  ) : null;
}
