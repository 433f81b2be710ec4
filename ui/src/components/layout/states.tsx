import { useTranslation } from 'react-i18next';
import { useRouteError } from 'react-router';
import { refreshSession } from '../../api/session';
import { Button, ButtonLink } from '../ui/button';
import { Empty } from '../ui/feedback';

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Empty page title={t('states.notFound')} action={<ButtonLink to="/">{t('nav.home')}</ButtonLink>}>
      {t('states.notFoundText')}
    </Empty>
  );
}

/** The server did not answer at all. */
export function Unreachable() {
  const { t } = useTranslation();
  return (
    <div className="mx-auto max-w-lg p-6">
      <Empty
        page
        title={t('states.unreachable')}
        action={
          <Button tone="primary" onClick={() => void refreshSession().catch(() => undefined)}>
            {t('common.retry')}
          </Button>
        }
      >
        {t('states.unreachableText')}
      </Empty>
    </div>
  );
}

/** A page that failed: usually a newer version was installed while it was open. */
export function Crash() {
  const { t } = useTranslation();
  const error = useRouteError();
  return (
    <div role="alert" className="mx-auto max-w-lg p-6">
      <Empty
        page
        title={t('states.crash')}
        action={
          <Button tone="primary" onClick={() => location.reload()}>
            {t('states.reload')}
          </Button>
        }
      >
        <p>{t('states.crashText')}</p>
        <p className="mt-2 text-xs">{error instanceof Error ? error.message : String(error)}</p>
      </Empty>
    </div>
  );
}
