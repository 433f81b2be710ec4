import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import i18next from 'i18next';
import { afterEach, beforeAll, beforeEach } from 'vitest';
import { signedOut } from '../src/api/session';
import { setLanguage, startI18n } from '../src/lib/i18n';

// A busy machine is slow, not wrong.
configure({ asyncUtilTimeout: 5000 });

beforeAll(startI18n);

beforeEach(async () => {
  localStorage.clear();
  signedOut();
  if (i18next.language !== 'ko') await setLanguage('ko');
});

afterEach(cleanup);
