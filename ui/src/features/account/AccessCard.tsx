import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useGiveGrant, useGrants, useRevokeGrant } from '../../api/queries/sharing';
import type { Account, GrantKind } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { Dialog } from '../../components/ui/dialog';
import { Empty, ErrorNote, Note, QueryView } from '../../components/ui/feedback';
import { SelectField, TextField } from '../../components/ui/field';
import { DataTable } from '../../components/ui/table';
import { When } from '../../components/ui/value';
import { issueText, refusedFields } from '../../lib/forms';

const KINDS: GrantKind[] = ['view', 'manage_bots', 'emergency_stop'];

/** Who else may do what with this account. */
export function AccessCard({ account }: { account: Account }) {
  const { t } = useTranslation();
  const query = useGrants(account.id);
  const revoke = useRevokeGrant(account.id);
  const [giving, setGiving] = useState(false);
  return (
    <Card
      title={t('access.title')}
      testId="access"
      actions={
        <Button onClick={() => setGiving(true)} data-testid="access-give">
          {t('access.give')}
        </Button>
      }
    >
      <p className="mb-3 text-sm">{t('access.text')}</p>
      <QueryView
        query={query}
        rows={1}
        isEmpty={(data) => data.items.length === 0}
        empty={<Empty title={t('access.none')} />}
      >
        {(data) => (
          <DataTable
            label={t('access.title')}
            rows={data.items}
            rowKey={(item) => item.id}
            rowTestId="access-row"
            columns={[
              {
                id: 'who',
                header: t('auth.username'),
                lead: true,
                cell: (item) => <strong className="wrap-anywhere">{item.username}</strong>,
              },
              { id: 'kind', header: t('access.kind'), cell: (item) => t(`grantKind.${item.kind}`) },
              {
                id: 'until',
                header: t('access.until'),
                cell: (item) => (
                  <>
                    <When at={item.until} long />{' '}
                    {Date.parse(item.until) <= Date.now() && <Badge>{t('access.ended')}</Badge>}
                  </>
                ),
              },
              {
                id: 'revoke',
                header: t('common.actions'),
                buttons: true,
                cell: (item) => (
                  <Button
                    tone="quiet"
                    className="min-h-8 px-2 py-0"
                    busy={revoke.isPending && revoke.variables === item.id}
                    data-testid="access-revoke"
                    onClick={() => revoke.mutate(item.id)}
                  >
                    {t('access.revoke')}
                  </Button>
                ),
              },
            ]}
          />
        )}
      </QueryView>
      {revoke.error && <ErrorNote error={revoke.error} />}
      {giving && <GiveDialog account={account} onClose={() => setGiving(false)} />}
    </Card>
  );
}

/** A day so many days from today, as date fields write it. */
function dayAfter(days: number): string {
  const day = new Date(Date.now() + days * 86_400_000);
  return `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, '0')}-${String(day.getDate()).padStart(2, '0')}`;
}

function GiveDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const give = useGiveGrant(account.id);
  const [username, setUsername] = useState('');
  const [kind, setKind] = useState<GrantKind>('view');
  const [day, setDay] = useState(() => dayAfter(30));
  const refused = refusedFields(give.error, ['username', 'kind', 'until']);
  const error = (name: string) => refused.find((item) => item.field === name)?.detail;
  // It counts through the day that is named.
  const until = new Date(`${day}T23:59:59`);
  const dayError = Number.isNaN(until.getTime()) ? issueText(t, 'form.required') : error('until');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (Number.isNaN(until.getTime())) return;
    give.mutate({ username: username.trim(), kind, until: until.toISOString() }, { onSuccess: onClose });
  };
  return (
    <Dialog open onClose={onClose} title={t('access.giveTitle', { account: account.name })} testId="access-dialog">
      <form onSubmit={submit} noValidate className="space-y-4">
        <TextField
          label={t('auth.username')}
          hint={t('access.usernameHint')}
          value={username}
          error={error('username')}
          autoComplete="off"
          autoCapitalize="none"
          data-testid="access-username"
          onChange={(event) => setUsername(event.target.value)}
        />
        <SelectField
          label={t('access.kind')}
          hint={t(`grantKindText.${kind}`)}
          value={kind}
          error={error('kind')}
          data-testid="access-kind"
          onChange={(event) => setKind(event.target.value as GrantKind)}
        >
          {KINDS.map((item) => (
            <option key={item} value={item}>
              {t(`grantKind.${item}`)}
            </option>
          ))}
        </SelectField>
        <TextField
          label={t('access.until')}
          type="date"
          value={day}
          min={dayAfter(0)}
          max={dayAfter(365)}
          error={dayError}
          data-testid="access-until"
          onChange={(event) => setDay(event.target.value)}
        />
        <Note>{t('access.never')}</Note>
        {give.error && <ErrorNote error={give.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            type="submit"
            tone="primary"
            busy={give.isPending}
            disabled={!username.trim()}
            data-testid="access-save"
          >
            {t('access.give')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
