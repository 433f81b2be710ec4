import { useTranslation } from 'react-i18next';
import type { BrokerHost } from '../../api/types';
import { Card } from '../../components/ui/card';

const ITEMS = {
  mock: ['api', 'mock', 'hts'],
  live: ['api', 'overseas', 'leveraged', 'margin', 'hts'],
} as const;

/** What only the broker's own app or site can settle: nothing here can do it for the owner. */
export function AtBrokerList({ environment }: { environment: BrokerHost }) {
  const { t } = useTranslation();
  return (
    <Card title={t('atBroker.title')} testId="at-broker">
      <p className="text-muted mb-2 text-sm">{t('atBroker.text')}</p>
      <ul className="list-disc space-y-2 pl-5 text-sm">
        {ITEMS[environment].map((item) => (
          <li key={item}>
            <strong>{t(`atBroker.${item}`)}</strong>
            <span className="text-muted block">{t(`atBroker.${item}Text`)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
