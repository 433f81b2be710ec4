import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useChangeUser } from '../../api/queries/admin';
import type { AdminUser, StoppedAccount } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Dialog } from '../../components/ui/dialog';
import { ErrorNote, Foreign, Note } from '../../components/ui/feedback';
import { SwitchField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { quantity } from '../../lib/format';
import { RoleChoice } from './RoleChoice';

const MARKS = ['active', 'verified', 'premium'] as const;

/** A user's role and marks; after a deactivation, what it left behind. */
export function PersonDialog({ user, onClose }: { user: AdminUser; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const change = useChangeUser(user.id);
  const [now, setNow] = useState({
    role: user.role,
    active: user.active,
    verified: user.verified,
    premium: user.premium,
  });
  const changes = Object.fromEntries(
    Object.entries(now).filter(([name, value]) => user[name as keyof typeof now] !== value),
  );
  const deactivates = user.active && !now.active;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate(changes, {
      onSuccess: () => {
        // What a deactivation left behind is read first.
        if (deactivates) return;
        toast({ text: t('person.saved', { user: user.username }), tone: 'ok', testId: 'person-saved' });
        onClose();
      },
    });
  };
  return (
    <Dialog open onClose={onClose} title={t('person.title', { user: user.username })} testId="person-dialog">
      {change.data && deactivates ? (
        <Stopped user={user.username} accounts={change.data.stopped} onClose={onClose} />
      ) : (
        <form onSubmit={submit} noValidate className="space-y-4">
          <RoleChoice value={now.role} onChange={(role) => setNow({ ...now, role })} />
          {MARKS.map((mark) => (
            <SwitchField
              key={mark}
              label={t(`person.${mark}`)}
              checked={now[mark]}
              data-testid={`person-${mark}`}
              onChange={(event) => setNow({ ...now, [mark]: event.target.checked })}
            />
          ))}
          {deactivates ? (
            <Note tone="error" testId="person-deactivates">
              {t('person.deactivates')}
            </Note>
          ) : (
            now.role !== user.role && <Note tone="warning">{t('person.newRole')}</Note>
          )}
          {change.error && <ErrorNote error={change.error} />}
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>{t('common.cancel')}</Button>
            <Button
              type="submit"
              tone={deactivates ? 'danger' : 'primary'}
              busy={change.isPending}
              disabled={Object.keys(changes).length === 0}
              data-testid="person-save"
            >
              {t(deactivates ? 'person.deactivate' : 'common.save')}
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

function Stopped({ user, accounts, onClose }: { user: string; accounts: StoppedAccount[]; onClose: () => void }) {
  const { t } = useTranslation();
  const positionsText = ({ positions }: StoppedAccount) =>
    positions.length === 0
      ? t('person.noPositions')
      : t('person.positions', { list: positions.map((p) => `${p.symbol} ${quantity(p.quantity)}`).join(', ') });
  return (
    <>
      <p>{t(accounts.length === 0 ? 'person.stoppedNone' : 'person.stopped', { user })}</p>
      <ul className="space-y-2">
        {accounts.map((account) => (
          <li
            key={account.account_id}
            className="border-line rounded-lg border p-3 text-sm"
            data-testid="stopped-account"
          >
            <strong className="wrap-anywhere">{account.name}</strong>
            <p>{t('person.cancelled', { number: account.cancelled_orders })}</p>
            <p className="wrap-anywhere">{positionsText(account)}</p>
            {account.problem && (
              <div className="mt-2">
                <Note tone="error">
                  {t('person.problem')}
                  <Foreign text={account.problem} />
                </Note>
              </div>
            )}
          </li>
        ))}
      </ul>
      <div className="flex justify-end">
        <Button tone="primary" onClick={onClose}>
          {t('common.close')}
        </Button>
      </div>
    </>
  );
}
