import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { guide } from './guide.ts';

/** Address of a running server for `npm run dev`; the built pages use relative addresses only. */
const server = process.env.EGGMONEY_URL ?? 'http://127.0.0.1:8740';

export default defineConfig({
  base: './',
  plugins: [guide(), react(), tailwindcss()],
  server: {
    proxy: {
      '/api': { target: server },
      '/ws': { target: server, ws: true },
    },
  },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  test: {
    environment: 'jsdom',
    include: ['tests/**/*.test.{ts,tsx}'],
    setupFiles: ['tests/setup.ts'],
    restoreMocks: true,
    testTimeout: 30_000,
  },
});
