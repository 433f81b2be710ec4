import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useInvitations, useInvite, useRevokeInvitation } from '../../api/queries/admin';
import type { MadeInvitation, Role } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { Dialog } from '../../components/ui/dialog';
import { Empty, ErrorNote, Note, QueryView } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { OneTimeLink, pageLink } from '../../components/ui/oneTimeLink';
import { DataTable } from '../../components/ui/table';
import { Missing, When } from '../../components/ui/value';
import { RoleChoice } from './RoleChoice';

/** Invitations that nobody has used yet. */
export function InvitationsCard() {
  const { t } = useTranslation();
  const query = useInvitations();
  const revoke = useRevokeInvitation();
  const [inviting, setInviting] = useState(false);
  return (
    <Card
      title={t('invite.title')}
      actions={
        <Button tone="primary" onClick={() => setInviting(true)} data-testid="invite">
          {t('invite.action')}
        </Button>
      }
    >
      <QueryView
        query={query}
        rows={1}
        isEmpty={(data) => data.items.length === 0}
        empty={<Empty title={t('invite.none')} />}
      >
        {(data) => (
          <DataTable
            label={t('invite.title')}
            rows={data.items}
            rowKey={(item) => item.id}
            rowTestId="invitation-row"
            columns={[
              {
                id: 'note',
                header: t('invite.note'),
                lead: true,
                cell: (item) => (item.note ? <span className="wrap-anywhere">{item.note}</span> : <Missing />),
              },
              { id: 'role', header: t('admin.role'), cell: (item) => t(`role.${item.role}`) },
              { id: 'until', header: t('link.until'), cell: (item) => <When at={item.expires_at} long /> },
              {
                id: 'revoke',
                header: t('common.actions'),
                buttons: true,
                cell: (item) => (
                  <Button
                    tone="quiet"
                    className="min-h-8 px-2 py-0"
                    busy={revoke.isPending && revoke.variables === item.id}
                    data-testid="invitation-revoke"
                    onClick={() => revoke.mutate(item.id)}
                  >
                    {t('invite.revoke')}
                  </Button>
                ),
              },
            ]}
          />
        )}
      </QueryView>
      {revoke.error && <ErrorNote error={revoke.error} />}
      {inviting && <InviteDialog onClose={() => setInviting(false)} />}
    </Card>
  );
}

function InviteDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const invite = useInvite();
  const [role, setRole] = useState<Role>('user');
  const [note, setNote] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    invite.mutate({ role, note: note.trim() || null });
  };
  return (
    <Dialog open onClose={onClose} title={t('invite.action')} testId="invite-dialog">
      {invite.data ? (
        <Made made={invite.data} onClose={onClose} />
      ) : (
        <form onSubmit={submit} noValidate className="space-y-4">
          <RoleChoice value={role} onChange={setRole} />
          <TextField
            label={t('invite.note')}
            hint={t('invite.noteHint')}
            value={note}
            maxLength={100}
            autoComplete="off"
            data-testid="invite-note"
            onChange={(event) => setNote(event.target.value)}
          />
          {invite.error && <ErrorNote error={invite.error} />}
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>{t('common.cancel')}</Button>
            <Button type="submit" tone="primary" busy={invite.isPending} data-testid="invite-submit">
              {t('invite.submit')}
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

function Made({ made, onClose }: { made: MadeInvitation; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Note tone="warning">
        {t('link.once')} {t('invite.counts')} {t('link.until')}: <When at={made.expires_at} long />
      </Note>
      <OneTimeLink label={t('invite.link')} link={pageLink('register', { invite: made.word })} />
      <div className="flex justify-end">
        <Button tone="primary" onClick={onClose}>
          {t('common.close')}
        </Button>
      </div>
    </>
  );
}
