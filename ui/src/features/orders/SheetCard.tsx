import { useTranslation } from 'react-i18next';
import type { Sheet } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Card, Facts, Progress } from '../../components/ui/card';
import { Money, Shares } from '../../components/ui/value';
import { add } from '../../lib/decimal';
import { price, quantity } from '../../lib/format';
import { useAmountsHidden } from '../../lib/privacy';
import { clock } from '../../lib/time';
import { OrderTable } from './OrderTable';

const isBuy = (sheet: Sheet): boolean => sheet.kind.startsWith('BUY');

/** A bot's sliced order of the session: one dot per slice, filled, empty or still to come. */
export function SheetCard({ sheet }: { sheet: Sheet }) {
  const { t } = useTranslation();
  const buy = isBuy(sheet);
  const done = sheet.slices_total - sheet.slices_left;
  const fills = sheet.results.filter((result) => result !== null);
  const shares = fills.reduce((sum, fill) => add(sum, fill.quantity), '0');
  const spent = fills.reduce((sum, fill) => add(sum, fill.total), '0');
  const amount = (value: string) => (buy ? <Money value={value} /> : <Shares value={value} unit />);
  return (
    <Card
      testId="sheet"
      title={
        <span className="flex flex-wrap items-center gap-2">
          {sheet.bot_name} <span className="text-muted font-normal">{sheet.symbol}</span>
          <Badge tone={buy ? 'up' : 'down'}>{t(`kind.${sheet.kind}`)}</Badge>
        </span>
      }
      actions={<span className="text-muted num text-sm">{sheet.session}</span>}
    >
      <Progress
        value={sheet.slices_total > 0 ? done / sheet.slices_total : 0}
        tone={buy ? 'up' : 'down'}
        label={t('sheets.progress', { done, total: sheet.slices_total })}
      />
      <ol className="my-3 flex flex-wrap gap-2" aria-label={t('sheets.slices')}>
        {Array.from({ length: sheet.slices_total }, (_, index) => (
          <Slice key={`${sheet.id} ${index + 1}`} sheet={sheet} index={index} done={done} />
        ))}
      </ol>
      <Facts
        columns={4}
        items={[
          { label: t('sheets.planned'), value: amount(sheet.total) },
          { label: t('sheets.remaining'), value: amount(sheet.remaining) },
          { label: t('sheets.filled'), value: <Shares value={shares} unit /> },
          { label: buy ? t('sheets.spent') : t('sheets.received'), value: <Money value={spent} /> },
        ]}
      />
      {sheet.orders.length > 0 && (
        <details className="mt-3 text-sm" open={sheet.orders.some((order) => order.status === 'pending')}>
          <summary className="text-muted mb-2">{t('sheets.orders', { count: sheet.orders.length })}</summary>
          <OrderTable orders={sheet.orders} label={t('sheets.ordersOf', { bot: sheet.bot_name })} />
        </details>
      )}
    </Card>
  );
}

function Slice({ sheet, index, done }: { sheet: Sheet; index: number; done: number }) {
  const { t } = useTranslation();
  const hidden = useAmountsHidden();
  const result = sheet.results[index];
  const at = clock(sheet.slice_times[index]) ?? '';
  const state = index >= done ? (index === done ? 'next' : 'later') : result ? 'filled' : 'empty';
  const look = {
    filled: isBuy(sheet) ? 'bg-up text-white dark:text-black' : 'bg-down text-white dark:text-black',
    empty: 'bg-sunken text-muted line-through',
    next: 'border-2 border-accent text-ink',
    later: 'border border-line text-muted',
  }[state];
  const text = result ? `${quantity(result.quantity)} × ${price(result.unit_price)}` : t(`sheets.${state}`);
  return (
    <li
      className="flex flex-col items-center gap-0.5 text-[11px]"
      title={hidden ? at : `${at} ${text}`}
      data-state={state}
    >
      <span className={`num grid size-8 place-items-center rounded-full font-bold ${look}`}>{index + 1}</span>
      <span className="num text-muted">{at}</span>
      <span className="sr-only">{hidden ? t(`sheets.${state}`) : text}</span>
      {result && <Shares value={result.quantity} unit />}
    </li>
  );
}
