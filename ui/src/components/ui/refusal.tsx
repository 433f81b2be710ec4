import { useTranslation } from 'react-i18next';
import type { Reason } from '../../api/types';
import type { Currency } from '../../lib/format';
import { useLimitText } from '../../lib/limitText';
import { Foreign } from './feedback';

/** A refusal in the reader's language, with the limit that was hit or else the server's own words. */
export function Refusal({ reason, currency }: { reason: Reason; currency?: Currency }) {
  const { t, i18n } = useTranslation();
  const limitText = useLimitText();
  const key = `errors.${reason.code}`;
  const known = i18n.exists(key);
  return (
    <>
      <p className="font-semibold">{known ? t(key) : reason.message}</p>
      {reason.limit ? <p>{limitText(reason.limit, currency)}</p> : known && <Foreign text={reason.message} />}
    </>
  );
}
