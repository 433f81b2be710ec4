import { zodResolver } from '@hookform/resolvers/zod';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { isConflict } from '../../api/errors';
import { useSaveAccount } from '../../api/queries/accounts';
import { keys } from '../../api/queries/keys';
import type { Account, AccountSettings } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { SelectField, SwitchField, TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { canonical, fractionOf, percentText } from '../../lib/decimal';
import { decimalField, issueText, optionalDecimalField, refusedFields, requiredText } from '../../lib/forms';

/** Whose money US orders spend. */
const FUNDS = ['automatic', 'dollars_only', 'integrated_margin'] as const;

const schema = z.object({
  name: requiredText(40),
  total_budget: optionalDecimalField({ above: '0' }),
  auto_start: z.boolean(),
  auto_start_threshold: decimalField({ above: '0', max: '100' }),
  bot_sync: z.boolean(),
  fee_rate: decimalField({ min: '0', max: '5' }),
  us_funds: z.enum(FUNDS),
});
type Text = z.input<typeof schema>;
const FIELDS = Object.keys(schema.shape) as (keyof Text)[];

const textOf = (account: Account): Text => ({
  name: account.name,
  total_budget: account.settings.total_budget === null ? '' : canonical(account.settings.total_budget),
  auto_start: account.settings.auto_start,
  auto_start_threshold: percentText(account.settings.auto_start_threshold),
  bot_sync: account.settings.bot_sync,
  fee_rate: percentText(account.settings.fee_rate),
  us_funds: account.settings.us_funds,
});

export function SettingsCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const toast = useToast();
  const client = useQueryClient();
  const save = useSaveAccount(account.id);
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

  const submit = form.handleSubmit(({ name, total_budget, auto_start_threshold, fee_rate, ...switches }) => {
    const wanted: Partial<AccountSettings> = {
      ...switches,
      total_budget: total_budget === null ? null : Number(total_budget),
      auto_start_threshold: Number(fractionOf(auto_start_threshold)),
      fee_rate: Number(fractionOf(fee_rate)),
    };
    const settings = Object.fromEntries(
      Object.entries(wanted).filter(([key, value]) => account.settings[key as keyof AccountSettings] !== value),
    );
    save.mutate(
      {
        version: account.version,
        ...(name !== account.name && { name }),
        ...(Object.keys(settings).length > 0 && { settings }),
      },
      {
        onSuccess: (saved) => {
          setVersion(saved.version);
          form.reset(textOf(saved));
          toast({ text: t('account.saved'), tone: 'ok', testId: 'account-saved' });
        },
        onError: (error) => {
          if (isConflict(error)) void client.invalidateQueries({ queryKey: keys.accounts });
          for (const { field, detail } of refusedFields(error, FIELDS)) {
            form.setError(field as keyof Text, { message: detail });
          }
        },
      },
    );
  });
  const field = (name: keyof Text) => ({
    error: issueText(t, errors[name]?.message),
    'data-testid': `account-${name}`,
    ...form.register(name),
  });
  return (
    <Card title={t('account.settings')}>
      <form onSubmit={submit} noValidate className="space-y-4">
        <TextField label={t('account.name')} {...field('name')} />
        {account.environment !== 'own' && (
          <>
            <TextField
              label={t('account.totalBudget')}
              unit="$"
              hint={t('account.budgetHint')}
              {...field('total_budget')}
            />
            <SwitchField label={t('account.autoStart')} hint={t('account.autoStartHint')} {...field('auto_start')} />
            <TextField
              label={t('account.autoStartThreshold')}
              unit="%"
              hint={t('account.thresholdHint')}
              {...field('auto_start_threshold')}
            />
            <SwitchField label={t('account.botSync')} hint={t('account.botSyncHint')} {...field('bot_sync')} />
          </>
        )}
        <TextField label={t('account.feeRate')} unit="%" hint={t('account.feeHint')} {...field('fee_rate')} />
        <SelectField label={t('account.usFunds')} hint={t('account.usFundsHint')} {...field('us_funds')}>
          {FUNDS.map((value) => (
            <option key={value} value={value}>
              {t(`usFunds.${value}`)}
            </option>
          ))}
        </SelectField>
        {save.error && <ErrorNote error={save.error} />}
        {isConflict(save.error) && <Note tone="warning">{t('conflict.reloaded')}</Note>}
        <div className="flex justify-end">
          <Button type="submit" tone="primary" busy={save.isPending} disabled={!isDirty} data-testid="account-save">
            {t('common.save')}
          </Button>
        </div>
      </form>
    </Card>
  );
}
