import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import {
  useConfirmPassword,
  useConfirmSecondFactor,
  useEnrolSecondFactor,
  useRemoveSecondFactor,
  useRenewRecoveryCodes,
  useSecondFactor,
} from '../../api/queries/auth';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ConfirmDialog, Dialog } from '../../components/ui/dialog';
import { ErrorNote, Note, QueryView } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { When } from '../../components/ui/value';

/** The second factor: on with an app's first code, off, and new recovery codes. */
export function SecondFactorCard() {
  const { t } = useTranslation();
  const query = useSecondFactor();
  const enrol = useEnrolSecondFactor();
  const remove = useRemoveSecondFactor();
  const renew = useRenewRecoveryCodes();
  const confirmPassword = useConfirmPassword();
  const [codes, setCodes] = useState<string[] | null>(null);
  const [leaving, setLeaving] = useState(false);
  const error = enrol.error ?? renew.error ?? confirmPassword.error;
  return (
    <Card title={t('secondFactor.title')} testId="second-factor">
      <QueryView query={query} rows={1}>
        {(state) => (
          <div className="space-y-4">
            {state.live_held_since && (
              <Note tone="warning">
                <span className="block">{t('secondFactor.liveHeld')}</span>
                <Button
                  className="mt-2"
                  busy={confirmPassword.isPending}
                  data-testid="confirm-password"
                  onClick={() => confirmPassword.mutate()}
                >
                  {t('secondFactor.itWasMe')}
                </Button>
              </Note>
            )}
            {state.since ? (
              <>
                <p className="text-sm">
                  {t('secondFactor.on')} <When at={state.since} long />
                </p>
                <p className="text-sm" data-testid="recovery-codes-left">
                  {t('secondFactor.codesLeft', { count: state.recovery_codes_left })}
                </p>
                <div className="flex flex-wrap gap-2">
                  <Button
                    busy={renew.isPending}
                    onClick={() => renew.mutate(undefined, { onSuccess: (made) => setCodes(made.recovery_codes) })}
                  >
                    {t('secondFactor.renew')}
                  </Button>
                  <Button tone="danger" data-testid="second-factor-off" onClick={() => setLeaving(true)}>
                    {t('secondFactor.turnOff')}
                  </Button>
                </div>
              </>
            ) : (
              <>
                <p className="text-sm">{t('secondFactor.off')}</p>
                <Button
                  tone="primary"
                  busy={enrol.isPending}
                  data-testid="second-factor-on"
                  onClick={() => enrol.mutate()}
                >
                  {t('secondFactor.turnOn')}
                </Button>
              </>
            )}
            {error && <ErrorNote error={error} />}
          </div>
        )}
      </QueryView>
      {enrol.data && (
        <Enrol
          seed={enrol.data}
          onClose={() => enrol.reset()}
          onDone={(made) => {
            enrol.reset();
            setCodes(made);
          }}
        />
      )}
      {codes && <RecoveryCodes codes={codes} onClose={() => setCodes(null)} />}
      <ConfirmDialog
        open={leaving}
        onClose={() => setLeaving(false)}
        onConfirm={() => remove.mutate(undefined, { onSuccess: () => setLeaving(false) })}
        title={t('secondFactor.turnOff')}
        confirmLabel={t('secondFactor.turnOff')}
        busy={remove.isPending}
        error={remove.error}
        testId="second-factor-leave"
      >
        <p className="text-sm">{t('secondFactor.offText')}</p>
      </ConfirmDialog>
    </Card>
  );
}

function Enrol({
  seed,
  onClose,
  onDone,
}: {
  seed: { url: string; seed: string; qr_svg: string };
  onClose: () => void;
  onDone: (codes: string[]) => void;
}) {
  const { t } = useTranslation();
  const confirm = useConfirmSecondFactor();
  const [code, setCode] = useState('');
  return (
    <Dialog open onClose={onClose} title={t('secondFactor.turnOn')} testId="second-factor-enrol">
      <form
        className="space-y-4"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          confirm.mutate(code, { onSuccess: (made) => onDone(made.recovery_codes) });
        }}
      >
        <p className="text-sm">{t('secondFactor.scan')}</p>
        <img
          src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(seed.qr_svg)}`}
          alt={t('secondFactor.qr')}
          className="mx-auto w-56 rounded-lg bg-white p-2"
        />
        <p className="text-sm">
          {t('secondFactor.seed')}{' '}
          <code className="num block break-all select-all" data-testid="second-factor-seed">
            {seed.seed}
          </code>
        </p>
        <TextField
          label={t('secondFactor.code')}
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={7}
          value={code}
          data-testid="second-factor-code"
          onChange={(event) => setCode(event.target.value)}
        />
        {confirm.error && <ErrorNote error={confirm.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            type="submit"
            tone="primary"
            busy={confirm.isPending}
            disabled={code.trim() === ''}
            data-testid="second-factor-confirm"
          >
            {t('secondFactor.confirm')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function RecoveryCodes({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('secondFactor.codes')}
      testId="recovery-codes"
      footer={
        <Button tone="primary" data-testid="recovery-codes-kept" onClick={onClose}>
          {t('secondFactor.kept')}
        </Button>
      }
    >
      <Note tone="warning">{t('secondFactor.codesText')}</Note>
      <ul className="num grid grid-cols-1 gap-1 select-all sm:grid-cols-2">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
    </Dialog>
  );
}
