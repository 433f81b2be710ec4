import { AreaSeries, createChart } from 'lightweight-charts';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { Indicator } from '../../api/types';
import { price } from '../../lib/format';
import { useShownTheme } from '../../lib/theme';

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Daily closes as a chart, with the same numbers as a table for people who cannot see it. */
export default function PriceChart({ closes, label }: { closes: Indicator['closes']; label: string }) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const theme = useShownTheme();

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const chart = createChart(element, {
      autoSize: true,
      height: 220,
      layout: {
        background: { color: 'transparent' },
        textColor: colour('--c-muted'),
        fontFamily: getComputedStyle(element).fontFamily,
        attributionLogo: true,
      },
      grid: { vertLines: { visible: false }, horzLines: { color: colour('--c-line') } },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false },
      handleScroll: { vertTouchDrag: false },
    });
    const rising = Number(closes.at(-1)?.close) >= Number(closes[0]?.close);
    const line = colour(rising ? '--c-up' : '--c-down');
    const series = chart.addSeries(AreaSeries, {
      lineColor: line,
      topColor: `${line}40`,
      bottomColor: `${line}00`,
      lineWidth: 2,
      priceFormat: { type: 'price', precision: 2, minMove: 0.01 },
    });
    series.setData(closes.map((point) => ({ time: point.date, value: Number(point.close) })));
    chart.timeScale().fitContent();
    return () => chart.remove();
  }, [closes, theme]);

  return (
    <figure className="mt-2">
      <div ref={box} role="img" aria-label={label} className="h-55 w-full" />
      <figcaption className="text-muted mt-1 flex flex-wrap justify-between gap-2 text-xs">
        <a href="https://www.tradingview.com/" target="_blank" rel="noreferrer" className="underline">
          {t('market.attribution')}
        </a>
        <details>
          <summary>{t('market.asTable')}</summary>
          <div className="border-line mt-1 max-h-48 overflow-y-auto border">
            <table className="w-full">
              <caption className="sr-only">{label}</caption>
              <tbody>
                {[...closes].reverse().map((point) => (
                  <tr key={point.date}>
                    <th scope="row" className="num px-2 text-left font-normal">
                      {point.date}
                    </th>
                    <td className="num px-2 text-right">{price(point.close)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      </figcaption>
    </figure>
  );
}
