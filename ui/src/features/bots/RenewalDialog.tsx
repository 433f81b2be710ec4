import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useBots, useRenewal } from '../../api/queries/bots';
import type { Account, RenewalResult } from '../../api/types';
import { Button } from '../../components/ui/button';
import { ConfirmDialog, Dialog } from '../../components/ui/dialog';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { SelectField, TextField } from '../../components/ui/field';
import { DataTable } from '../../components/ui/table';
import { useToast } from '../../components/ui/toast';
import { Money } from '../../components/ui/value';

interface Line {
  key: number;
  symbol: string;
  count: string;
}

/** Replaces all bots of the account: choose tickers, look at the result, then confirm. */
export function RenewalDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const bots = useBots(account.id);
  const symbols = [...new Set((bots.data?.items ?? []).map((bot) => bot.symbol))];
  const [lines, setLines] = useState<Line[]>(() =>
    (symbols.length > 0 ? symbols : ['TQQQ']).map((symbol, key) => ({ key, symbol, count: '1' })),
  );
  const [plan, setPlan] = useState<RenewalResult | null>(null);
  const [confirming, setConfirming] = useState(false);
  const renewal = useRenewal();
  const tickers = lines
    .map((line) => ({ symbol: line.symbol.trim().toUpperCase(), count: Number(line.count) }))
    .filter((line) => line.symbol !== '');
  const change = (key: number, part: Partial<Line>) => {
    setPlan(null);
    setLines((all) => all.map((line) => (line.key === key ? { ...line, ...part } : line)));
  };
  const run = (dry_run: boolean) =>
    renewal.mutate(
      { account_id: account.id, tickers, dry_run },
      {
        onSuccess: (result) => {
          if (dry_run) return setPlan(result);
          toast({ text: t('renewal.done', { count: result.bots.length }), tone: 'ok' });
          onClose();
        },
      },
    );

  if (confirming) {
    return (
      <ConfirmDialog
        open
        onClose={() => setConfirming(false)}
        title={t('renewal.confirmTitle')}
        confirmLabel={t('renewal.apply')}
        word={account.name}
        busy={renewal.isPending}
        error={renewal.error}
        testId="renewal"
        onConfirm={() => run(false)}
      >
        <p className="text-sm">{t('renewal.confirmText', { count: plan?.removed.length ?? 0 })}</p>
      </ConfirmDialog>
    );
  }

  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={t('renewal.title')}
      footer={
        <>
          <Button
            busy={renewal.isPending}
            disabled={tickers.length === 0}
            onClick={() => run(true)}
            data-testid="renewal-dry-run"
          >
            {t('renewal.dryRun')}
          </Button>
          <Button
            tone="danger"
            disabled={!plan || plan.blocked.length > 0}
            onClick={() => setConfirming(true)}
            data-testid="renewal-next"
          >
            {t('renewal.apply')}
          </Button>
        </>
      }
    >
      <p className="text-sm">{t('renewal.text')}</p>
      <p className="text-sm">
        {t('account.totalBudget')}: <Money value={account.settings.total_budget} />{' '}
        {account.settings.total_budget === null && (
          <Link to="/account" className="font-semibold underline">
            {t('renewal.setBudget')}
          </Link>
        )}
      </p>
      <ul className="space-y-2">
        {lines.map((line, index) => (
          <li key={line.key} className="flex items-end gap-2">
            <TextField
              className="flex-1"
              label={t('botField.symbol')}
              value={line.symbol}
              data-testid={`renewal-symbol-${index}`}
              onChange={(event) => change(line.key, { symbol: event.target.value })}
            />
            <SelectField
              className="w-24"
              label={t('renewal.count')}
              value={line.count}
              data-testid={`renewal-count-${index}`}
              onChange={(event) => change(line.key, { count: event.target.value })}
            >
              {['1', '2', '3'].map((count) => (
                <option key={count}>{count}</option>
              ))}
            </SelectField>
            <Button
              tone="quiet"
              className="px-2"
              disabled={lines.length === 1}
              onClick={() => {
                setPlan(null);
                setLines((all) => all.filter((item) => item.key !== line.key));
              }}
            >
              {t('common.remove')}
            </Button>
          </li>
        ))}
      </ul>
      <Button
        onClick={() => {
          setPlan(null);
          setLines((all) => [...all, { key: Math.max(...all.map((line) => line.key)) + 1, symbol: '', count: '1' }]);
        }}
      >
        {t('renewal.addTicker')}
      </Button>
      {renewal.error && <ErrorNote error={renewal.error} />}
      {plan && <Plan plan={plan} />}
    </Dialog>
  );
}

function Plan({ plan }: { plan: RenewalResult }) {
  const { t, i18n } = useTranslation();
  return (
    <div className="space-y-3" data-testid="renewal-plan">
      <DataTable
        label={t('renewal.newBots')}
        rows={plan.bots}
        rowKey={(bot) => bot.name}
        columns={[
          { id: 'name', header: t('botField.name'), cell: (bot) => bot.name, lead: true },
          { id: 'symbol', header: t('botField.symbol'), cell: (bot) => bot.symbol },
          { id: 'seed', header: t('botField.seed'), cell: (bot) => <Money value={bot.seed} />, right: true },
          { id: 'tier', header: t('botField.max_tier'), cell: (bot) => bot.max_tier, right: true },
          {
            id: 'added',
            header: t('botField.added_seed'),
            cell: (bot) => <Money value={bot.added_seed ?? null} />,
            right: true,
          },
        ]}
      />
      <p className="text-sm">
        {t('renewal.removed')}: {plan.removed.join(', ') || t('common.none')}
      </p>
      {plan.blocked.length > 0 && (
        <Note tone="warning" testId="renewal-blocked">
          <strong>{t('renewal.blocked')}</strong>
          {plan.blocked.map((reason) => (
            <p key={reason.code}>
              {i18n.exists(`errors.${reason.code}`) ? t(`errors.${reason.code}`) : reason.detail} (
              {reason.bots.join(', ')})
            </p>
          ))}
        </Note>
      )}
      {plan.orphans.length > 0 && (
        <Note tone="warning" testId="renewal-orphans">
          <strong>{t('renewal.orphans')}</strong> {plan.orphans.join(', ')}
          <p>{t('renewal.orphansText')}</p>
        </Note>
      )}
    </div>
  );
}
