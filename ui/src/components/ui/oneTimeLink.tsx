import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { encode } from 'uqr';
import { Button } from './button';
import { TextField } from './field';

/** Where a page of this server lies for somebody else, whatever path a reverse proxy gave it. */
export const pageLink = (page: string, query: Record<string, string>) =>
  `${location.origin}${location.pathname}#/${page}?${new URLSearchParams(query)}`;

/** A text that is shown once, to be copied. */
export function OneTimeText({ label, text, testId }: { label: string; text: string; testId: string }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const copy = async () => {
    field.current?.select();
    // Without TLS, as in a home network, browsers offer only the older way.
    const done = await (navigator.clipboard?.writeText(text).then(() => true) ?? document.execCommand('copy'));
    setCopied(done);
  };
  return (
    <div className="flex items-end gap-2">
      <TextField
        ref={field}
        label={label}
        className="min-w-0 flex-1"
        value={text}
        readOnly
        autoComplete="off"
        data-testid={testId}
        onFocus={(event) => event.target.select()}
      />
      <Button onClick={() => void copy().catch(() => undefined)} data-testid="link-copy">
        <span role="status">{t(copied ? 'link.copied' : 'link.copy')}</span>
      </Button>
    </div>
  );
}

/** A link that is shown once: to copy, or to scan with a phone. */
export function OneTimeLink({ label, link }: { label: string; link: string }) {
  const { t } = useTranslation();
  return (
    <div className="space-y-3">
      <OneTimeText label={label} text={link} testId="one-time-link" />
      <QrCode text={link} label={t('link.qr')} />
    </div>
  );
}

function QrCode({ text, label }: { text: string; label: string }) {
  const { data, size } = encode(text, { ecc: 'M', border: 4 });
  const dots = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : [])));
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${size} ${size}`}
      shapeRendering="crispEdges"
      className="mx-auto block w-full max-w-56 rounded-lg bg-white"
    >
      <path d={dots.join('')} fill="black" />
    </svg>
  );
}
