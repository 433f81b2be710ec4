import { useTranslation } from 'react-i18next';
import type { Environment } from '../../api/types';
import { EnvironmentBadge } from './badge';
import { Note } from './feedback';

/** Says in words where an order goes and whether it costs real money. Live is red. */
export function EnvironmentNote({ environment }: { environment: Environment }) {
  const { t } = useTranslation();
  return (
    <Note tone={environment === 'live' ? 'error' : 'warning'} testId={`environment-${environment}`}>
      <span className="mr-2 inline-block">
        <EnvironmentBadge environment={environment} />
      </span>
      <strong className={environment === 'live' ? 'text-danger' : ''}>{t(`environmentText.${environment}`)}</strong>
    </Note>
  );
}
