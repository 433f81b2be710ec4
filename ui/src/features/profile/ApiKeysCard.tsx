import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApiKeys, useCreateApiKey, useRevokeApiKey } from '../../api/queries/auth';
import type { ApiKeyItem, NewKey, Role, Scope } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog, Dialog } from '../../components/ui/dialog';
import { Empty, ErrorNote, Note, QueryView } from '../../components/ui/feedback';
import { SelectField, TextAreaField, TextField } from '../../components/ui/field';
import { OneTimeText } from '../../components/ui/oneTimeLink';
import { DataTable } from '../../components/ui/table';
import { Missing, When } from '../../components/ui/value';
import { refusedFields } from '../../lib/forms';

const SCOPES = ['read', 'paper', 'trade'] as const satisfies readonly Scope[];
/** Days that a key lives; `0` = until it is revoked. */
const LIVES = ['30', '90', '365', '0'] as const;
const DAY = 86_400_000;

/** Keys with which programs speak for the person: making, seeing when they were used, revoking. */
export function ApiKeysCard({ of: role }: { of?: Role }) {
  const { t } = useTranslation();
  const query = useApiKeys();
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<ApiKeyItem | null>(null);
  const revoke = useRevokeApiKey();
  return (
    <Card
      title={t('apiKeys.title')}
      testId="api-keys"
      actions={
        <Button tone="primary" onClick={() => setMaking(true)} data-testid="api-key-new">
          {t('apiKeys.make')}
        </Button>
      }
    >
      <QueryView query={query} rows={1}>
        {(data) => (
          <div className="space-y-3">
            <p className="text-sm" data-testid="api-calls">
              {data.calls_limit === null
                ? t('apiKeys.calls', { made: data.calls_today })
                : t('apiKeys.callsOf', { made: data.calls_today, limit: data.calls_limit })}
            </p>
            {data.items.length === 0 ? (
              <Empty title={t('apiKeys.none')} />
            ) : (
              <KeyTable keys={data.items} onRevoke={setEnding} />
            )}
          </div>
        )}
      </QueryView>
      {making && <KeyDialog of={role} onClose={() => setMaking(false)} />}
      <ConfirmDialog
        open={ending !== null}
        onClose={() => setEnding(null)}
        onConfirm={() => ending && revoke.mutate(ending.id, { onSuccess: () => setEnding(null) })}
        title={t('apiKeys.revoke')}
        confirmLabel={t('apiKeys.revoke')}
        busy={revoke.isPending}
        error={revoke.error}
        testId="api-key-revoke-dialog"
      >
        <p className="text-sm wrap-anywhere">{t('apiKeys.revokeText', { name: ending?.name ?? '' })}</p>
      </ConfirmDialog>
    </Card>
  );
}

function KeyTable({ keys, onRevoke }: { keys: ApiKeyItem[]; onRevoke: (key: ApiKeyItem) => void }) {
  const { t } = useTranslation();
  const over = (key: ApiKeyItem) => key.expires_at !== null && Date.parse(key.expires_at) <= Date.now();
  return (
    <DataTable
      label={t('apiKeys.title')}
      rows={keys}
      rowKey={(key) => key.id}
      rowTestId="api-key-row"
      columns={[
        {
          id: 'name',
          header: t('apiKeys.name'),
          lead: true,
          cell: (key) => (
            <>
              <span className="wrap-anywhere">{key.name}</span>{' '}
              <code className="text-muted text-xs">{`${key.key.slice(0, 12)}…`}</code>{' '}
              {key.revoked_at ? (
                <Badge tone="grey">{t('apiKeys.revoked')}</Badge>
              ) : (
                over(key) && <Badge tone="grey">{t('apiKeys.expired')}</Badge>
              )}
            </>
          ),
        },
        { id: 'scope', header: t('apiKeys.scope'), cell: (key) => t(`scope.${key.scope}`) },
        {
          id: 'networks',
          header: t('apiKeys.networks'),
          cell: (key) =>
            key.networks.length === 0 ? (
              t('apiKeys.anywhere')
            ) : (
              <span className="wrap-anywhere">{key.networks.join(', ')}</span>
            ),
        },
        {
          id: 'expires',
          header: t('apiKeys.expires'),
          cell: (key) => (key.expires_at ? <When at={key.expires_at} long /> : t('apiKeys.never')),
        },
        {
          id: 'used',
          header: t('profile.lastUsed'),
          cell: (key) =>
            key.last_used_at ? (
              <>
                <When at={key.last_used_at} long /> <span className="text-muted text-xs">{key.last_used_from}</span>
              </>
            ) : (
              <Missing />
            ),
        },
        {
          id: 'revoke',
          header: t('common.actions'),
          buttons: true,
          cell: (key) =>
            !key.revoked_at && (
              <Button
                tone="quiet"
                className="min-h-8 px-2 py-0"
                data-testid="api-key-revoke"
                onClick={() => onRevoke(key)}
              >
                {t('apiKeys.revoke')}
              </Button>
            ),
        },
      ]}
    />
  );
}

function KeyDialog({ of: role, onClose }: { of?: Role; onClose: () => void }) {
  const { t } = useTranslation();
  const create = useCreateApiKey();
  const [name, setName] = useState('');
  const [scope, setScope] = useState<Scope>('read');
  const [life, setLife] = useState<(typeof LIVES)[number]>('90');
  const [networks, setNetworks] = useState('');
  const fault = (field: string) => refusedFields(create.error, [field])[0]?.detail;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate({
      name: name.trim(),
      scope,
      expires_at: life === '0' ? null : new Date(Date.now() + Number(life) * DAY).toISOString(),
      networks: networks.split(/[\s,]+/).filter((text) => text !== ''),
    });
  };
  return (
    <Dialog open onClose={onClose} title={t('apiKeys.make')} testId="api-key-dialog">
      {create.data ? (
        <Made made={create.data} onClose={onClose} />
      ) : (
        <form onSubmit={submit} noValidate className="space-y-4">
          <TextField
            label={t('apiKeys.name')}
            hint={t('apiKeys.nameHint')}
            value={name}
            maxLength={60}
            autoComplete="off"
            error={fault('name')}
            data-testid="api-key-name"
            onChange={(event) => setName(event.target.value)}
          />
          <SelectField
            label={t('apiKeys.scope')}
            hint={t(`scopeText.${scope}`)}
            value={scope}
            data-testid="api-key-scope"
            onChange={(event) => setScope(SCOPES.find((known) => known === event.target.value) ?? 'read')}
          >
            {SCOPES.filter((known) => known === 'read' || role !== 'viewer').map((known) => (
              <option key={known} value={known}>
                {t(`scope.${known}`)}
              </option>
            ))}
          </SelectField>
          <SelectField
            label={t('apiKeys.expires')}
            value={life}
            data-testid="api-key-life"
            onChange={(event) => setLife(LIVES.find((known) => known === event.target.value) ?? '90')}
          >
            {LIVES.map((days) => (
              <option key={days} value={days}>
                {days === '0' ? t('apiKeys.never') : t('apiKeys.days', { days })}
              </option>
            ))}
          </SelectField>
          <TextAreaField
            label={t('apiKeys.networks')}
            hint={t('apiKeys.networksHint')}
            value={networks}
            autoComplete="off"
            spellCheck={false}
            error={refusedFields(create.error, ['networks'])[0]?.detail}
            data-testid="api-key-networks"
            onChange={(event) => setNetworks(event.target.value)}
          />
          {create.error && <ErrorNote error={create.error} />}
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>{t('common.cancel')}</Button>
            <Button
              type="submit"
              tone="primary"
              busy={create.isPending}
              disabled={name.trim() === ''}
              data-testid="api-key-submit"
            >
              {t('apiKeys.make')}
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

function Made({ made, onClose }: { made: NewKey; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Note tone="warning">{t('apiKeys.once')}</Note>
      <OneTimeText label={t('apiKeys.key')} text={made.key} testId="api-key-text" />
      <p className="text-muted text-sm">{t('apiKeys.how')}</p>
      <div className="flex justify-end">
        <Button tone="primary" data-testid="api-key-kept" onClick={onClose}>
          {t('apiKeys.kept')}
        </Button>
      </div>
    </>
  );
}
