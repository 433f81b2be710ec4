import { useTranslation } from 'react-i18next';
import { useDropMetricsToken, useMakeMetricsToken, useMetricsToken } from '../../api/queries/observation';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Note, QueryView } from '../../components/ui/feedback';
import { OneTimeText } from '../../components/ui/oneTimeLink';
import { When } from '../../components/ui/value';

/** Figures for Prometheus, and the dashboard that shows them. */
export function MetricsCard() {
  const { t } = useTranslation();
  const query = useMetricsToken();
  const make = useMakeMetricsToken();
  const drop = useDropMetricsToken();
  return (
    <Card title={t('metrics.title')} testId="metrics-card">
      <p className="text-muted mb-3 text-sm">{t('metrics.text')}</p>
      <QueryView query={query} rows={1}>
        {(data) => (
          <div className="space-y-3">
            <p>
              <Badge tone={data.enabled ? 'green' : 'grey'} testId="metrics-state">
                {t(data.enabled ? 'metrics.on' : 'metrics.off')}
              </Badge>{' '}
              {data.made_at && (
                <span className="text-muted text-sm">
                  {t('metrics.madeAt')} <When at={data.made_at} long />
                </span>
              )}
            </p>
            {make.data && data.enabled && (
              <>
                <Note tone="warning">{t('link.once')}</Note>
                <OneTimeText label={t('metrics.token')} text={make.data.token} testId="metrics-token" />
              </>
            )}
            {(make.error || drop.error) && <ErrorNote error={make.error ?? drop.error} />}
            <div className="flex flex-wrap gap-2">
              <Button busy={make.isPending} onClick={() => make.mutate(undefined)} data-testid="metrics-make">
                {t(data.enabled ? 'metrics.renew' : 'metrics.make')}
              </Button>
              {data.enabled && (
                <Button busy={drop.isPending} onClick={() => drop.mutate(undefined)} data-testid="metrics-drop">
                  {t('metrics.drop')}
                </Button>
              )}
              <a
                href="grafana-dashboard.json"
                download="eggmoney-grafana.json"
                className="border-line bg-surface hover:bg-sunken inline-flex min-h-10 items-center rounded-lg border px-4 py-2 text-sm font-semibold"
              >
                {t('metrics.dashboard')}
              </a>
            </div>
          </div>
        )}
      </QueryView>
    </Card>
  );
}
