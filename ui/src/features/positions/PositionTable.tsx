import { useTranslation } from 'react-i18next';
import type { Account, Position } from '../../api/types';
import { ButtonLink } from '../../components/ui/button';
import { InstrumentName } from '../../components/ui/instrument';
import { DataTable } from '../../components/ui/table';
import { Change, Money, Price, Shares } from '../../components/ui/value';
import { currencyOf } from '../../lib/format';

/** What an account holds by instrument, each in its market's currency, with the way to the ticket. */
export function PositionTable({ account, positions }: { account: Account; positions: Position[] }) {
  const { t } = useTranslation();
  return (
    <DataTable
      label={t('positions.account')}
      rows={positions}
      rowKey={(row) => `${row.market} ${row.symbol}`}
      rowTestId="position-row"
      columns={[
        {
          id: 'symbol',
          header: t('common.symbol'),
          lead: true,
          cell: (row) => (
            <>
              <strong>{row.symbol}</strong> <InstrumentName market={row.market} symbol={row.symbol} />
            </>
          ),
        },
        { id: 'quantity', header: t('bots.quantity'), right: true, cell: (row) => <Shares value={row.quantity} /> },
        {
          id: 'average',
          header: t('bots.average'),
          right: true,
          cell: (row) => <Price value={row.average_price} currency={currencyOf(row.market)} />,
        },
        {
          id: 'cost',
          header: t('bots.invested'),
          right: true,
          cell: (row) => <Money value={row.cost} currency={currencyOf(row.market)} />,
        },
        {
          id: 'realised',
          header: t('positions.realised'),
          right: true,
          cell: (row) => <Change value={row.realised} as={currencyOf(row.market)} />,
        },
        {
          id: 'charges',
          header: t('positions.charges'),
          right: true,
          cell: (row) => <Money value={row.charges} currency={currencyOf(row.market)} />,
        },
        {
          id: 'actions',
          header: t('common.actions'),
          buttons: true,
          cell: (row) => (
            <span className="inline-flex gap-1">
              {(['buy', 'sell'] as const).map((side) => (
                <ButtonLink
                  key={side}
                  tone="quiet"
                  className="min-h-8 px-2 py-0"
                  aria-label={`${row.symbol} ${t(`side.${side}`)}`}
                  to={`/ticket?account=${account.id}&symbol=${encodeURIComponent(row.symbol)}&side=${side}`}
                >
                  {t(`side.${side}`)}
                </ButtonLink>
              ))}
            </span>
          ),
        },
      ]}
    />
  );
}
