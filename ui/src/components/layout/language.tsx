import { useTranslation } from 'react-i18next';
import { useSaveProfile } from '../../api/queries/auth';
import { useSession } from '../../api/session';
import { setLanguage } from '../../lib/i18n';
import { useLocale } from '../../lib/locale';

/** Switches the language at once, and remembers it with the profile when somebody is signed in. */
export function LanguageSwitch() {
  const { t } = useTranslation();
  const locale = useLocale();
  const session = useSession();
  const save = useSaveProfile();
  const next = locale === 'ko' ? 'en' : 'ko';
  return (
    <button
      type="button"
      data-testid="language-switch"
      aria-label={t('language.switchTo')}
      lang={next}
      className="text-muted hover:bg-sunken min-h-10 shrink-0 rounded-lg px-1.5 text-sm font-semibold"
      onClick={() => {
        void setLanguage(next);
        if (session.status === 'in') save.mutate({ language: next });
      }}
    >
      {next === 'en' ? 'EN' : '한글'}
    </button>
  );
}
