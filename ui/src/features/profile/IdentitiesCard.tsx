import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useIdentities, useLeaveToLink, useOfferedProviders, useUnlink } from '../../api/queries/identities';
import type { LinkedIdentity } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { Empty, ErrorNote, Note, QueryView } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Missing, When } from '../../components/ui/value';

/** Sign-ins at providers that the person has linked, and the way to link another. */
export function IdentitiesCard() {
  const { t } = useTranslation();
  const query = useIdentities();
  const offered = useOfferedProviders();
  const leave = useLeaveToLink();
  const unlink = useUnlink();
  const [asked, setAsked] = useState<LinkedIdentity | null>(null);
  return (
    <Card title={t('identities.title')} testId="identities">
      <div className="space-y-4">
        <QueryView query={query} rows={1}>
          {(data) =>
            data.items.length === 0 ? (
              <Empty title={t('identities.none')}>
                {offered.data?.items.length === 0 ? t('identities.noneOffered') : t('identities.text')}
              </Empty>
            ) : (
              <DataTable
                label={t('identities.title')}
                rows={data.items}
                rowKey={(item) => item.id}
                rowTestId="identity-row"
                columns={[
                  {
                    id: 'provider',
                    header: t('identities.provider'),
                    lead: true,
                    cell: (item) => (
                      <>
                        <strong className="wrap-anywhere">{item.provider}</strong>
                        <span className="text-muted block text-xs wrap-anywhere">{item.label ?? item.subject}</span>
                      </>
                    ),
                  },
                  { id: 'since', header: t('identities.linkedAt'), cell: (item) => <When at={item.linked_at} long /> },
                  {
                    id: 'used',
                    header: t('profile.lastUsed'),
                    cell: (item) => (item.last_used_at ? <When at={item.last_used_at} long /> : <Missing />),
                  },
                  {
                    id: 'unlink',
                    header: t('common.actions'),
                    buttons: true,
                    cell: (item) => (
                      <Button
                        tone="quiet"
                        className="min-h-8 px-2 py-0"
                        data-testid="identity-unlink"
                        onClick={() => setAsked(item)}
                      >
                        {t('identities.unlink')}
                      </Button>
                    ),
                  },
                ]}
              />
            )
          }
        </QueryView>
        {offered.data && offered.data.items.length > 0 && (
          <div className="flex flex-wrap gap-2">
            {offered.data.items.map((provider) => (
              <Button
                key={provider.id}
                className="wrap-anywhere"
                busy={leave.isPending && leave.variables === provider.id}
                disabled={leave.isPending || leave.isSuccess}
                data-testid="identity-link"
                onClick={() => leave.mutate(provider.id)}
              >
                {t('identities.linkWith', { provider: provider.name })}
              </Button>
            ))}
          </div>
        )}
        {leave.error && <ErrorNote error={leave.error} />}
      </div>
      {asked && (
        <ConfirmDialog
          open
          onClose={() => setAsked(null)}
          title={t('identities.unlinkTitle', { provider: asked.provider })}
          confirmLabel={t('identities.unlink')}
          busy={unlink.isPending}
          error={unlink.error}
          testId="identity-unlink-dialog"
          onConfirm={() => unlink.mutate(asked.id, { onSuccess: () => setAsked(null) })}
        >
          <Note tone="warning">{t('identities.unlinkText')}</Note>
        </ConfirmDialog>
      )}
    </Card>
  );
}
