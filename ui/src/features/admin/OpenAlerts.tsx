import { useTranslation } from 'react-i18next';
import type { Episode } from '../../api/types';
import { Card } from '../../components/ui/card';
import { useExpiryName } from '../../components/ui/expiries';
import { Note } from '../../components/ui/feedback';
import { When } from '../../components/ui/value';
import { bytes } from '../../lib/format';

/** What administrators were told of and that goes on. */
export function OpenAlerts({ alerts }: { alerts: Episode[] }) {
  const { t } = useTranslation();
  const text = useAlertText();
  return (
    <Card title={t('watch.title')} testId="system-alerts">
      {alerts.length === 0 ? (
        <p className="text-muted text-sm">{t('watch.none')}</p>
      ) : (
        <ul className="space-y-2">
          {alerts.map((episode) => (
            <li key={`${episode.since} ${text(episode.alert)}`}>
              <Note tone="warning" testId="open-alert">
                {text(episode.alert)}
                <span className="text-muted block text-xs">
                  {t('watch.since')} <When at={episode.since} long />
                </span>
              </Note>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function useAlertText(): (alert: Episode['alert']) => string {
  const { t } = useTranslation();
  const expiring = useExpiryName();
  return (alert) => {
    switch (alert.kind) {
      case 'disk_low':
        return t('watch.kind.disk_low', { free: bytes(alert.free_bytes) });
      case 'slots_lost':
        return t('watch.kind.slots_lost', { session: alert.session, slots: alert.slots });
      case 'host_down':
        return t('watch.kind.host_down', { host: t(`hostName.${alert.host}`) });
      case 'clock_off':
        return t('watch.kind.clock_off', { seconds: (Math.abs(alert.ahead_ms) / 1000).toFixed(1) });
      case 'expires':
        return t('watch.kind.expires', { what: expiring(alert.expiring), on: alert.on });
      default:
        return t(`watch.kind.${alert.kind}`);
    }
  };
}
