import { zodResolver } from '@hookform/resolvers/zod';
import { useState } from 'react';
import { useForm, useWatch } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { useCorrectHolding, useRemoveHolding } from '../../api/queries/trading';
import type { Account, Holding } from '../../api/types';
import { Button } from '../../components/ui/button';
import { ConfirmDialog, Dialog } from '../../components/ui/dialog';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { TextAreaField, TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { Money, Price, Shares } from '../../components/ui/value';
import { multiply, readDecimal } from '../../lib/decimal';
import { decimalField, issueText, refusedFields, requiredText } from '../../lib/forms';

const schema = z.object({
  name: requiredText(40),
  symbol: requiredText(12).transform((text) => text.toUpperCase()),
  quantity: decimalField({ min: '0' }),
  average_price: decimalField({ min: '0' }),
  note: requiredText(500),
});
type Text = z.input<typeof schema>;
const FIELDS = Object.keys(schema.shape) as (keyof Text)[];

/** Corrects a holding, or adds one (also the RP reserve) by hand. */
export function HoldingDialog({
  account,
  holding,
  reserve = holding?.reserve ?? false,
  onClose,
}: {
  account: Account;
  holding?: Holding;
  reserve?: boolean;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const toast = useToast();
  const save = useCorrectHolding();
  const form = useForm<Text, unknown, z.output<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: {
      name: holding?.name ?? (reserve ? 'RP' : ''),
      symbol: holding?.symbol ?? (reserve ? 'RP' : ''),
      quantity: holding?.quantity ?? (reserve ? '1' : ''),
      average_price: holding?.average_price ?? '',
      note: '',
    },
  });
  const { errors } = form.formState;
  const [shares, average] = useWatch({ control: form.control, name: ['quantity', 'average_price'] });
  const [sharesValue, averageValue] = [readDecimal(shares), readDecimal(average)];
  const field = (name: keyof Text) => ({
    error: issueText(t, errors[name]?.message),
    'data-testid': `holding-${name}`,
    ...form.register(name),
  });
  const submit = form.handleSubmit(({ name, symbol, ...input }) =>
    save.mutate(
      {
        account_id: account.id,
        ...input,
        ...(holding ? { holding_id: holding.id } : { name, symbol }),
        ...(reserve && { reserve: true }),
      },
      {
        onSuccess: () => {
          toast({ text: t('correction.done'), tone: 'ok', testId: 'correction-done' });
          onClose();
        },
        onError: (error) => {
          for (const item of refusedFields(error, FIELDS)) {
            form.setError(item.field as keyof Text, { message: item.detail });
          }
        },
      },
    ),
  );
  const title = holding ? 'correction.editHolding' : reserve ? 'correction.addReserve' : 'correction.addHolding';
  return (
    <Dialog
      open
      onClose={onClose}
      title={t(title)}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button tone="primary" type="submit" form="holding" busy={save.isPending} data-testid="holding-save">
            {t('correction.record')}
          </Button>
        </>
      }
    >
      <Note>{t(reserve ? 'correction.reserveText' : 'correction.holdingText')}</Note>
      <form id="holding" onSubmit={submit} noValidate className="grid grid-cols-2 gap-4">
        <TextField label={t('orders.bot')} readOnly={holding !== undefined} {...field('name')} />
        <TextField label={t('common.symbol')} readOnly={holding !== undefined} {...field('symbol')} />
        <TextField label={t('bots.quantity')} inputMode="decimal" {...field('quantity')} />
        <TextField label={t('bots.average')} unit="$" inputMode="decimal" {...field('average_price')} />
        <p className="text-muted col-span-2 text-sm">
          {t('bots.invested')}:{' '}
          <Money value={sharesValue && averageValue ? multiply(sharesValue, averageValue) : null} />
        </p>
        <TextAreaField className="col-span-2" label={t('correction.note')} {...field('note')} />
      </form>
      {save.error && <ErrorNote error={save.error} />}
    </Dialog>
  );
}

export function RemoveHoldingDialog({
  account,
  holding,
  onClose,
}: {
  account: Account;
  holding: Holding;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const toast = useToast();
  const remove = useRemoveHolding();
  const [note, setNote] = useState('');
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('correction.removeHolding')}
      confirmLabel={t('common.delete')}
      word={holding.name}
      ready={note.trim() !== ''}
      busy={remove.isPending}
      error={remove.error}
      testId="holding-removal"
      onConfirm={() =>
        remove.mutate(
          { account_id: account.id, holding_id: holding.id, note: note.trim() },
          {
            onSuccess: () => {
              toast({ text: t('correction.done'), tone: 'ok', testId: 'correction-done' });
              onClose();
            },
          },
        )
      }
    >
      <p className="text-sm">
        {holding.name} {holding.symbol}: <Shares value={holding.quantity} /> × <Price value={holding.average_price} />
      </p>
      <p className="text-sm">{t('correction.removeHoldingText')}</p>
      <TextAreaField
        label={t('correction.note')}
        value={note}
        data-testid="holding-removal-note"
        onChange={(event) => setNote(event.target.value)}
      />
    </ConfirmDialog>
  );
}
