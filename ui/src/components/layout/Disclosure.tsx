import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { keyDisclosure } from '../../api/proof';
import { useAcceptDisclosure, useDisclosure } from '../../api/queries/disclosures';
import { useSession } from '../../api/session';
import type { DisclosureItem } from '../../api/types';
import { Button } from '../ui/button';
import { Card } from '../ui/card';
import { Dialog } from '../ui/dialog';
import { ErrorNote, Loading, Note } from '../ui/feedback';
import { CheckField } from '../ui/field';
import { When } from '../ui/value';

const POINTS = ['first', 'second', 'third'] as const;

/** The text itself. Each version has its own words, so that what was accepted can always be read again. */
export function DisclosureText({ name, version }: { name: DisclosureItem['name']; version: number }) {
  const { t } = useTranslation();
  return (
    <ul className="list-disc space-y-2 pl-5 text-sm">
      {POINTS.map((point) => (
        <li key={point}>{t(`disclosure.${name}_${version}.${point}`)}</li>
      ))}
    </ul>
  );
}

/** Shows a text and takes the acceptance of it. */
function Form({ item, onDone, onClose }: { item: DisclosureItem; onDone?: () => void; onClose?: () => void }) {
  const { t } = useTranslation();
  const accept = useAcceptDisclosure();
  const [read, setRead] = useState(false);
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        accept.mutate(item, { onSuccess: onDone });
      }}
    >
      <DisclosureText name={item.name} version={item.version} />
      <p className="text-muted text-xs">{t('disclosure.version', { version: item.version, dated: item.dated })}</p>
      <CheckField
        label={t('disclosure.agree')}
        checked={read}
        data-testid={`disclosure-${item.name}-read`}
        onChange={(event) => setRead(event.target.checked)}
      />
      {accept.error && <ErrorNote error={accept.error} />}
      <div className="flex justify-end gap-2">
        {onClose && <Button onClick={onClose}>{t('common.cancel')}</Button>}
        <Button
          type="submit"
          tone="primary"
          disabled={!read}
          busy={accept.isPending}
          data-testid={`disclosure-${item.name}-accept`}
        >
          {t('disclosure.accept')}
        </Button>
      </div>
    </form>
  );
}

/** On a page: the text until it is accepted; afterwards it stays to be read where `keep` says so. */
export function DisclosureCard({ name, keep = false }: { name: DisclosureItem['name']; keep?: boolean }) {
  const { t } = useTranslation();
  const { item, error } = useDisclosure(name);
  if (error) return <ErrorNote error={error} />;
  if (!item || (item.accepted_at && !keep)) return null;
  return (
    <Card title={t(`disclosure.${name}_${item.version}.title`)} testId={`disclosure-${name}`}>
      {item.accepted_at ? (
        <>
          <DisclosureText name={name} version={item.version} />
          <p className="text-muted mt-3 text-xs">
            {t('disclosure.version', { version: item.version, dated: item.dated })} {t('disclosure.acceptedAt')}{' '}
            <When at={item.accepted_at} long />
          </p>
        </>
      ) : (
        <Form item={item} />
      )}
    </Card>
  );
}

/** Comes up when a broker key is to be kept and its text was not accepted yet. */
export function DisclosureDialog() {
  const { t } = useTranslation();
  const { item, error } = useDisclosure('broker_key');
  const answer = useRef<((accepted: boolean) => void) | null>(null);
  const [open, setOpen] = useState(false);
  useEffect(
    () =>
      keyDisclosure.askWith(
        () =>
          new Promise<boolean>((resolve) => {
            answer.current = resolve;
            setOpen(true);
          }),
      ),
    [],
  );
  const end = (accepted: boolean) => {
    setOpen(false);
    answer.current?.(accepted);
    answer.current = null;
  };
  return (
    <Dialog
      open={open}
      onClose={() => end(false)}
      title={t(`disclosure.broker_key_${item?.version ?? 1}.title`)}
      testId="disclosure-dialog"
    >
      {error && <ErrorNote error={error} />}
      {!item && !error && <Loading />}
      {item && <Form item={item} onDone={() => end(true)} onClose={() => end(false)} />}
    </Dialog>
  );
}

/** Reminds an administrator of the text that is still to be read. */
export function AdministrationReminder() {
  const { t } = useTranslation();
  const { user } = useSession();
  const { item } = useDisclosure('administration');
  if (user?.role !== 'admin' || !item || item.accepted_at) return null;
  return (
    <div className="mb-4">
      <Note tone="warning" testId="administration-reminder">
        {t('disclosure.remind')}{' '}
        <Link to="/admin" className="font-semibold underline">
          {t('disclosure.read')}
        </Link>
      </Note>
    </div>
  );
}
