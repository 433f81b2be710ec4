import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useSystem } from '../../api/queries/system';
import { SimulationBanner } from '../../components/layout/banner';
import { LanguageSwitch } from '../../components/layout/language';

/** Frame of the pages before signing in. */
export function AuthFrame({ title, children }: { title: string; children: ReactNode }) {
  const { t } = useTranslation();
  const { data } = useSystem();
  return (
    <div className="flex min-h-dvh flex-col">
      <SimulationBanner />
      <header className="flex justify-end p-3">
        <LanguageSwitch />
      </header>
      <main className="mx-auto w-full max-w-sm flex-1 px-4 pb-10 sm:pt-8">
        <div className="mb-6 flex items-center gap-3">
          <img src="./icon.svg" alt="" className="size-12" />
          <div>
            <p className="text-xl font-bold">EggMoney</p>
            <p className="text-muted text-sm">{t('auth.tagline')}</p>
          </div>
        </div>
        <h1 className="mb-4 text-lg font-bold">{title}</h1>
        {children}
      </main>
      {data && <footer className="text-muted p-3 text-center text-xs">EggMoney {data.version}</footer>}
    </div>
  );
}
