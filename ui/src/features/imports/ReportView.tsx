import { useTranslation } from 'react-i18next';
import type { ImportChanges, ImportReport } from '../../api/types';
import { Card, Facts } from '../../components/ui/card';
import { Foreign, Note, useFieldText } from '../../components/ui/feedback';
import { DataTable } from '../../components/ui/table';
import { Missing, Money, Shares } from '../../components/ui/value';
import { ScheduleTable } from '../schedule';
import { ComparisonTables } from './ComparisonTables';
import { textOf } from './report';

/** What an import read and stored, side by side, and everything that differs from both. */
export function ReportView({ report }: { report: ImportReport }) {
  const { t } = useTranslation();
  const refused = report.refused ?? [];
  return (
    <>
      {report.updates && <Updates changes={report.updates} />}
      <ComparisonTables report={report} />
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
                { id: 'row', header: t('import.row'), cell: (item) => <Row text={item.row} /> },
                { id: 'reason', header: t('preview.reason'), wide: true, cell: (item) => <Reasons fault={item} /> },
              ]}
            />
          </div>
        </Card>
      )}
      <Questions items={report.unbooked ?? []} />
      <Warnings items={report.warnings} />
      <Unplaced items={report.unplaced} />
      <ScheduleCard report={report} />
      <SecretsCard report={report} />
    </>
  );
}

/** What a newer copy changes in the account that it brings up to date. */
function Updates({ changes }: { changes: ImportChanges }) {
  const { t, i18n } = useTranslation();
  const tables = Object.entries(changes.tables);
  const nothingNew = tables.every(([, counts]) => counts.added + counts.changed + counts.removed === 0);
  const shown = (value: unknown) => (value === null || value === undefined ? '–' : String(value));
  return (
    <Card title={t('import.updates', { account: changes.account_name })} testId="import-updates">
      <p className="text-muted -mt-2 mb-2 text-sm">{t('import.updatesText')}</p>
      {nothingNew && (
        <div className="mb-2">
          <Note tone="ok" testId="import-nothing-new">
            {t('import.nothingNew')}
          </Note>
        </div>
      )}
      <DataTable
        label={t('import.updates', { account: changes.account_name })}
        rows={tables.map(([table, counts]) => ({ table, ...counts }))}
        rowKey={(row) => row.table}
        columns={[
          {
            id: 'table',
            header: t('import.table'),
            lead: true,
            cell: (row) => (i18n.exists(`importTable.${row.table}`) ? t(`importTable.${row.table}`) : row.table),
          },
          { id: 'added', header: t('import.added'), cell: (row) => row.added },
          { id: 'changed', header: t('import.changed'), cell: (row) => row.changed },
          { id: 'removed', header: t('import.removed'), cell: (row) => row.removed },
        ]}
      />
      {changes.items.length > 0 && (
        <details className="mt-2 text-sm">
          <summary className="min-h-8 cursor-pointer">
            {t('import.changeList', { count: changes.items.length + changes.more })}
          </summary>
          <ul className="space-y-1 pl-3">
            {changes.items.map((item, index) => (
              // Rows of one name are told apart by their place only.
              <li key={index} className="break-words">
                <strong>{item.name}</strong> {t(`import.${item.change}`)}{' '}
                {item.fields.map((field) => `${field.field} ${shown(field.before)} → ${shown(field.after)}`).join(', ')}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Card>
  );
}

/** What has to be answered before the start, in the words of the account page. */
function Questions({ items }: { items: ImportReport['unbooked'] }) {
  const { t } = useTranslation();
  if (items.length === 0) return null;
  return (
    <Card title={`${t('import.unbooked')} (${items.length})`} testId="import-unbooked">
      <p className="text-muted -mt-2 mb-2 text-sm">{t('import.unbookedText')}</p>
      <ul className="space-y-1.5">
        {items.map((item) => (
          <li key={`${item.type} ${item.name}`}>
            <Note tone="warning">
              <strong>{t(`unsettled.${item.type}`, { name: item.name })}</strong>{' '}
              {item.type === 'unbooked_fills' ? (
                <>
                  {item.symbol} <Shares value={item.quantity} unit /> · <Money value={item.total} />
                </>
              ) : (
                t('unsettled.rows', { count: item.rows.length })
              )}
              <p className="text-muted">{t(`unsettled.${item.type}_text`)}</p>
            </Note>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** A remark of the schedule's proposal, which a warning carries among its values. */
const noteOf = ({ values, detail }: ImportReport['warnings'][number]) => ({ code: values.note ?? '', detail, values });

/** Where a refused row stands: the server counts rows of tables and lines of files. */
function Row({ text }: { text: string }) {
  const { t } = useTranslation();
  const [, kind, number, rest] = /^(row|line) (\d+)(?:: (.*))?$/.exec(text) ?? [];
  return kind ? [t(`import.at_${kind}`, { number }), rest].filter(Boolean).join(' · ') : text;
}

/** Why a row was refused, one reason a line. */
function Reasons({ fault }: { fault: ImportReport['refused'][number] }) {
  const { t, i18n } = useTranslation();
  return (
    <ul>
      {fault.remarks.map((remark) => {
        const key = `importFault.${remark.code}`;
        const { column } = remark.values;
        return (
          <li key={remark.text}>
            {i18n.exists(key) ? (
              <>
                {column && <code>{column}</code>} {t(key, remark.values)}
              </>
            ) : (
              remark.text
            )}
          </li>
        );
      })}
    </ul>
  );
}

/** What the owner should know; figures and names that it quotes stand below. */
function Warnings({ items }: { items: ImportReport['warnings'] }) {
  const { t, i18n } = useTranslation();
  const fieldText = useFieldText();
  if (items.length === 0) return null;
  return (
    <Card title={`${t('import.warnings')} (${items.length})`} testId="import-warnings">
      <ul className="space-y-1.5">
        {items.map((item) => {
          const known = i18n.exists(`importWarningText.${item.code}`);
          const figures = `importWarningFigure.${item.code}`;
          return (
            <li key={`${item.code} ${item.subject} ${item.detail}`}>
              <Note tone="warning">
                <strong>{known ? t(`importWarning.${item.code}`) : item.code}</strong> · {item.subject}
                {known ? <p>{t(`importWarningText.${item.code}`)}</p> : <Foreign text={item.detail} open />}
                {i18n.exists(figures) && <p className="text-muted">{t(figures, item.values)}</p>}
                {item.values.note && <p className="text-muted">{fieldText(noteOf(item))}</p>}
                {item.values.reason && <p className="text-muted">{t(`errors.${item.values.reason}`)}</p>}
              </Note>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

/** What the old server stored and this program has no place for. */
function Unplaced({ items }: { items: ImportReport['unplaced'] }) {
  const { t } = useTranslation();
  if (items.length === 0) return null;
  return (
    <Card title={`${t('import.unplaced')} (${items.length})`} testId="import-unplaced">
      <p className="text-muted -mt-2 mb-2 text-sm">{t('import.unplacedText')}</p>
      <ul className="space-y-1.5">
        {items.map((item) => (
          <li key={`${item.source} ${item.name}`}>
            <Note>
              <code>{item.source}</code> · <strong>{item.name}</strong> ·{' '}
              {t(`importUnplaced.${item.code}`, { count: item.count ?? 0 })}
            </Note>
          </li>
        ))}
      </ul>
    </Card>
  );
}

const STORED = ['decision', 'twap_start', 'twap_end', 'twap_count', 'closing_buy'] as const;

function ScheduleCard({ report }: { report: ImportReport }) {
  const { t } = useTranslation();
  const schedule = report.schedule;
  const stored = schedule.as_stored;
  return (
    <Card title={t('import.schedule')} testId="import-schedule">
      <p className="text-muted -mt-2 mb-3 text-sm">{t('import.scheduleText')}</p>
      <div className="mb-3">
        <h3 className="mb-1 text-sm font-semibold">{t('import.asStored')}</h3>
        <Facts
          columns={3}
          items={STORED.map((key) => ({
            label: t(`schedule.${key}`),
            value: stored[key] === null ? <Missing /> : textOf(stored[key]),
          }))}
        />
      </div>
      <ScheduleTable seasons={schedule.seasons} />
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
