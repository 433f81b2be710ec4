import { useTranslation } from 'react-i18next';
import type { ImportReport } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Card } from '../../components/ui/card';
import { Missing } from '../../components/ui/value';
import { COVER, useAmountsHidden } from '../../lib/privacy';
import { type Comparison, comparisons } from './report';

/** Counts and sums of each old table, as read and as stored; the finer ones are folded away unless they differ. */
export function ComparisonTables({ report }: { report: ImportReport }) {
  const { t, i18n } = useTranslation();
  const groups = new Map<string, Comparison[]>();
  for (const row of comparisons(report.tables, report.imported)) {
    const table = row.path.split('.')[0] ?? '';
    groups.set(table, [...(groups.get(table) ?? []), row]);
  }
  const all = [...groups.values()].flat();
  const different = all.filter((row) => !row.equal).length;
  return (
    <Card
      title={t('import.tables')}
      testId="import-tables"
      actions={
        <Badge tone={different === 0 ? 'green' : 'red'} testId="import-equal">
          {different === 0 ? t('import.allEqual', { count: all.length }) : t('import.someDiffer', { count: different })}
        </Badge>
      }
    >
      <div className="grid items-start gap-4 lg:grid-cols-2">
        {[...groups].map(([table, rows]) => {
          const main = rows.filter((row) => row.path.split('.').length <= 2);
          const fine = rows.filter((row) => row.path.split('.').length > 2);
          const name = i18n.exists(`importTable.${table}`) ? t(`importTable.${table}`) : table;
          return (
            <section key={table} className="border-line min-w-0 overflow-x-auto rounded-xl border p-3">
              <h3 className="mb-1 text-sm font-semibold">{name}</h3>
              <Rows rows={main} table={table} label={name} />
              {fine.length > 0 && (
                <details className="mt-2 text-sm" open={fine.some((row) => !row.equal)}>
                  <summary className="text-muted">{t('import.fine', { count: fine.length })}</summary>
                  <Rows rows={fine} table={table} label={name} />
                </details>
              )}
            </section>
          );
        })}
      </div>
    </Card>
  );
}

function Rows({ rows, table, label }: { rows: Comparison[]; table: string; label: string }) {
  const { t, i18n } = useTranslation();
  const hidden = useAmountsHidden();
  const cover = (row: Comparison, value: string) => (hidden && row.path.includes('.sum_') ? COVER : value);
  const figure = (path: string) => {
    const name = path.slice(table.length + 1);
    return i18n.exists(`importFigure.${name}`) ? t(`importFigure.${name}`) : name;
  };
  return (
    <table className="wrap-break-word w-full text-sm" aria-label={label}>
      <thead>
        <tr className="text-muted border-line border-b text-xs">
          <th scope="col" className="py-1 pr-2 text-left font-medium">
            {t('import.figure')}
          </th>
          <th scope="col" className="py-1 pr-2 text-right font-medium">
            {t('import.inFile')}
          </th>
          <th scope="col" className="py-1 pr-2 text-right font-medium">
            {t('import.stored')}
          </th>
          <th scope="col" className="py-1 text-right font-medium">
            {t('import.equal')}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.path} className="border-line border-b last:border-0">
            <th scope="row" className="py-1 pr-2 text-left font-normal">
              {figure(row.path)}
            </th>
            <td className="num py-1 pr-2 text-right">{cover(row, row.read)}</td>
            <td className="num py-1 pr-2 text-right">{row.stored === null ? <Missing /> : cover(row, row.stored)}</td>
            <td className="py-1 text-right" data-equal={row.equal}>
              {row.equal ? (
                <span className="text-ok">
                  <span aria-hidden="true">✓</span>
                  <span className="sr-only">{t('common.yes')}</span>
                </span>
              ) : (
                <Badge tone="red">{t('import.differs')}</Badge>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
