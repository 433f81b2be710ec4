import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type LogFilter, useLog } from '../../api/queries/observation';
import { useSession } from '../../api/session';
import type { LogLine } from '../../api/types';
import { Badge, type BadgeTone } from '../../components/ui/badge';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { Empty, ErrorNote, Loading } from '../../components/ui/feedback';
import { SelectField, TextField } from '../../components/ui/field';
import { When } from '../../components/ui/value';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const TONES: Record<string, BadgeTone> = { error: 'red', warn: 'amber', info: 'green' };
const NOTHING: LogFilter = { level: '', target: '', text: '', from: '', until: '' };

/** A time as the browser's field gives it, in the reader's own zone. */
const instant = (local: string) => (local ? new Date(local).toISOString() : '');

/** The server's log, newest first. */
export function LogsPage() {
  const { t } = useTranslation();
  const { user } = useSession();
  return user?.role === 'admin' ? <LogView /> : <Empty title={t('errors.forbidden')} page />;
}

export function LogView() {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(NOTHING);
  const [asked, setAsked] = useState(NOTHING);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsked({
      ...typed,
      target: typed.target.trim(),
      text: typed.text.trim(),
      from: instant(typed.from),
      until: instant(typed.until),
    });
  };
  const field = (name: keyof LogFilter) => ({
    value: typed[name],
    'data-testid': `log-${name}`,
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  });
  return (
    <>
      <PageHead title={t('logs.title')} sub={t('logs.sub')}>
        <ButtonLink to="/admin/system">{t('system.title')}</ButtonLink>
      </PageHead>
      <Card className="mb-4">
        <form onSubmit={submit} className="grid gap-3 sm:grid-cols-2 lg:grid-cols-5">
          <SelectField label={t('logs.level')} {...field('level')}>
            <option value="">{t('logs.all')}</option>
            {LEVELS.map((level) => (
              <option key={level} value={level}>
                {t(`logs.from.${level}`)}
              </option>
            ))}
          </SelectField>
          <TextField label={t('logs.text')} autoComplete="off" {...field('text')} />
          <TextField label={t('logs.target')} autoComplete="off" autoCapitalize="none" {...field('target')} />
          <TextField label={t('logs.since')} type="datetime-local" {...field('from')} />
          <TextField label={t('logs.until')} type="datetime-local" {...field('until')} />
          <div className="flex flex-wrap gap-2 sm:col-span-2 lg:col-span-5">
            <Button type="submit" tone="primary" data-testid="log-search">
              {t('logs.search')}
            </Button>
            <Button
              onClick={() => {
                setTyped(NOTHING);
                setAsked(NOTHING);
              }}
            >
              {t('logs.clear')}
            </Button>
          </div>
        </form>
      </Card>
      <Lines filter={asked} />
    </>
  );
}

function Lines({ filter }: { filter: LogFilter }) {
  const { t } = useTranslation();
  const query = useLog(filter);
  if (query.isPending) return <Loading rows={5} />;
  if (!query.data) return <ErrorNote error={query.error} retry={() => query.refetch()} />;
  const lines = query.data.pages.flatMap((page) => page.items);
  const reached = query.data.pages.at(-1)?.searched_to;
  return (
    <Card
      title={t('logs.lines', { count: lines.length })}
      actions={
        <Button busy={query.isRefetching} onClick={() => query.refetch()} data-testid="log-refresh">
          {t('logs.refresh')}
        </Button>
      }
    >
      {lines.length === 0 && <Empty title={t('logs.none')} />}
      <ol className="divide-line divide-y" data-testid="log-lines">
        {lines.map((line, index) => (
          <Line key={`${line.at} ${index}`} line={line} />
        ))}
      </ol>
      {query.error && <ErrorNote error={query.error} />}
      {query.hasNextPage && (
        <div className="mt-3 flex flex-wrap items-center gap-3">
          <Button busy={query.isFetchingNextPage} onClick={() => query.fetchNextPage()} data-testid="log-older">
            {t('logs.older')}
          </Button>
          <span className="text-muted text-xs">
            {t('logs.searched')} <When at={reached} long />
          </span>
        </div>
      )}
    </Card>
  );
}

function Line({ line }: { line: LogLine }) {
  const { t } = useTranslation();
  const fields = Object.entries(line.fields);
  return (
    <li className="py-2 text-sm" data-testid="log-line">
      <div className="flex flex-wrap items-center gap-2">
        <Badge tone={TONES[line.level] ?? 'grey'}>{t(`logs.levelName.${line.level}`)}</Badge>
        <When at={line.at} long />
        <code lang="en" className="text-muted wrap-anywhere text-xs">
          {line.target}
        </code>
      </div>
      <code lang="en" className="mt-1 block text-xs wrap-anywhere whitespace-pre-wrap">
        {line.message}
        {fields.map(([name, value]) => (
          <span key={name} className="block">
            <span className="text-muted">{name}=</span>
            {value}
          </span>
        ))}
      </code>
    </li>
  );
}
