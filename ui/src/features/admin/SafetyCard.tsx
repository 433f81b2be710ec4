import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAllowLive, useLiveTrading } from '../../api/queries/admin';
import { useKillSwitch } from '../../api/queries/safety';
import { SwitchRow } from '../../components/layout/KillSwitch';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog } from '../../components/ui/dialog';
import { ErrorNote, Note, QueryView } from '../../components/ui/feedback';

/** What holds for everybody on this server: the kill switch and whether real money may be traded. */
export function SafetyCard() {
  const { t } = useTranslation();
  const state = useKillSwitch();
  return (
    <Card title={t('admin.safety')}>
      <div className="space-y-4">
        <QueryView query={state} rows={1}>
          {(data) => (
            <div>
              <SwitchRow
                scope="installation"
                label={t('admin.killSwitch')}
                since={data.installation}
                testId="kill-installation"
              />
              <p className="text-muted mt-1 text-xs">{t('admin.killSwitchText')}</p>
            </div>
          )}
        </QueryView>
        <LiveTrading />
      </div>
    </Card>
  );
}

function LiveTrading() {
  const { t } = useTranslation();
  const query = useLiveTrading();
  const allow = useAllowLive();
  const [asking, setAsking] = useState(false);
  return (
    <QueryView query={query} rows={1}>
      {({ allowed }) => (
        <section aria-label={t('admin.live')} className="border-line rounded-xl border p-3" data-testid="live-trading">
          <div className="flex flex-wrap items-center justify-between gap-2">
            <p>
              <strong>{t('admin.live')}</strong>{' '}
              <Badge tone={allowed ? 'red' : 'grey'}>{t(allowed ? 'admin.liveOn' : 'admin.liveOff')}</Badge>
            </p>
            {allowed ? (
              <Button busy={allow.isPending} onClick={() => allow.mutate({ allowed: false })} data-testid="live-forbid">
                {t('admin.liveForbid')}
              </Button>
            ) : (
              <Button tone="danger" onClick={() => setAsking(true)} data-testid="live-allow">
                {t('admin.liveAllow')}
              </Button>
            )}
          </div>
          <p className="text-muted mt-1 text-xs">{t('admin.liveText')}</p>
          {allow.error && !asking && <ErrorNote error={allow.error} />}
          {asking && (
            <ConfirmDialog
              open
              onClose={() => setAsking(false)}
              title={t('admin.liveAllow')}
              confirmLabel={t('admin.liveAllow')}
              busy={allow.isPending}
              error={allow.error}
              testId="live-allow-dialog"
              onConfirm={() => allow.mutate({ allowed: true }, { onSuccess: () => setAsking(false) })}
            >
              <Note tone="error">{t('admin.liveConfirm')}</Note>
            </ConfirmDialog>
          )}
        </section>
      )}
    </QueryView>
  );
}
