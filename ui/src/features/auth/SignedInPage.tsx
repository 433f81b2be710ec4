import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, useNavigate, useSearchParams } from 'react-router';
import { ApiError } from '../../api/errors';
import { purposeOfLeaving, useFinishLink, useFinishSignIn, useFinishWithCode } from '../../api/queries/identities';
import { useSession } from '../../api/session';
import type { Arrival } from '../../api/types';
import { Button } from '../../components/ui/button';
import { ErrorNote, Loading, Note } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { AuthFrame } from './AuthFrame';

function arrivalOf(search: URLSearchParams): Arrival | null {
  const [state, code, iss] = ['state', 'code', 'iss'].map((name) => search.get(name));
  return state && code ? { state, code, ...(iss && { iss }) } : null;
}

/** Where a provider sends people back to. What it says counts once and is taken out of the address at once. */
export function SignedInPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const [arrival] = useState(() => arrivalOf(search));
  const [purpose] = useState(purposeOfLeaving);
  const { status } = useSession();
  const finish = useFinishSignIn();
  const link = useFinishLink();
  const brought = useRef(false);
  const ready = arrival !== null && (purpose === 'link' ? status === 'in' : status !== 'checking');

  useEffect(() => {
    if (search.size > 0) void navigate('/signed-in', { replace: true });
  }, [search, navigate]);

  useEffect(() => {
    if (!arrival || !ready || brought.current) return;
    brought.current = true;
    if (purpose === 'link') link.mutate(arrival);
    else finish.mutate(arrival);
  }, [arrival, ready, purpose, link, finish]);

  if (finish.isSuccess) return <Navigate to="/" replace />;
  if (link.isSuccess) return <Navigate to="/profile" replace />;
  const problem = finish.error instanceof ApiError ? finish.error : null;
  const continuation = problem?.code === 'second_factor_required' ? problem.problem.continuation : undefined;
  // Linking is for somebody who is in; the page was open too long otherwise.
  const lost = arrival !== null && purpose === 'link' && (status === 'out' || status === 'unreachable');
  const error = finish.error ?? link.error;
  return (
    <AuthFrame title={t(purpose === 'link' ? 'identities.linking' : 'auth.login')}>
      {arrival === null ? (
        <Note tone="warning" testId="provider-cancelled">
          {t('identities.cancelled')}
        </Note>
      ) : lost ? (
        <Note tone="warning">{t('identities.signedOut')}</Note>
      ) : continuation ? (
        <CodeForm continuation={continuation} />
      ) : error ? (
        <div className="space-y-3" data-testid="provider-refused">
          {problem?.code === 'identity_not_linked' ? (
            <Note tone="warning">
              <strong className="block">{t('errors.identity_not_linked')}</strong>
              {t('identities.linkFirst')}
            </Note>
          ) : (
            <ErrorNote error={error} />
          )}
        </div>
      ) : (
        <Loading rows={1} />
      )}
      {(arrival === null || lost || (error && !continuation)) && (
        <p className="mt-6 text-sm">
          <Link to={status === 'in' ? '/profile' : '/login'} className="font-semibold underline">
            {t(status === 'in' ? 'identities.backToProfile' : 'auth.backToLogin')}
          </Link>
        </p>
      )}
    </AuthFrame>
  );
}

function CodeForm({ continuation }: { continuation: string }) {
  const { t } = useTranslation();
  const finish = useFinishWithCode();
  const [code, setCode] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    finish.mutate({ continuation, code: code.trim() }, { onError: () => setCode('') });
  };
  if (finish.isSuccess) return <Navigate to="/" replace />;
  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      <TextField
        label={t('auth.code')}
        hint={t('auth.codeHint')}
        value={code}
        autoComplete="one-time-code"
        autoFocus
        data-testid="provider-code"
        onChange={(event) => setCode(event.target.value)}
      />
      {finish.error && <ErrorNote error={finish.error} />}
      <Button
        type="submit"
        tone="primary"
        busy={finish.isPending}
        disabled={!code.trim()}
        className="w-full"
        data-testid="provider-code-submit"
      >
        {t('auth.login')}
      </Button>
    </form>
  );
}
