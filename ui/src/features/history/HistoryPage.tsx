import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { useBots } from '../../api/queries/bots';
import type { HistoryFilter } from '../../api/queries/trading';
import type { Account } from '../../api/types';
import { WithAccount } from '../../components/layout/account';
import { Button } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { Choice, SelectField, TextField } from '../../components/ui/field';
import { day, type Range, rangeDates } from '../../lib/time';
import { marketNow } from '../../live/clock';
import { AddHistoryDialog } from './CorrectionDialogs';
import { HistoryList } from './HistoryList';
import { ProfitTable } from './ProfitTable';

export function HistoryPage() {
  return <WithAccount>{(account) => <History key={account.id} account={account} />}</WithAccount>;
}

const RANGES: Range[] = ['today', 'week', 'month', 'all', 'custom'];
type Kind = 'all' | 'buy' | 'sell';

function History({ account }: { account: Account }) {
  const { t } = useTranslation();
  const [search, setSearch] = useSearchParams();
  const [adding, setAdding] = useState(false);
  const tab = search.get('tab') === 'profit' ? 'profit' : 'rows';
  const set = (changes: Record<string, string>) => {
    const next = new URLSearchParams(search);
    for (const [key, value] of Object.entries(changes)) {
      if (value === '') next.delete(key);
      else next.set(key, value);
    }
    setSearch(next, { replace: true });
  };
  return (
    <>
      <PageHead title={t('nav.history')} sub={account.name}>
        <Choice
          label={t('history.view')}
          hideLabel
          value={tab}
          onChange={(value) => set({ tab: value })}
          options={[
            { value: 'rows', label: t('history.trades'), testId: 'history-tab-rows' },
            { value: 'profit', label: t('history.profits'), testId: 'history-tab-profit' },
          ]}
        />
        <Button onClick={() => setAdding(true)} data-testid="history-add">
          {t('correction.addHistory')}
        </Button>
      </PageHead>
      {tab === 'profit' ? (
        <ProfitTable account={account.id} />
      ) : (
        <Filtered account={account} search={search} set={set} />
      )}
      {adding && <AddHistoryDialog account={account} onClose={() => setAdding(false)} />}
    </>
  );
}

function Filtered({
  account,
  search,
  set,
}: {
  account: Account;
  search: URLSearchParams;
  set: (changes: Record<string, string>) => void;
}) {
  const { t } = useTranslation();
  const bots = useBots(account.id);
  const range = RANGES.find((item) => item === search.get('range')) ?? 'month';
  const kind = (['buy', 'sell'] as const).find((item) => item === search.get('kind')) ?? 'all';
  const bot = search.get('bot') ?? '';
  const today = day(marketNow()) ?? '';
  const bounds =
    range === 'custom'
      ? { from: search.get('from') ?? undefined, to: search.get('to') ?? undefined }
      : rangeDates(range, today);
  const filter: HistoryFilter = { ...bounds, kind: kind === 'all' ? undefined : kind, bot: bot || undefined };
  return (
    <div className="space-y-4">
      <Card>
        <div className="flex flex-wrap items-end gap-3">
          <Choice<Range>
            label={t('history.range')}
            value={range}
            onChange={(value) =>
              set(
                value === 'custom'
                  ? { range: value, from: bounds.from ?? '', to: bounds.to ?? today }
                  : { range: value, from: '', to: '' },
              )
            }
            options={RANGES.map((value) => ({ value, label: t(`range.${value}`), testId: `history-range-${value}` }))}
          />
          <Choice<Kind>
            label={t('history.kind')}
            value={kind}
            onChange={(value) => set({ kind: value === 'all' ? '' : value })}
            options={[
              { value: 'all', label: t('history.all'), testId: 'history-kind-all' },
              { value: 'buy', label: t('side.buy'), testId: 'history-kind-buy' },
              { value: 'sell', label: t('side.sell'), testId: 'history-kind-sell' },
            ]}
          />
          <SelectField
            label={t('orders.bot')}
            className="w-36"
            value={bot}
            data-testid="history-bot"
            onChange={(event) => set({ bot: event.target.value })}
          >
            <option value="">{t('history.allBots')}</option>
            {bot !== '' && !bots.data?.items.some((item) => item.name === bot) && <option value={bot}>{bot}</option>}
            {bots.data?.items.map((item) => (
              <option key={item.id} value={item.name}>
                {item.name}
              </option>
            ))}
          </SelectField>
          {range === 'custom' && (
            <div className="flex flex-wrap gap-2">
              <TextField
                label={t('history.from')}
                type="date"
                value={bounds.from ?? ''}
                onChange={(event) => set({ from: event.target.value })}
              />
              <TextField
                label={t('history.to')}
                type="date"
                value={bounds.to ?? ''}
                onChange={(event) => set({ to: event.target.value })}
              />
            </div>
          )}
        </div>
      </Card>
      <HistoryList account={account} filter={filter} onBot={(name) => set({ bot: name })} />
    </div>
  );
}
