import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useForceSell } from '../../api/queries/bots';
import type { Bot } from '../../api/types';
import { useCurrentAccount } from '../../components/layout/account';
import { ModeBadge } from '../../components/ui/badge';
import { Facts } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { Choice, TextField } from '../../components/ui/field';
import { Price, Shares } from '../../components/ui/value';
import { compare, multiply, readDecimal, shift } from '../../lib/decimal';
import { issueText } from '../../lib/forms';
import { useRequestKey } from '../../lib/requestKey';

/** Sells a share of the position at once. The bot's name is typed first: this order cannot be taken back. */
export function ForceSellDialog({ bot, onClose }: { bot: Bot; onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { accounts } = useCurrentAccount();
  const account = accounts.find((item) => item.id === bot.account_id);
  const sell = useForceSell(bot.id);
  const requestKey = useRequestKey();
  const [ratio, setRatio] = useState('100');
  const value = readDecimal(ratio);
  const valid = value !== null && compare(value, '0') > 0 && compare(value, '100') <= 0;
  const shares = valid && bot.holding ? multiply(bot.holding.quantity, shift(value, -2)).split('.')[0] : null;
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('forceSell.titleOf', { bot: bot.name })}
      confirmLabel={t('forceSell.confirm')}
      word={bot.name}
      ready={valid && shares !== null && shares !== '0'}
      busy={sell.isPending}
      error={sell.error}
      testId="force-sell"
      onConfirm={() => {
        if (!value || sell.isPending) return;
        sell.mutate(
          { ratio: value, key: requestKey.key },
          {
            onSuccess: (order) => void navigate(`/orders/${order.id}`),
            onError: (error) => requestKey.failed(error),
          },
        );
      }}
    >
      {account && <ModeBadge account={account} />}
      <p className="text-sm">{t('forceSell.text')}</p>
      <Choice
        label={t('forceSell.quick')}
        value={ratio}
        onChange={setRatio}
        options={['25', '50', '75', '100'].map((item) => ({ value: item, label: `${item}%` }))}
      />
      <TextField
        label={t('forceSell.ratio')}
        unit="%"
        value={ratio}
        data-testid="force-sell-ratio"
        error={valid ? undefined : issueText(t, 'form.max|100')}
        onChange={(event) => setRatio(event.target.value)}
      />
      <Facts
        items={[
          { label: t('forceSell.shares'), value: <Shares value={shares} /> },
          { label: t('bots.price'), value: <Price value={bot.price?.value} /> },
        ]}
      />
    </ConfirmDialog>
  );
}
