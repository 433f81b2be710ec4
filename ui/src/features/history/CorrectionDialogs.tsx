import { zodResolver } from '@hookform/resolvers/zod';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { useAddHistory, useRemoveHistory } from '../../api/queries/trading';
import type { Account, HistoryRow } from '../../api/types';
import { Button } from '../../components/ui/button';
import { ConfirmDialog, Dialog } from '../../components/ui/dialog';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { SelectField, TextAreaField, TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { Price, Shares } from '../../components/ui/value';
import { decimalField, issueText, refusedFields, requiredText } from '../../lib/forms';

const KINDS = ['BUY', 'SELL', 'SELL_3_4', 'SELL_1_4', 'SELL_PART'] as const;

const schema = z.object({
  name: requiredText(40),
  symbol: requiredText(12).transform((text) => text.toUpperCase()),
  trade_type: z.enum(KINDS),
  quantity: decimalField({ above: '0' }),
  buy_price: decimalField({ above: '0' }),
  sell_price: decimalField({ min: '0' }),
  trade_date: z.string(),
  note: requiredText(500),
});
type Text = z.input<typeof schema>;
const FIELDS = Object.keys(schema.shape) as (keyof Text)[];

/** Adds a history row by hand: a new audited entry, never a silent change. */
export function AddHistoryDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const add = useAddHistory();
  const form = useForm<Text, unknown, z.output<typeof schema>>({
    resolver: zodResolver(schema),
    defaultValues: {
      name: '',
      symbol: '',
      trade_type: 'SELL',
      quantity: '',
      buy_price: '',
      sell_price: '0',
      trade_date: '',
      note: '',
    },
  });
  const { errors } = form.formState;
  const field = (name: keyof Text) => ({
    error: issueText(t, errors[name]?.message),
    'data-testid': `history-add-${name}`,
    ...form.register(name),
  });
  const submit = form.handleSubmit(({ trade_date, ...input }) =>
    add.mutate(
      {
        account_id: account.id,
        ...input,
        // The field is Korean wall-clock time.
        ...(trade_date && { trade_date: new Date(`${trade_date}:00+09:00`).toISOString() }),
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
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('correction.addHistory')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button tone="primary" type="submit" form="history-add" busy={add.isPending} data-testid="history-add-save">
            {t('correction.record')}
          </Button>
        </>
      }
    >
      <Note>{t('correction.historyText')}</Note>
      <form id="history-add" onSubmit={submit} noValidate className="grid grid-cols-2 gap-4">
        <TextField label={t('orders.bot')} {...field('name')} />
        <TextField label={t('common.symbol')} {...field('symbol')} />
        <SelectField label={t('history.kind')} {...field('trade_type')}>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {t(`kind.${kind}`)}
            </option>
          ))}
        </SelectField>
        <TextField label={t('bots.quantity')} inputMode="decimal" {...field('quantity')} />
        <TextField label={t('history.buyPrice')} unit="$" inputMode="decimal" {...field('buy_price')} />
        <TextField label={t('history.sellPrice')} unit="$" inputMode="decimal" {...field('sell_price')} />
        <TextField
          className="col-span-2"
          label={t('correction.tradeDate')}
          type="datetime-local"
          {...field('trade_date')}
        />
        <TextAreaField className="col-span-2" label={t('correction.note')} {...field('note')} />
      </form>
      {add.error && <ErrorNote error={add.error} />}
    </Dialog>
  );
}

export function RemoveHistoryDialog({
  account,
  row,
  onClose,
}: {
  account: Account;
  row: HistoryRow;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const toast = useToast();
  const remove = useRemoveHistory();
  const [note, setNote] = useState('');
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('correction.removeHistory')}
      confirmLabel={t('common.delete')}
      ready={note.trim() !== ''}
      busy={remove.isPending}
      error={remove.error}
      testId="history-removal"
      onConfirm={() =>
        remove.mutate(
          { account_id: account.id, history_id: row.id, note: note.trim() },
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
        {row.bot} {row.symbol} {t(`kind.${row.trade_type}`)} <Shares value={row.quantity} /> ×{' '}
        <Price value={row.trade_type.startsWith('SELL') ? row.sell_price : row.buy_price} />
      </p>
      <p className="text-sm">{t('correction.removeText')}</p>
      <TextAreaField
        label={t('correction.note')}
        value={note}
        data-testid="history-removal-note"
        onChange={(event) => setNote(event.target.value)}
      />
    </ConfirmDialog>
  );
}
