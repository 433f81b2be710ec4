import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useDropImport } from '../../api/queries/imports';
import type { ImportReport, ImportUpload } from '../../api/types';
import { useCurrentAccount } from '../../components/layout/account';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { Note } from '../../components/ui/feedback';
import { ConfirmStep } from './ConfirmStep';
import { ReportView } from './ReportView';
import { UploadStep } from './UploadStep';
import { UserImportCard } from './UserImportCard';

type Step =
  | { at: 'upload' }
  | { at: 'report'; upload: ImportUpload }
  | { at: 'done'; accountId: string; report: ImportReport };

const STEPS = ['upload', 'report', 'done'] as const;

/** Brings the data of one old server along: upload, look at the rehearsal, confirm. */
export function ImportPage() {
  const { t } = useTranslation();
  const [step, setStep] = useState<Step>({ at: 'upload' });
  const drop = useDropImport();
  useEffect(() => {
    window.scrollTo(0, 0);
  }, [step.at]);
  return (
    <>
      <PageHead title={t('import.title')} sub={t('import.sub')} />
      <ol className="mb-4 flex flex-wrap gap-2 text-sm" aria-label={t('import.steps')}>
        {STEPS.map((name, index) => (
          <li
            key={name}
            aria-current={step.at === name ? 'step' : undefined}
            className={`rounded-full border px-3 py-1 ${step.at === name ? 'border-accent font-bold' : 'border-line text-muted'}`}
          >
            {index + 1}. {t(`import.step_${name}`)}
          </li>
        ))}
      </ol>
      {step.at === 'upload' && (
        <div className="space-y-4">
          <UploadStep onDone={(upload) => setStep({ at: 'report', upload })} />
          <UserImportCard />
        </div>
      )}
      {step.at === 'report' && (
        <div className="space-y-4" data-testid="import-report">
          <ReportView report={step.upload.report} />
          <ConfirmStep
            upload={step.upload}
            onDone={(result) => setStep({ at: 'done', accountId: result.account_id, report: result.report })}
          />
          <Button
            busy={drop.isPending}
            onClick={() => drop.mutate(step.upload.id, { onSettled: () => setStep({ at: 'upload' }) })}
            data-testid="import-drop"
          >
            {t('import.drop')}
          </Button>
        </div>
      )}
      {step.at === 'done' && <Done accountId={step.accountId} report={step.report} />}
    </>
  );
}

function Done({ accountId, report }: { accountId: string; report: ImportReport }) {
  const { t } = useTranslation();
  const { choose } = useCurrentAccount();
  const select = () => choose(accountId);
  return (
    <div className="space-y-4" data-testid="import-done">
      <Card title={t('import.doneTitle')}>
        <p className="text-sm">{t('import.doneText')}</p>
        <ol className="mt-3 list-decimal space-y-1 pl-5 text-sm">
          {['check', 'key', 'settle', 'preview', 'start'].map((item) => (
            <li key={item}>{t(`import.next_${item}`)}</li>
          ))}
        </ol>
        <div className="mt-4 flex flex-wrap gap-2">
          <ButtonLink to="/" tone="primary" onClick={select} data-testid="import-open">
            {t('import.open')}
          </ButtonLink>
          <ButtonLink to="/account" onClick={select}>
            {t('nav.account')}
          </ButtonLink>
          <ButtonLink to="/preview" onClick={select}>
            {t('nav.preview')}
          </ButtonLink>
        </div>
      </Card>
      <Note>{t('import.deleteFiles')}</Note>
      <ReportView report={report} />
    </div>
  );
}
