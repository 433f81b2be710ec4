import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError, VAGUE } from '../../api/errors';
import { useLimitText } from '../../lib/limitText';
import { useLocale } from '../../lib/locale';
import { clock, KST } from '../../lib/time';
import { Button } from './button';

/** The sentence for an error: translated by code, otherwise the server's own words. */
export function useErrorText(): (error: unknown) => { text: string; detail: string | null } {
  const { t, i18n } = useTranslation();
  return (error) => {
    if (!(error instanceof ApiError)) return { text: t('errors.unexpected'), detail: String(error) };
    const key = `errors.${error.code}`;
    const detail = error.status === 0 ? null : (error.problem.detail ?? null);
    if (i18n.exists(key)) return { text: t(key), detail };
    return { text: detail ?? t('errors.http', { status: error.status }), detail: null };
  };
}

export function ErrorNote({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const { text, detail } = useErrorText()(error);
  const fieldText = useFieldText();
  const limitText = useLimitText();
  const problem = error instanceof ApiError ? error.problem : null;
  const listed = (problem?.errors?.length ?? 0) > 0;
  return (
    <div
      role="alert"
      data-testid="error-note"
      className="border-danger bg-danger-bg rounded-lg border px-3 py-2 text-sm"
    >
      <p className="font-semibold">{text}</p>
      {problem?.broker_message ? (
        <p className="mt-0.5">
          {problem.broker_message} {problem.broker_code && <code>({problem.broker_code})</code>}
        </p>
      ) : problem?.limit ? (
        <p className="mt-0.5">{limitText(problem.limit)}</p>
      ) : (
        // What is listed below says the same, field by field.
        detail &&
        !problem?.errors?.some((item) => detail.includes(item.detail) || fieldText(item) === text) && (
          <Foreign text={detail} open={problem !== null && !listed && VAGUE.has(problem.code ?? '')} />
        )
      )}
      {problem?.errors && problem.errors.length > 0 && (
        <ul className="mt-1 list-disc pl-5">
          {problem.errors.map((item) => (
            <li key={`${item.pointer} ${item.code}`}>{fieldText(item)}</li>
          ))}
        </ul>
      )}
      {problem?.trace_id && problem.status >= 500 && (
        <p className="text-muted mt-1 text-xs">{t('errors.trace', { id: problem.trace_id })}</p>
      )}
      {retry && (
        <Button className="mt-2" onClick={retry}>
          {t('common.retry')}
        </Button>
      )}
    </div>
  );
}

const HANGUL = /[가-힣]/;

/** Words of the server or the broker. In Korean, English ones are folded away unless they are all there is to say. */
export function Foreign({ text, open = false }: { text: string | null | undefined; open?: boolean }) {
  const { t } = useTranslation();
  const locale = useLocale();
  if (!text) return null;
  if (locale === 'en' || HANGUL.test(text)) return <p className="mt-0.5">{text}</p>;
  return (
    <details className="text-muted mt-0.5 text-xs" open={open}>
      <summary>{t('common.inEnglish')}</summary>
      <span lang="en">{text}</span>
    </details>
  );
}

/** What is wrong with one field, by its code where that has a sentence. */
export function useFieldText(): (item: { code: string; detail: string; values?: Record<string, string> }) => string {
  const { t, i18n } = useTranslation();
  return ({ code, detail, values = {} }) => {
    if (!i18n.exists(`fieldError.${code}`)) return detail;
    const named = (field: string | undefined) =>
      field && i18n.exists(`schedule.${field}`) ? t(`schedule.${field}`) : field;
    return t(`fieldError.${code}`, { ...values, field: named(values.field), before: named(values.before) });
  };
}

export function Loading({ rows = 3 }: { rows?: number }) {
  const { t } = useTranslation();
  return (
    <div role="status" className="space-y-3">
      <span className="sr-only">{t('common.loading')}</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} aria-hidden="true" className="bg-sunken h-16 animate-pulse rounded-xl" />
      ))}
    </div>
  );
}

/** Says that there is nothing, and what to do. With `page` it stands alone, and its title is the page's. */
export function Empty({
  title,
  children,
  action,
  page = false,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  page?: boolean;
}) {
  const Title = page ? 'h1' : 'p';
  return (
    <div className="border-line rounded-xl border border-dashed px-4 py-8 text-center">
      <Title className="font-semibold">{title}</Title>
      {children && <div className="text-muted mt-1 text-sm">{children}</div>}
      {action && <div className="mt-4 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}

export function Note({
  tone = 'info',
  children,
  testId,
}: {
  tone?: 'info' | 'warning' | 'error' | 'ok';
  children: ReactNode;
  testId?: string;
}) {
  const look = {
    info: 'border-line bg-sunken',
    warning: 'border-warn bg-warn-bg',
    error: 'border-danger bg-danger-bg',
    ok: 'border-ok bg-sunken',
  }[tone];
  return (
    <div
      role={tone === 'error' ? 'alert' : 'note'}
      data-testid={testId}
      className={`rounded-lg border px-3 py-2 text-sm ${look}`}
    >
      {children}
    </div>
  );
}

type Readable<T> = Pick<
  UseQueryResult<T>,
  'data' | 'error' | 'isPending' | 'isFetching' | 'dataUpdatedAt' | 'fetchStatus'
> & { refetch: () => unknown };

/** Loading, failed, stale, empty and filled states of one query. */
export function QueryView<T>({
  query,
  children,
  isEmpty,
  empty,
  rows,
}: {
  query: Readable<T>;
  children: (data: T) => ReactNode;
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  rows?: number;
}) {
  const { t } = useTranslation();
  const { data, error } = query;
  if (data === undefined) {
    if (error) return <ErrorNote error={error} retry={() => query.refetch()} />;
    return <Loading rows={rows} />;
  }
  return (
    <>
      {(error || query.fetchStatus === 'paused') && (
        <div data-testid="stale-note" className="mb-3">
          <Note tone="warning">
            {t('common.stale', { time: clock(query.dataUpdatedAt, KST, true) })}{' '}
            <button type="button" className="font-semibold underline" onClick={() => query.refetch()}>
              {t('common.retry')}
            </button>
          </Note>
        </div>
      )}
      {isEmpty?.(data) ? empty : children(data)}
    </>
  );
}
