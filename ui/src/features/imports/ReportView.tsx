import { useTranslation } from 'react-i18next';
import type { ImportReport } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Card, Facts } from '../../components/ui/card';
import { Note } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Missing } from '../../components/ui/value';
import { ScheduleTable } from '../schedule';
import { comparisons, textOf } from './report';

/** What an import read and stored, side by side, and everything that differs from both. */
export function ReportView({ report }: { report: ImportReport }) {
  const { t } = useTranslation();
  const refused = report.refused ?? [];
  return (
    <>
      <Tables report={report} />
      {refused.length > 0 && (
        <Card title={t('import.refused', { count: refused.length })} testId="import-refused">
          <Note tone="error">{t('import.refusedText')}</Note>
          <div className="mt-2">
            <DataTable
              label={t('import.refused', { count: refused.length })}
              rows={refused.map((item, index) => ({ ...item, key: String(index) }))}
              rowKey={(item) => item.key}
              columns={[
                { id: 'table', header: t('import.table'), lead: true, cell: (item) => <code>{item.table}</code> },
                { id: 'row', header: t('import.row'), cell: (item) => textOf(item.row) },
                { id: 'reason', header: t('preview.reason'), cell: (item) => item.reason },
              ]}
            />
          </div>
        </Card>
      )}
      <Listed
        title={t('import.unbooked')}
        text={t('import.unbookedText')}
        items={report.unbooked}
        testId="import-unbooked"
        tone="warning"
      />
      <Listed title={t('import.warnings')} items={report.warnings} testId="import-warnings" tone="warning" />
      <Listed
        title={t('import.unplaced')}
        text={t('import.unplacedText')}
        items={report.unplaced}
        testId="import-unplaced"
        tone="info"
      />
      <ScheduleCard report={report} />
      <SecretsCard report={report} />
    </>
  );
}

function Tables({ report }: { report: ImportReport }) {
  const { t } = useTranslation();
  const rows = comparisons(report.tables, report.imported);
  return (
    <Card title={t('import.tables')}>
      <div className="overflow-x-auto">
        <table className="w-full text-sm" data-testid="import-tables">
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
              <tr key={row.path} className="border-line border-b">
                <th scope="row" className="py-1 pr-2 text-left font-normal">
                  <code className="text-xs">{row.path}</code>
                </th>
                <td className="num py-1 pr-2 text-right">{row.read}</td>
                <td className="num py-1 pr-2 text-right">{row.stored ?? <Missing />}</td>
                <td className="py-1 text-right" data-equal={row.equal}>
                  {row.equal ? (
                    <span className="text-ok">
                      ✓<span className="sr-only"> {t('common.yes')}</span>
                    </span>
                  ) : (
                    <Badge tone="red">{t('import.differs')}</Badge>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Listed({
  title,
  text,
  items,
  testId,
  tone,
}: {
  title: string;
  text?: string;
  items: unknown[] | undefined;
  testId: string;
  tone: 'warning' | 'info';
}) {
  const { t, i18n } = useTranslation();
  if (!items || items.length === 0) return null;
  return (
    <Card title={`${title} (${items.length})`} testId={testId}>
      {text && <p className="text-muted -mt-2 mb-2 text-sm">{text}</p>}
      <ul className="space-y-1.5">
        {items.map((item, index) => {
          const code = item && typeof item === 'object' && 'code' in item ? `importWarning.${String(item.code)}` : '';
          return (
            <li key={index}>
              <Note tone={tone}>
                {code && i18n.exists(code) && <strong>{t(code)}: </strong>}
                {textOf(item)}
              </Note>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function ScheduleCard({ report }: { report: ImportReport }) {
  const { t } = useTranslation();
  const schedule = report.schedule;
  if (!schedule) return null;
  return (
    <Card title={t('import.schedule')} testId="import-schedule">
      <p className="text-muted -mt-2 mb-3 text-sm">{t('import.scheduleText')}</p>
      {schedule.as_stored && (
        <div className="mb-3">
          <h3 className="mb-1 text-sm font-semibold">{t('import.asStored')}</h3>
          <Facts
            columns={3}
            items={Object.entries(schedule.as_stored).map(([key, value]) => ({
              label: t(`schedule.${key}`, { defaultValue: key }),
              value: value === null ? <Missing /> : textOf(value),
            }))}
          />
        </div>
      )}
      {schedule.seasons && <ScheduleTable seasons={schedule.seasons} />}
    </Card>
  );
}

function SecretsCard({ report }: { report: ImportReport }) {
  const { t } = useTranslation();
  const secrets = report.secrets;
  if (!secrets) return null;
  return (
    <Card title={t('import.secrets')} testId="import-secrets">
      <p className="text-muted -mt-2 mb-3 text-sm">{t('import.secretsText')}</p>
      <Facts
        columns={4}
        items={[
          {
            label: t('brokerKey.appKey'),
            value: secrets.app_key_masked ? <code>{secrets.app_key_masked}</code> : <Missing />,
          },
          {
            label: t('brokerKey.accountNo'),
            value: secrets.account_masked ? <code>{secrets.account_masked}</code> : <Missing />,
          },
          { label: t('telegram.title'), value: secrets.telegram ? t('common.yes') : <Missing /> },
          {
            label: t('brokerKey.environment'),
            value: secrets.environment ? t(`environment.${secrets.environment}`) : <Missing />,
          },
        ]}
      />
    </Card>
  );
}
