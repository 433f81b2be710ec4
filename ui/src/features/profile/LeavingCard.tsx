import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useEraseSelf, useExportUser, useRemaining } from '../../api/queries/leaving';
import { useSession } from '../../api/session';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { ErrorNote, Note, QueryView } from '../../components/ui/feedback';
import { CheckField } from '../../components/ui/field';

/** The person's data as a file, and the end of the person here. */
export function LeavingCard() {
  const { t } = useTranslation();
  const { user } = useSession();
  const exporting = useExportUser();
  const [erasing, setErasing] = useState(false);
  if (!user) return null;
  return (
    <Card title={t('leaving.title')} testId="leaving">
      <p className="text-sm">{t('leaving.exportText')}</p>
      <div className="mt-3 flex flex-wrap gap-2">
        <Button busy={exporting.isPending} onClick={() => exporting.mutate(user.username)} data-testid="export-user">
          {t('leaving.export')}
        </Button>
        <ButtonLink to="/import">{t('leaving.import')}</ButtonLink>
        <Button tone="danger" onClick={() => setErasing(true)} data-testid="erase-self">
          {t('leaving.erase')}
        </Button>
      </div>
      {exporting.error && (
        <div className="mt-3">
          <ErrorNote error={exporting.error} />
        </div>
      )}
      {erasing && <EraseDialog username={user.username} onClose={() => setErasing(false)} />}
    </Card>
  );
}

function EraseDialog({ username, onClose }: { username: string; onClose: () => void }) {
  const { t } = useTranslation();
  const remaining = useRemaining();
  const erase = useEraseSelf();
  const [leaveOrders, setLeaveOrders] = useState(false);
  const open = remaining.data?.items.some((item) => item.open_orders > 0 && item.environment !== 'own') ?? false;
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('leaving.erase')}
      confirmLabel={t('leaving.erase')}
      word={username}
      busy={erase.isPending}
      error={erase.error}
      testId="erase-dialog"
      onConfirm={() => erase.mutate({ username, leave_orders: leaveOrders })}
    >
      <EraseText />
      <QueryView query={remaining} rows={1}>
        {(data) => (
          <ul className="space-y-1 text-sm" data-testid="remaining">
            {data.items.map((item) => (
              <li key={item.account_id}>
                <strong className="wrap-anywhere">{item.name}</strong>{' '}
                {t('leaving.left', { orders: item.open_orders, positions: item.positions })}
              </li>
            ))}
          </ul>
        )}
      </QueryView>
      {open && (
        <CheckField
          label={t('leaving.leaveOrders')}
          hint={t('leaving.leaveOrdersHint')}
          checked={leaveOrders}
          data-testid="leave-orders"
          onChange={(event) => setLeaveOrders(event.target.checked)}
        />
      )}
    </ConfirmDialog>
  );
}

/** What an erasure takes, and what it does not reach. */
export function EraseText() {
  const { t } = useTranslation();
  return (
    <Note tone="error">
      <ul className="list-disc space-y-1 pl-5">
        <li>{t('leaving.eraseAll')}</li>
        <li>{t('leaving.erasePositions')}</li>
        <li>{t('leaving.eraseBackups')}</li>
      </ul>
    </Note>
  );
}
