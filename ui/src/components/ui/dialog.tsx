import { Dialog as Base } from '@base-ui/react/dialog';
import { type ReactNode, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { ErrorNote } from './feedback';

export function Dialog({
  open,
  onClose,
  title,
  children,
  footer,
  wide = false,
  testId,
}: {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  footer?: ReactNode;
  wide?: boolean;
  testId?: string;
}) {
  const { t } = useTranslation();
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-black/50" />
        <Base.Popup
          data-testid={testId}
          className={`bg-surface border-line fixed inset-x-0 bottom-0 z-50 mx-auto flex max-h-[92dvh] flex-col rounded-t-2xl border shadow-xl sm:inset-y-0 sm:my-auto sm:h-fit sm:rounded-2xl ${wide ? 'sm:max-w-3xl' : 'sm:max-w-lg'}`}
        >
          <div className="border-line flex items-center justify-between gap-2 border-b px-4 py-3">
            <Base.Title className="text-lg font-bold">{title}</Base.Title>
            <Base.Close
              aria-label={t('common.close')}
              className="hover:bg-sunken text-muted grid size-9 place-items-center rounded-lg text-xl"
            >
              ×
            </Base.Close>
          </div>
          <div className="space-y-4 overflow-y-auto px-4 py-4">{children}</div>
          {footer && <div className="border-line flex flex-wrap justify-end gap-2 border-t px-4 py-3">{footer}</div>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** Asks before something that cannot be taken back; with `word` the person types it first. */
export function ConfirmDialog({
  open,
  onClose,
  onConfirm,
  title,
  children,
  confirmLabel,
  closeLabel,
  word,
  busy = false,
  error,
  ready = true,
  tone = 'danger',
  testId,
}: {
  open: boolean;
  onClose: () => void;
  onConfirm: () => void;
  title: string;
  children?: ReactNode;
  confirmLabel: string;
  /** What leaves everything as it is; for questions that are about a cancel themselves. */
  closeLabel?: string;
  word?: string;
  busy?: boolean;
  error?: unknown;
  ready?: boolean;
  tone?: 'danger' | 'primary';
  testId?: string;
}) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState('');
  const id = useId();
  const matches = !word || typed.trim() === word;
  const close = () => {
    setTyped('');
    onClose();
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      title={title}
      testId={testId}
      footer={
        <>
          <Button onClick={close}>{closeLabel ?? t('common.cancel')}</Button>
          <Button
            tone={tone}
            busy={busy}
            disabled={!matches || !ready}
            data-testid={testId && `${testId}-confirm`}
            onClick={() => {
              setTyped('');
              onConfirm();
            }}
          >
            {confirmLabel}
          </Button>
        </>
      }
    >
      {children}
      {word && (
        <div>
          <label htmlFor={id} className="mb-1 block text-sm">
            {t('common.typeToConfirm', { word })}
          </label>
          <input
            id={id}
            value={typed}
            autoComplete="off"
            data-testid={testId && `${testId}-word`}
            onChange={(event) => setTyped(event.target.value)}
            className="border-line bg-surface min-h-10 w-full rounded-lg border px-3"
          />
        </div>
      )}
      {error !== undefined && error !== null && <ErrorNote error={error} />}
    </Dialog>
  );
}
