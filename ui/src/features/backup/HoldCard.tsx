import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useRelease } from '../../api/queries/backup';
import type { Hold } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Note } from '../../components/ui/feedback';
import { CheckField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { When } from '../../components/ui/value';

/** After a restore: nothing is traded until somebody says that the other server is off. */
export function HoldCard({ hold }: { hold: Hold }) {
  const { t } = useTranslation();
  const toast = useToast();
  const release = useRelease();
  const [sure, setSure] = useState(false);
  return (
    <Card title={t('backup.release')} testId="hold">
      <div className="space-y-3">
        <Note tone="error">
          {t(hold.reason === 'restored' ? 'backup.heldRestored' : 'backup.heldSuperseded')}{' '}
          <When at={hold.since} long />
        </Note>
        <p className="text-muted text-sm">{t('backup.releaseText')}</p>
        <CheckField
          label={t('backup.oldOff')}
          checked={sure}
          data-testid="old-server-off"
          onChange={(event) => setSure(event.target.checked)}
        />
        {release.error && <ErrorNote error={release.error} />}
        <Button
          tone="danger"
          disabled={!sure}
          busy={release.isPending}
          data-testid="release"
          onClick={() =>
            release.mutate(undefined, { onSuccess: () => toast({ text: t('backup.released'), tone: 'ok' }) })
          }
        >
          {t('backup.release')}
        </Button>
      </div>
    </Card>
  );
}
