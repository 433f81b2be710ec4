import { useTranslation } from 'react-i18next';
import type { BrokerCheck } from '../../api/types';
import { Foreign } from '../../components/ui/feedback';
import { Money, Price } from '../../components/ui/value';

type Check = BrokerCheck['checks'][number];

/** What a connection test tried, part by part. */
export function CheckList({ result }: { result: BrokerCheck }) {
  const { t } = useTranslation();
  return (
    <ul className="mt-3 space-y-1 text-sm" data-testid="broker-key-checks" data-ok={result.ok}>
      {result.checks.map((check) => (
        <li key={check.name} className="flex gap-2">
          <span aria-hidden="true" className={check.ok ? 'text-ok' : 'text-danger'}>
            {check.ok ? '✓' : '✕'}
          </span>
          <span className="min-w-0">
            <strong>{t(`check.${check.name}`)}</strong>{' '}
            <span className="sr-only">{t(check.ok ? 'check.ok' : 'check.failed')}</span> <CheckText check={check} />
          </span>
        </li>
      ))}
    </ul>
  );
}

/** What a part of the connection test found, or why it failed. */
function CheckText({ check }: { check: Check }) {
  const { t } = useTranslation();
  if (!check.ok) {
    return (
      <span data-testid={`check-${check.code}`}>
        {t(`errors.${check.code}`)} {check.broker_code && <code>({check.broker_code})</code>}
        <Foreign text={check.detail} />
      </span>
    );
  }
  if (check.symbol) {
    return (
      <>
        {check.symbol} <Price value={check.value} />
      </>
    );
  }
  if (check.value === null) return null;
  return (
    <>
      <Money value={check.value} currency={check.name === 'balance_krw' ? 'KRW' : 'USD'} />
      {check.basis && <span className="text-muted"> · {t(`powerBasis.${check.basis}`)}</span>}
    </>
  );
}
