import { useTranslation } from 'react-i18next';
import type { AuditItem } from '../../api/types';
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
