import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useEraseUser } from '../../api/queries/leaving';
import type { AdminUser } from '../../api/types';
import { ConfirmDialog } from '../../components/ui/dialog';
import { Note } from '../../components/ui/feedback';
import { CheckField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { EraseText } from '../profile/LeavingCard';

/** Erases a user who was deactivated before. */
export function EraseUserDialog({ user, onClose }: { user: AdminUser; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const erase = useEraseUser(user.id);
  const [leaveOrders, setLeaveOrders] = useState(false);
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      title={t('leaving.eraseUser', { user: user.username })}
      confirmLabel={t('leaving.erase')}
      word={user.username}
      ready={!user.active}
      busy={erase.isPending}
      error={erase.error}
      testId="erase-user-dialog"
      onConfirm={() =>
        erase.mutate(
          { username: user.username, leave_orders: leaveOrders },
          {
            onSuccess: () => {
              toast({ text: t('leaving.erased', { user: user.username }), tone: 'ok', testId: 'user-erased' });
              onClose();
            },
          },
        )
      }
    >
      {user.active && <Note tone="warning">{t('errors.deactivate_first')}</Note>}
      <EraseText />
      <CheckField
        label={t('leaving.leaveOrders')}
        hint={t('leaving.leaveOrdersHint')}
        checked={leaveOrders}
        onChange={(event) => setLeaveOrders(event.target.checked)}
      />
    </ConfirmDialog>
  );
}
