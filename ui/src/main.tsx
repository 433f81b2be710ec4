import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { startI18n } from './lib/i18n';
import { applyPrivacy } from './lib/privacy';
import { applyTheme } from './lib/theme';
import './index.css';

applyTheme();
applyPrivacy();
await startI18n();

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
