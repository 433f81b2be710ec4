import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Account } from '../../api/types';
import { Note } from '../ui/feedback';
import { When } from '../ui/value';
import { useCurrentAccount } from './account';

/** Above every page of a paper twin: whose it is, and why nothing is set here. */
export function TwinBanner() {
  const { t } = useTranslation();
  const { account, choose } = useCurrentAccount();
  const twin = account?.twin;
  if (!twin) return null;
  return (
    <div className="mb-3">
      <Note tone="warning" testId="twin-banner">
        <p className="font-semibold break-words">{t('twin.of', { account: twin.of_name })}</p>
        {twin.ended_at ? (
          <p className="text-sm">
            {t('twin.ended')} <When at={twin.ended_at} long />
          </p>
        ) : (
          <p className="text-sm">{t('twin.follows', { account: twin.of_name })}</p>
        )}
        <Link
          to="/account"
          onClick={() => choose(twin.of)}
          data-testid="twin-live"
          className="inline-flex min-h-10 items-center text-sm font-semibold underline"
        >
          {t('twin.toLive', { account: twin.of_name })}
        </Link>
      </Note>
    </div>
  );
}

/** Our own paper account, which has no bots, no schedule and no settings of them; a paper twin has. */
export function isWithoutBots(account: Account): boolean {
  return account.environment === 'own' && !account.twin;
}
