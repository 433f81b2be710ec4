import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { AuditItem, AuditPage } from '../../api/types';
import { Button } from './button';
import { Card } from './card';
import { Empty, QueryView } from './feedback';
import { DataTable } from './table';
import { Missing, When } from './value';

/** Audited acts in words; `about` names the user whom an act was about. */
export function AuditTable({
  label,
  rows,
  about,
}: {
  label: string;
  rows: AuditItem[];
  about?: (item: AuditItem) => string | undefined;
}) {
  const { t, i18n } = useTranslation();
  return (
    <DataTable
      label={label}
      rows={rows}
      rowKey={(item) => String(item.seq)}
      rowTestId="audit-row"
      columns={[
        { id: 'at', header: t('audit.at'), cell: (item) => <When at={item.at} long /> },
        {
          id: 'by',
          header: t('audit.by'),
          cell: (item) => item.by_name ?? (item.by ? <Missing /> : t('audit.program')),
        },
        {
          id: 'action',
          header: t('audit.action'),
          wide: true,
          cell: (item) => {
            const whom = about?.(item);
            const key = `auditAction.${item.action}`;
            return (
              <>
                {i18n.exists(key) ? t(key) : <code>{item.action}</code>}
                {whom && ` · ${whom}`}
                <Detail detail={item.detail} />
              </>
            );
          },
        },
      ]}
    />
  );
}

function Detail({ detail }: { detail: unknown }) {
  const { t } = useTranslation();
  if (typeof detail !== 'object' || detail === null || Object.keys(detail).length === 0) return null;
  return (
    <details className="text-muted mt-0.5 text-xs">
      <summary>{t('common.inEnglish')}</summary>
      <pre lang="en" className="wrap-anywhere whitespace-pre-wrap">
        {JSON.stringify(detail, null, 1)}
      </pre>
    </details>
  );
}

/** An audit log in pages, newest first. */
export function AuditCard({
  title,
  query,
  about,
}: {
  title: string;
  query: UseInfiniteQueryResult<InfiniteData<AuditPage>>;
  about?: (row: AuditItem) => string | undefined;
}) {
  const { t } = useTranslation();
  return (
    <Card title={title} testId="audit">
      <QueryView
        query={query}
        isEmpty={(data) => data.pages.every((page) => page.items.length === 0)}
        empty={<Empty title={t('audit.none')} />}
      >
        {(data) => (
          <>
            <AuditTable label={title} rows={data.pages.flatMap((page) => page.items)} about={about} />
            {query.hasNextPage && (
              <div className="mt-3 text-center">
                <Button
                  busy={query.isFetchingNextPage}
                  data-testid="audit-more"
                  onClick={() => void query.fetchNextPage()}
                >
                  {t('common.more')}
                </Button>
              </div>
            )}
          </>
        )}
      </QueryView>
    </Card>
  );
}
