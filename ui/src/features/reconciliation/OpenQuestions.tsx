import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useDifferences } from '../../api/queries/differences';
import type { Account } from '../../api/types';
import { Note } from '../../components/ui/feedback';
import { Sides } from './Sides';

/** The dashboard's word on open questions of an account: which symbols wait, and the way to the answers. */
export function OpenQuestions({ account }: { account: Account }) {
  const { t } = useTranslation();
  const open = useDifferences(account).data;
  const count = (open?.items.length ?? 0) + (open?.cash.length ?? 0);
  if (!open || count === 0) return null;
  return (
    <Note tone="warning" testId="open-questions">
      <strong>{t('difference.openNote', { count, account: account.name })}</strong>
      <ul>
        {open.items.slice(0, 3).map((item) => (
          <li key={item.id}>
            {item.symbol}: <Sides difference={item} />
          </li>
        ))}
      </ul>
      <Link to={`/reconciliation?account=${account.id}`} className="font-semibold underline">
        {t('difference.answerNow')}
      </Link>
    </Note>
  );
}
