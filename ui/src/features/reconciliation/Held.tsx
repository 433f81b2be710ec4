import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { questionOf, useDifferences } from '../../api/queries/differences';
import type { Account, Bot } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Note } from '../../components/ui/feedback';
import { Sides } from './Sides';

/** Marks a bot that waits for an answer. */
export function HeldBadge({ account, bot }: { account: Account; bot: Bot }) {
  const { t } = useTranslation();
  const open = useDifferences(account);
  if (!questionOf(bot, open.data)) return null;
  return (
    <Badge tone="amber" testId="bot-held">
      {t('difference.held')}
    </Badge>
  );
}

/** Why a bot waits, with both sides and the way to the answer. */
export function HeldNote({ account, bot }: { account: Account; bot: Bot }) {
  const { t } = useTranslation();
  const open = useDifferences(account);
  const question = questionOf(bot, open.data);
  if (!question) return null;
  return (
    <Note tone="warning" testId="bot-held-note">
      <strong>{t('difference.heldText', { symbol: bot.symbol })}</strong>
      <p>
        {t(`differenceKind.${question.kind}`)} · <Sides difference={question} />
      </p>
      <Link to={`/reconciliation?account=${account.id}`} className="font-semibold underline">
        {t('difference.answerNow')}
      </Link>
    </Note>
  );
}
