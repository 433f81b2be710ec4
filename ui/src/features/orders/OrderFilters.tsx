import { useTranslation } from 'react-i18next';
import type { OrderFilter } from '../../api/queries/trading';
import type { Account, Side } from '../../api/types';
import { Button } from '../../components/ui/button';
import { SelectField, TextField } from '../../components/ui/field';

const NAMES = ['account', 'open', 'symbol', 'side', 'from', 'to'] as const;

/** The filter that an address asks for; `all` stands for every account. */
export function filterOf(search: URLSearchParams, account: string): OrderFilter {
  const chosen = search.get('account') ?? account;
  const side = search.get('side');
  const text = (name: string) => search.get(name)?.trim() || undefined;
  return {
    ...(chosen !== 'all' && { account_id: chosen }),
    ...(search.get('open') === '1' && { open: true }),
    ...(text('symbol') && { symbol: text('symbol')?.toUpperCase() }),
    ...((side === 'buy' || side === 'sell') && { side }),
    ...(text('from') && { from: text('from') }),
    ...(text('to') && { to: text('to') }),
  };
}

export function OrderFilters({
  accounts,
  account,
  search,
  onChange,
}: {
  accounts: Account[];
  account: Account;
  search: URLSearchParams;
  onChange: (next: URLSearchParams) => void;
}) {
  const { t } = useTranslation();
  const set = (name: (typeof NAMES)[number], value: string) => {
    const next = new URLSearchParams(search);
    if (value === '') next.delete(name);
    else next.set(name, value);
    onChange(next);
  };
  const value = (name: (typeof NAMES)[number]) => search.get(name) ?? '';
  const more = ['symbol', 'side', 'from', 'to'].filter((name) => search.has(name)).length;
  const any = NAMES.some((name) => search.has(name));
  return (
    <search aria-label={t('orders.filters')} className="mb-3 block space-y-3">
      <div className="flex flex-wrap items-end gap-3">
        <SelectField
          label={t('ticket.account')}
          className="w-44"
          value={value('account') || account.id}
          data-testid="orders-account"
          onChange={(event) => set('account', event.target.value)}
        >
          {accounts.map((item) => (
            <option key={item.id} value={item.id}>
              {item.name}
            </option>
          ))}
          <option value="all">{t('dashboard.allAccounts')}</option>
        </SelectField>
        <SelectField
          label={t('orders.state')}
          className="w-36"
          value={value('open')}
          data-testid="orders-open"
          onChange={(event) => set('open', event.target.value)}
        >
          <option value="">{t('history.all')}</option>
          <option value="1">{t('orders.openOnly')}</option>
        </SelectField>
        {any && (
          <Button
            tone="quiet"
            onClick={() => {
              const next = new URLSearchParams(search);
              for (const name of NAMES) next.delete(name);
              onChange(next);
            }}
          >
            {t('orders.clearFilters')}
          </Button>
        )}
      </div>
      <details open={more > 0 || undefined}>
        <summary className="text-muted min-h-8 text-sm">
          {t('orders.moreFilters')}
          {more > 0 && ` (${more})`}
        </summary>
        <div className="mt-2 grid grid-cols-2 gap-3 sm:grid-cols-4">
          <TextField
            label={t('common.symbol')}
            value={value('symbol')}
            autoCapitalize="characters"
            autoComplete="off"
            data-testid="orders-symbol"
            onChange={(event) => set('symbol', event.target.value)}
          />
          <SelectField
            label={t('ticket.side')}
            value={value('side')}
            data-testid="orders-side"
            onChange={(event) => set('side', event.target.value as Side | '')}
          >
            <option value="">{t('history.all')}</option>
            <option value="buy">{t('side.buy')}</option>
            <option value="sell">{t('side.sell')}</option>
          </SelectField>
          {(['from', 'to'] as const).map((name) => (
            <TextField
              key={name}
              type="date"
              label={t(`history.${name}`)}
              value={value(name)}
              data-testid={`orders-${name}`}
              onChange={(event) => set(name, event.target.value)}
            />
          ))}
        </div>
      </details>
    </search>
  );
}
