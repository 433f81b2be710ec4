import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useIssueReset } from '../../api/queries/admin';
import type { AdminUser } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Dialog } from '../../components/ui/dialog';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { CheckField } from '../../components/ui/field';
import { OneTimeLink, pageLink } from '../../components/ui/oneTimeLink';
import { When } from '../../components/ui/value';

/** Makes the link with which a user who forgot the password sets a new one. */
export function ResetDialog({ user, onClose }: { user: AdminUser; onClose: () => void }) {
  const { t } = useTranslation();
  const issue = useIssueReset(user.id);
  const [dropFactor, setDropFactor] = useState(false);
  return (
    <Dialog open onClose={onClose} title={t('resetLink.title', { user: user.username })} testId="reset-dialog">
      {issue.data ? (
        <>
          <Note tone="warning">
            {t('link.once')} {t('resetLink.counts')} {t('link.until')}: <When at={issue.data.expires_at} long />
          </Note>
          <OneTimeLink label={t('resetLink.link')} link={pageLink('reset', { word: issue.data.word })} />
          <div className="flex justify-end">
            <Button tone="primary" onClick={onClose}>
              {t('common.close')}
            </Button>
          </div>
        </>
      ) : (
        <>
          <ul className="list-disc space-y-1 pl-5 text-sm">
            <li>{t('resetLink.counts')}</li>
            <li>{t('resetLink.told')}</li>
            <li>{t('resetLink.held')}</li>
          </ul>
          <CheckField
            label={t('resetLink.phoneLost')}
            hint={t('resetLink.phoneLostHint')}
            checked={dropFactor}
            data-testid="reset-phone-lost"
            onChange={(event) => setDropFactor(event.target.checked)}
          />
          {issue.error && <ErrorNote error={issue.error} />}
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>{t('common.cancel')}</Button>
            <Button
              tone="primary"
              busy={issue.isPending}
              data-testid="reset-submit"
              onClick={() => issue.mutate(dropFactor)}
            >
              {t('resetLink.submit')}
            </Button>
          </div>
        </>
      )}
    </Dialog>
  );
}
