import { zodResolver } from '@hookform/resolvers/zod';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { isConflict } from '../../api/errors';
import { useSaveLimits } from '../../api/queries/accounts';
import { keys } from '../../api/queries/keys';
import type { Account, AccountLimits } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { canonical } from '../../lib/decimal';
import { issueText, optionalDecimalField, refusedFields } from '../../lib/forms';

const count = optionalDecimalField({ min: '1', max: '1000000', places: 0 });
const value = optionalDecimalField({ above: '0', max: '1000000000000000' });

const schema = z.object({
  max_order_value: value,
  max_position_size: value,
  max_daily_value: value,
  max_daily_trades: count,
  daily_trade_limit: count,
  orders_per_second: count,
  price_collar: optionalDecimalField({ above: '0', max: '100' }),
});
type Text = z.input<typeof schema>;
type Limit = keyof Text;
export const LIMITS = Object.keys(schema.shape) as Limit[];
/** In the currency of the market that an order is for. */
const MONEY: readonly Limit[] = ['max_order_value', 'max_position_size', 'max_daily_value'];
const COUNTED: readonly Limit[] = ['max_daily_trades', 'daily_trade_limit', 'orders_per_second'];

const textOf = ({ limits }: Account): Text =>
  Object.fromEntries(
    LIMITS.map((name) => {
      const held = limits[name];
      return [name, held === null || held === undefined ? '' : canonical(held)];
    }),
  ) as Record<Limit, string>;

/** What the account's owner allows at most. */
export function LimitsCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const save = useSaveLimits(account.id);
  const [version, setVersion] = useState(account.version);
  const form = useForm<Text, unknown, z.output<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: textOf(account),
    mode: 'onTouched',
  });
  const { errors, isDirty } = form.formState;
  // Follow the server while nothing is typed.
  const untouched = !isDirty && !save.isPending;
  useEffect(() => {
    if (!untouched || account.version <= version) return;
    setVersion(account.version);
    form.reset(textOf(account));
  }, [untouched, account, version, form]);
  const submit = form.handleSubmit((read) => {
    const limits = Object.fromEntries(
      LIMITS.map((name) => [name, read[name] !== null && COUNTED.includes(name) ? Number(read[name]) : read[name]]),
    ) as AccountLimits;
    save.mutate(
      { version: account.version, limits },
      {
        onSuccess: (saved) => {
          setVersion(saved.version);
          form.reset(textOf(saved));
          toast({ text: t('limits.saved'), tone: 'ok', testId: 'limits-saved' });
        },
        onError: (error) => {
          if (isConflict(error)) void client.invalidateQueries({ queryKey: keys.accounts });
          for (const { field, detail } of refusedFields(error, LIMITS, 'limits')) {
            form.setError(field as keyof Text, { message: detail });
          }
        },
      },
    );
  });
  const field = (name: keyof Text) => ({
    error: issueText(t, errors[name]?.message),
    'data-testid': `limit-${name}`,
    ...form.register(name),
  });
  return (
    <Card title={t('limits.title')} testId="limits">
      <p className="text-muted -mt-2 mb-3 text-sm">{t('limits.text')}</p>
      <form onSubmit={submit} noValidate className="space-y-4">
        <div className="grid gap-4 sm:grid-cols-2">
          {LIMITS.map((name) => (
            <TextField
              key={name}
              label={MONEY.includes(name) ? `${t(`limits.${name}`)} ($·₩)` : t(`limits.${name}`)}
              hint={t(`limitsText.${name}`)}
              inputMode={COUNTED.includes(name) ? 'numeric' : 'decimal'}
              autoComplete="off"
              placeholder={t('limits.none')}
              {...(COUNTED.includes(name) ? { unit: t('limits.orders') } : name === 'price_collar' && { unit: '%' })}
              {...field(name)}
            />
          ))}
        </div>
        {save.error && <ErrorNote error={save.error} />}
        {isConflict(save.error) && <Note tone="warning">{t('conflict.reloaded')}</Note>}
        <div className="flex justify-end">
          <Button type="submit" tone="primary" busy={save.isPending} disabled={!isDirty} data-testid="limits-save">
            {t('common.save')}
          </Button>
        </div>
      </form>
    </Card>
  );
}
