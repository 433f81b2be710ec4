import { useTranslation } from 'react-i18next';
import type { Preview, PreviewItem, PreviewRange } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Note } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Money, Price, Shares, Source, When } from '../../components/ui/value';
import { price } from '../../lib/format';
import { useLocale } from '../../lib/locale';

export function PreviewTimes({ preview }: { preview: Preview }) {
  const { t } = useTranslation();
  return (
    <p className="text-muted mb-3 text-sm">
      {t('preview.session')} <span className="num">{preview.session}</span> · {t('preview.decidedAt')}{' '}
      <When at={preview.decided_at} /> · {t('preview.closingAt')} <When at={preview.closing_at} />
    </p>
  );
}

/** What a bot will do, by the price it meets at decision time. */
export function PreviewItemView({ item }: { item: PreviewItem }) {
  const { t } = useTranslation();
  const locale = useLocale();
  return (
    <div className="space-y-3" data-testid="preview-item" data-key={item.bot_name}>
      <p className="flex flex-wrap items-baseline gap-x-3 text-sm">
        <span>
          {t('bots.price')} <Price value={item.price?.value} />{' '}
          {item.price && <Source source={item.price.source} at={item.price.at} />}
        </span>
        <span>
          {t('preview.maxSpend')} <strong>{<Money value={item.max_spend} />}</strong>
        </span>
      </p>
      <p className="text-muted text-xs">{t('preview.maxSpendText')}</p>
      {item.price === null && <Note tone="warning">{t('preview.noPrice')}</Note>}
      <DataTable
        label={t('preview.rangesOf', { bot: item.bot_name })}
        rows={item.ranges}
        rowKey={(range) => `${range.from ?? ''}–${range.to ?? ''} ${range.reason_code}`}
        rowTestId="preview-range"
        rowClass={(range) => (range.current ? 'bg-sunken outline-2 -outline-offset-2 outline-accent' : '')}
        columns={[
          {
            id: 'range',
            header: t('preview.range'),
            lead: true,
            cell: (range) => (
              <>
                <RangeText range={range} /> {range.current && <Badge tone="amber">{t('preview.current')}</Badge>}
              </>
            ),
          },
          { id: 'action', wide: true, header: t('preview.action'), cell: (range) => <Action range={range} /> },
          { id: 'reason', wide: true, header: t('preview.reason'), cell: (range) => range.reason[locale] },
        ]}
      />
      {item.closing && item.closing.conditions.length > 0 && (
        <div className="text-sm">
          <p className="font-semibold">{t('preview.closing')}</p>
          <ul>
            {item.closing.conditions.map((condition) => (
              <li key={condition.price}>
                {t('preview.below', { price: price(condition.price) })} → {t('side.buy')}{' '}
                <Money value={condition.amount} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

function RangeText({ range }: { range: PreviewRange }) {
  const { t } = useTranslation();
  const from = price(range.from);
  const to = price(range.to);
  if (from && from === to) return <span className="num">{from}</span>;
  if (from && to) return <span className="num">{`${from} – ${to}`}</span>;
  if (from) return <span className="num">{t('preview.above', { price: from })}</span>;
  if (to) return <span className="num">{t('preview.below', { price: to })}</span>;
  return <span>{t('preview.anyPrice')}</span>;
}

function Action({ range }: { range: PreviewRange }) {
  const { t } = useTranslation();
  if (range.action === 'none') return <span className="text-muted">{t('action.none')}</span>;
  const tone = range.action === 'buy' ? 'text-up' : range.action === 'sell' ? 'text-down' : 'text-warn';
  return (
    <span className={`font-semibold ${tone}`}>
      {range.kind ? t(`kind.${range.kind}`) : t(`action.${range.action}`)}{' '}
      <span className="text-ink font-normal">
        {range.quantity === '0' && t('preview.underOneShare')}
        {range.quantity !== null && range.quantity !== '0' && <Shares value={range.quantity} unit />}{' '}
        {range.amount !== null && <Money value={range.amount} />}
      </span>
    </span>
  );
}
