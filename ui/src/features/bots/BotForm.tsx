import { zodResolver } from '@hookform/resolvers/zod';
import type { ReactNode } from 'react';
import { type FieldPath, useForm, useWatch } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { z } from 'zod';
import type { BotSettings } from '../../api/types';
import { Button } from '../../components/ui/button';
import { SelectField, SwitchField, TextField } from '../../components/ui/field';
import { Money } from '../../components/ui/value';
import { multiply, readDecimal } from '../../lib/decimal';
import { issueText } from '../../lib/forms';
import { ClosingConditions } from './ClosingConditions';
import { type BotText, botSchema } from './settings';

export type BotFormApi = ReturnType<typeof useBotForm>;

export function useBotForm(values: BotText) {
  return useForm<BotText, unknown, z.output<typeof botSchema>>({
    resolver: zodResolver(botSchema),
    defaultValues: values,
    mode: 'onTouched',
  });
}

/** All settings of a bot. `withName` only when it is created: afterwards a name changes by renaming. */
export function BotForm({
  form,
  onSubmit,
  withName = false,
  busy,
  submitLabel,
  children,
}: {
  form: BotFormApi;
  onSubmit: (settings: BotSettings) => void;
  withName?: boolean;
  busy: boolean;
  submitLabel: string;
  children?: ReactNode;
}) {
  const { t } = useTranslation();
  const { errors } = form.formState;
  const [seed, maxTier] = useWatch({ control: form.control, name: ['seed', 'max_tier'] });
  const [seedValue, tierValue] = [readDecimal(seed), readDecimal(maxTier)];
  const field = (name: FieldPath<BotText> & keyof typeof errors) => ({
    label: t(`botField.${name}`),
    error: issueText(t, errors[name]?.message),
    'data-testid': `bot-${name}`,
    ...form.register(name),
  });
  const decimal = (name: Parameters<typeof field>[0], unit?: string) => ({
    ...field(name),
    unit,
    inputMode: 'text' as const,
    autoComplete: 'off',
  });

  return (
    <form onSubmit={form.handleSubmit(onSubmit)} noValidate data-testid="bot-form" className="space-y-6">
      <Section title={t('botForm.basics')}>
        {withName && <TextField {...field('name')} autoComplete="off" />}
        <TextField {...field('symbol')} autoComplete="off" autoCapitalize="characters" />
        <TextField {...decimal('seed', '$')} hint={t('botForm.seedHint')} />
        <TextField
          {...decimal('max_tier')}
          hint={
            <>
              {t('botForm.budget')} <Money value={seedValue && tierValue ? multiply(seedValue, tierValue) : null} />
            </>
          }
        />
        <TextField {...decimal('profit_rate', '%')} hint={t('botForm.profitHint')} />
        <TextField {...decimal('t_div', '%')} hint={t('botForm.tDivHint')} />
        <SelectField {...field('point_curve')} hint={t('botForm.curveHint')}>
          {(['P1', 'P1_2', 'P2_3'] as const).map((curve) => (
            <option key={curve} value={curve}>
              {t(`curve.${curve}`)}
            </option>
          ))}
        </SelectField>
        <SwitchField {...field('active')} hint={t('botForm.activeHint')} />
      </Section>
      <Section title={t('botForm.buying')}>
        <SwitchField {...field('buy_below_average')} hint={t('botForm.belowAverageHint')} />
        <SwitchField {...field('buy_below_point')} hint={t('botForm.belowPointHint')} />
        <TextField {...decimal('added_seed', '$')} hint={t('botForm.addedSeedHint')} />
        <SwitchField {...field('skip_sell')} hint={t('botForm.skipSellHint')} />
      </Section>
      <ClosingConditions form={form} />
      <Section title={t('botForm.cooldown')}>
        <TextField {...decimal('sell_cooldown_days')} hint={t('botForm.cooldownHint')} />
        <SwitchField {...field('sell_cooldown_loss_only')} />
      </Section>
      <Section title={t('botForm.trailing')}>
        <SwitchField {...field('trailing_enabled')} hint={t('botForm.trailingHint')} />
        <TextField {...decimal('trailing_t_threshold', '%')} hint={t('botForm.trailingThresholdHint')} />
        <TextField {...decimal('trailing_stop_pct', '%')} hint={t('botForm.trailingStopHint')} />
        <TextField {...decimal('trailing_floor_rate', '%')} hint={t('botForm.trailingFloorHint')} />
      </Section>
      {children}
      <div className="flex justify-end">
        <Button type="submit" tone="primary" busy={busy} data-testid="bot-save" className="w-full sm:w-auto">
          {submitLabel}
        </Button>
      </div>
    </form>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="border-line min-w-0 border-t pt-4 first:border-t-0 first:pt-0">
      <legend className="float-left mb-3 w-full text-sm font-bold">{title}</legend>
      <div className="clear-both grid gap-4 sm:grid-cols-2">{children}</div>
    </fieldset>
  );
}
