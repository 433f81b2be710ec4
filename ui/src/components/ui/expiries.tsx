import { useTranslation } from 'react-i18next';
import type { Expiry } from '../../api/types';
import { useLocale } from '../../lib/locale';
import { dayWithWeekday } from '../../lib/time';
import { Badge } from './badge';
import { DataTable } from './table';
import { Missing } from './value';

/** What ends on a day, soonest first. */
export function ExpiryTable({ label, rows }: { label: string; rows: Expiry[] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const name = useExpiryName();
  return (
    <DataTable
      label={label}
      rows={rows}
      rowKey={(item) => `${item.account_id} ${name(item)}`}
      rowTestId="expiry-row"
      columns={[
        {
          id: 'what',
          header: t('expiry.what'),
          lead: true,
          cell: (item) => <span className="wrap-anywhere">{name(item)}</span>,
        },
        {
          id: 'on',
          header: t('expiry.on'),
          cell: (item) =>
            item.on ? (
              <>
                <span className="num">{dayWithWeekday(item.on, locale)}</span>
                {item.estimated && <span className="text-muted block text-xs">{t('expiry.estimated')}</span>}
              </>
            ) : (
              <span className="text-muted">{t('expiry.unknown')}</span>
            ),
        },
        { id: 'days', header: t('expiry.days'), cell: (item) => <Left days={item.days} /> },
      ]}
    />
  );
}

function Left({ days }: { days: number | null | undefined }) {
  const { t } = useTranslation();
  if (days === null || days === undefined) return <Missing />;
  if (days < 0) return <Badge tone="red">{t('expiry.over')}</Badge>;
  return <Badge tone={days <= 7 ? 'red' : days <= 30 ? 'amber' : 'grey'}>{t('expiry.left', { days })}</Badge>;
}

export function useExpiryName(): (item: Pick<Expiry, 'what'> & Record<string, unknown>) => string {
  const { t } = useTranslation();
  return (item) =>
    t(`expiryWhat.${item.what}`, {
      account: item.account,
      host: item.host,
      market: item.market === 'KRX' ? t('expiry.krx') : t('expiry.us'),
    });
}
