import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import ko from '../locales/ko.json';
import type { Locale } from './format';
import { readPreference, writePreference } from './storage';

/** Korean is bundled with the first page; English is fetched when it is chosen. */

export async function startI18n(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'ko',
    fallbackLng: 'ko',
    resources: { ko: { translation: ko } },
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  await setLanguage(readPreference('language') === 'en' ? 'en' : 'ko');
}

export async function setLanguage(language: Locale): Promise<void> {
  if (language === 'en' && !i18next.hasResourceBundle('en', 'translation')) {
    const en = await import('../locales/en.json');
    i18next.addResourceBundle('en', 'translation', en.default);
  }
  await i18next.changeLanguage(language);
  writePreference('language', language);
  document.documentElement.lang = language;
}

export function currentLanguage(): Locale {
  return i18next.language === 'en' ? 'en' : 'ko';
}
