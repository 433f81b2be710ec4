import { useTranslation } from 'react-i18next';
import type { Difference } from '../../api/types';
import { Price, Shares } from '../../components/ui/value';
import { currencyOf } from '../../lib/format';

/** Both sides in one line. */
export function Sides({ difference }: { difference: Difference }) {
  const { t } = useTranslation();
  const currency = currencyOf(difference.market);
  return (
    <>
      {t('difference.ours')} <Shares value={difference.ours} unit /> · {t('difference.brokers')}{' '}
      <Shares value={difference.brokers} unit />
      {difference.price && (
        <>
          {' '}
          · <Price value={difference.price.before} currency={currency} /> →{' '}
          <Price value={difference.price.now} currency={currency} />
        </>
      )}
    </>
  );
}
