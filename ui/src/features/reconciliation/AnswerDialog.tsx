import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAnswer } from '../../api/queries/differences';
import type { Account, Bot, CashDifference, Difference, DifferenceAnswer } from '../../api/types';
import { ConfirmDialog } from '../../components/ui/dialog';
import { SelectField, TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { readDecimal, sign } from '../../lib/decimal';
import { currencyOf } from '../../lib/format';
import type { CashAnswer, SharesAnswer } from './answers';

export type Asked =
  | { type: 'shares'; item: Difference; action: SharesAnswer }
  | { type: 'cash'; item: CashDifference; action: CashAnswer };

const whole = (text: string) => (/^[1-9]\d{0,3}$/.test(text.trim()) ? Number(text) : null);

/** Says what an answer books, takes what it needs, and sends it. */
export function AnswerDialog({
  account,
  bots,
  asked,
  onClose,
}: {
  account: Account;
  bots: Bot[];
  asked: Asked;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const toast = useToast();
  const answer = useAnswer(account.id);
  const shares = asked.type === 'shares' ? asked.item : null;
  const able = bots.filter((bot) => bot.symbol === shares?.symbol);
  const proposal = shares?.proposal;
  const [bot, setBot] = useState(proposal?.bot_id ?? able[0]?.id ?? '');
  const [price, setPrice] = useState('');
  const [ratio, setRatio] = useState({
    old: String(proposal?.split?.old ?? ''),
    new: String(proposal?.split?.new ?? ''),
  });
  const asksPrice = asked.action === 'bot' && shares?.kind !== 'outside_trade';
  const amount = readDecimal(price);
  const split = { old: whole(ratio.old), new: whole(ratio.new) };
  const ready =
    (asked.action !== 'bot' || (bot !== '' && (!asksPrice || (amount !== null && sign(amount) > 0)))) &&
    (asked.action !== 'split' || (split.old !== null && split.new !== null && split.old !== split.new));
  const body: DifferenceAnswer = {
    action: asked.action,
    ...(asked.action === 'bot' && { bot_id: bot }),
    ...(asksPrice && amount !== null && { price: amount }),
    ...(asked.action === 'split' &&
      split.old !== null &&
      split.new !== null && { new_shares: split.new, old_shares: split.old }),
  };
  const takesBack = shares?.kind === 'split_awaited';
  const title = takesBack
    ? t('difference.takeBack')
    : t(asked.type === 'cash' ? `cashReason.${asked.action}` : `differenceAnswer.${asked.action}`);
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={`${shares?.symbol ?? (asked.type === 'cash' ? asked.item.currency : '')} · ${title}`}
      confirmLabel={t('difference.book')}
      tone="primary"
      ready={ready}
      busy={answer.isPending}
      error={answer.error}
      testId="answer-dialog"
      onConfirm={() =>
        answer.mutate(
          { id: asked.item.id, ...body },
          {
            onSuccess: () => {
              toast({ text: t('difference.answered'), tone: 'ok', testId: 'difference-answered' });
              onClose();
            },
          },
        )
      }
    >
      <p className="text-sm">
        {takesBack
          ? t('difference.takeBackText')
          : asked.type === 'cash'
            ? t('difference.cashBooked')
            : t(`differenceAnswerText.${asked.action}`)}
      </p>
      {asked.action === 'bot' && (
        <SelectField
          label={t('difference.whichBot')}
          value={bot}
          onChange={(event) => setBot(event.target.value)}
          data-testid="answer-which-bot"
        >
          {able.map((item) => (
            <option key={item.id} value={item.id}>
              {item.name}
            </option>
          ))}
        </SelectField>
      )}
      {asksPrice && (
        <TextField
          label={t('difference.pricePerShare')}
          hint={t('difference.priceHint')}
          unit={currencyOf(shares?.market ?? '') === 'KRW' ? '₩' : '$'}
          inputMode="decimal"
          value={price}
          onChange={(event) => setPrice(event.target.value)}
          data-testid="answer-price"
        />
      )}
      {asked.action === 'split' && (
        <div className="grid grid-cols-2 gap-3">
          {(['old', 'new'] as const).map((part) => (
            <TextField
              key={part}
              label={t(part === 'old' ? 'difference.oldShares' : 'difference.newShares')}
              inputMode="numeric"
              value={ratio[part]}
              onChange={(event) => setRatio({ ...ratio, [part]: event.target.value })}
              data-testid={`answer-${part}`}
            />
          ))}
        </div>
      )}
    </ConfirmDialog>
  );
}
