import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import {
  useAdminSettings,
  useChangeProvider,
  useRemoveProvider,
  useSavePublicAddress,
  useSignInProviders,
} from '../../api/queries/admin';
import type { AdminSettings, SignInProvider } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { Empty, ErrorNote, Note, QueryView } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { DataTable } from '../../components/ui/table';
import { useToast } from '../../components/ui/toast';
import { refusedFields } from '../../lib/forms';
import { ProviderDialog } from './ProviderDialog';

/** Providers that people can sign in with, and the address to which those send people back. */
export function ProvidersCard() {
  const { t } = useTranslation();
  const settings = useAdminSettings();
  const query = useSignInProviders();
  const change = useChangeProvider();
  const remove = useRemoveProvider();
  const [editing, setEditing] = useState<SignInProvider | 'new' | null>(null);
  const [removing, setRemoving] = useState<SignInProvider | null>(null);
  return (
    <Card
      title={t('providers.title')}
      testId="providers"
      actions={
        <Button tone="primary" onClick={() => setEditing('new')} data-testid="provider-add">
          {t('providers.add')}
        </Button>
      }
    >
      <div className="space-y-4">
        <p className="text-sm">{t('providers.text')}</p>
        <QueryView query={settings} rows={1}>
          {(data) => <PublicAddressForm key={data.public_url ?? ''} settings={data} />}
        </QueryView>
        <QueryView
          query={query}
          rows={1}
          isEmpty={(data) => data.items.length === 0}
          empty={<Empty title={t('providers.none')} />}
        >
          {(data) => (
            <DataTable
              label={t('providers.title')}
              rows={data.items}
              rowKey={(item) => item.id}
              rowTestId="provider-row"
              columns={[
                {
                  id: 'name',
                  header: t('providers.name'),
                  lead: true,
                  cell: (item) => (
                    <>
                      <strong className="wrap-anywhere">{item.name}</strong>{' '}
                      <Badge tone={item.enabled ? 'green' : 'grey'}>
                        {t(item.enabled ? 'common.on' : 'common.off')}
                      </Badge>
                    </>
                  ),
                },
                {
                  id: 'issuer',
                  header: t('providers.issuer'),
                  wide: true,
                  cell: (item) => <span className="wrap-anywhere">{item.issuer}</span>,
                },
                {
                  id: 'actions',
                  header: t('common.actions'),
                  buttons: true,
                  cell: (item) => (
                    <span className="inline-flex flex-wrap gap-1">
                      <Button
                        tone="quiet"
                        className="min-h-8 px-2 py-0"
                        busy={change.isPending && change.variables.id === item.id}
                        onClick={() => change.mutate({ id: item.id, enabled: !item.enabled })}
                      >
                        {t(item.enabled ? 'providers.turnOff' : 'providers.turnOn')}
                      </Button>
                      <Button
                        tone="quiet"
                        className="min-h-8 px-2 py-0"
                        data-testid="provider-edit"
                        onClick={() => setEditing(item)}
                      >
                        {t('providers.edit')}
                      </Button>
                      <Button tone="quiet" className="min-h-8 px-2 py-0" onClick={() => setRemoving(item)}>
                        {t('common.remove')}
                      </Button>
                    </span>
                  ),
                },
              ]}
            />
          )}
        </QueryView>
        {change.error && <ErrorNote error={change.error} />}
      </div>
      {editing && (
        <ProviderDialog provider={editing === 'new' ? undefined : editing} onClose={() => setEditing(null)} />
      )}
      {removing && (
        <ConfirmDialog
          open
          onClose={() => setRemoving(null)}
          title={t('providers.removeTitle', { provider: removing.name })}
          confirmLabel={t('common.remove')}
          busy={remove.isPending}
          error={remove.error}
          testId="provider-remove"
          onConfirm={() => remove.mutate(removing.id, { onSuccess: () => setRemoving(null) })}
        >
          <Note tone="warning">{t('providers.removeText')}</Note>
        </ConfirmDialog>
      )}
    </Card>
  );
}

function PublicAddressForm({ settings }: { settings: AdminSettings }) {
  const { t } = useTranslation();
  const toast = useToast();
  const save = useSavePublicAddress();
  const [address, setAddress] = useState(settings.public_url ?? '');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(
      { public_url: address.trim() || null },
      { onSuccess: () => toast({ text: t('providers.addressSaved'), tone: 'ok', testId: 'public-address-saved' }) },
    );
  };
  return (
    <form onSubmit={submit} noValidate className="space-y-2">
      <TextField
        label={t('providers.address')}
        hint={t('providers.addressHint')}
        placeholder="https://nas.example.com"
        value={address}
        inputMode="url"
        autoComplete="off"
        error={refusedFields(save.error, ['public_url'])[0]?.detail}
        data-testid="public-address"
        onChange={(event) => setAddress(event.target.value)}
      />
      {settings.redirect_uri && (
        <p className="text-sm">
          {t('providers.redirect')}{' '}
          <code className="wrap-anywhere" data-testid="redirect-uri">
            {settings.redirect_uri}
          </code>
        </p>
      )}
      {save.error && <ErrorNote error={save.error} />}
      <Button type="submit" busy={save.isPending} data-testid="public-address-save">
        {t('common.save')}
      </Button>
    </form>
  );
}
