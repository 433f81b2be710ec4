import { useTranslation } from 'react-i18next';
import { sign } from '../../lib/decimal';
import { type Amount, type Currency, fixed, money, percent, price as priceText, quantity } from '../../lib/format';
import { useLocale } from '../../lib/locale';
import { COVER, useAmountsHidden } from '../../lib/privacy';
import { ageOf, dateTime, KST, NEW_YORK, shortDateTime } from '../../lib/time';
import { marketNow, useMarketNow } from '../../live/clock';

/** A value that is not known. It is never shown as zero. */
export function Missing() {
  const { t } = useTranslation();
  return <span className="text-muted">{t('common.none')}</span>;
}

export function Money({ value, currency = 'USD' }: { value: Amount; currency?: Currency }) {
  const locale = useLocale();
  const hidden = useAmountsHidden();
  const text = money(value, currency, { locale });
  return text === null ? <Missing /> : <span className="num">{hidden ? COVER : text}</span>;
}

/** A price of the market; `places` for an average, which has no decimals of its own. */
export function Price({ value, places, currency = 'USD' }: { value: Amount; places?: number; currency?: Currency }) {
  const locale = useLocale();
  const text = places === undefined ? priceText(value, currency, locale) : money(value, currency, { places, locale });
  return text === null ? <Missing /> : <span className="num">{text}</span>;
}

/** A number of shares; with `unit` it says so. */
export function Shares({ value, unit = false }: { value: Amount; unit?: boolean }) {
  const { t } = useTranslation();
  const hidden = useAmountsHidden();
  const text = quantity(value);
  if (text === null) return <Missing />;
  const shown = hidden ? COVER : text;
  const words = text === '1' && !hidden ? 'common.oneShare' : 'common.sharesOf';
  return <span className="num">{unit ? t(words, { quantity: shown }) : shown}</span>;
}

/** A count of things that are nobody's wealth. */
export function Count({ value }: { value: Amount }) {
  const text = quantity(value);
  return text === null ? <Missing /> : <span className="num">{text}</span>;
}

/** A price with its source and age below. */
export function PriceNow({ price }: { price: { value: string; source?: string; at: string } | null | undefined }) {
  return (
    <>
      <Price value={price?.value} />
      {price && (
        <span className="block leading-tight">
          <Source source={price.source} at={price.at} />
        </span>
      )}
    </>
  );
}

export function Percent({ value, places }: { value: Amount; places?: number }) {
  const text = percent(value, { places });
  return text === null ? <Missing /> : <span className="num">{text}</span>;
}

export function Fixed({ value, places = 2 }: { value: Amount; places?: number }) {
  const text = fixed(value, places);
  return text === null ? <Missing /> : <span className="num">{text}</span>;
}

/** A gain or a loss: colour, sign and arrow together. */
export function Change({ value, as = 'USD' }: { value: Amount; as?: Currency | 'percent' }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const covered = useAmountsHidden() && as !== 'percent';
  const text = as === 'percent' ? percent(value, { signed: true }) : money(value, as, { signed: true, locale });
  if (text === null || value === null || value === undefined) return <Missing />;
  const direction = text.startsWith('+') ? 1 : text.startsWith('-') ? -1 : 0;
  if (direction === 0 || sign(value) === 0) return <span className="num text-muted">{covered ? COVER : text}</span>;
  return (
    <span className={`num ${direction > 0 ? 'text-up' : 'text-down'}`}>
      <span aria-hidden="true" className="mr-0.5 text-[0.8em]">
        {direction > 0 ? '▲' : '▼'}
      </span>
      <span className="sr-only">{t(direction > 0 ? 'common.up' : 'common.down')} </span>
      {covered ? COVER : text}
    </span>
  );
}

/** A time in Korean time; New York time on hover and for screen readers. */
export function When({ at, long = false }: { at: string | null | undefined; long?: boolean }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const text = long ? dateTime(at, locale) : shortDateTime(at, locale, marketNow());
  if (!text || !at) return <Missing />;
  return (
    <time
      dateTime={at}
      className={long ? 'tabular-nums' : 'num'}
      title={`${t('time.kst')} ${dateTime(at, locale, KST)} · ${t('time.newYork')} ${dateTime(at, locale, NEW_YORK)}`}
    >
      {text}
    </time>
  );
}

/** How old a value is, in market time. */
export function Age({ at }: { at: string | null | undefined }) {
  const { t } = useTranslation();
  const now = useMarketNow(5000);
  const age = at ? ageOf(at, now) : null;
  if (!age || !at) return <Missing />;
  return (
    <time dateTime={at} className="num">
      {age.unit === 'seconds' && age.count < 10 ? t('time.now') : t(`time.ago.${age.unit}`, { count: age.count })}
    </time>
  );
}

/** Looked up as `source.present_balance` and the like. */
export function useSourceName(): (source: string) => string {
  const { t, i18n } = useTranslation();
  return (source) => {
    const key = `source.${source.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')}`;
    return i18n.exists(key) ? t(key) : source;
  };
}

/** Where a value comes from and how old it is. */
export function Source({ source, at }: { source?: string | null | undefined; at: string | null | undefined }) {
  const nameOf = useSourceName();
  return (
    <span className="text-muted text-xs font-normal">
      {source && `${nameOf(source)} · `}
      <Age at={at} />
    </span>
  );
}
