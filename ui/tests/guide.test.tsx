import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { screen } from '@testing-library/react';
import { Route, Routes } from 'react-router';
import { describe, expect, it } from 'vitest';
import { HelpPage } from '../src/features/help/HelpPage';
import { pages } from '../src/features/help/pages';
import { show } from './support';

const folder = join(__dirname, '../help');
const read = (language: string, name: string) => readFileSync(join(folder, language, `${name}.md`), 'utf8');
const routes = [...readFileSync(join(__dirname, '../src/router.tsx'), 'utf8').matchAll(/page\('([^']+)'/g)].map(
  (match) => match[1]?.replace(/\/:page\?$/, '') ?? '',
);
/** What both languages must have alike: headings by depth, links, pictures but for their language, code. */
const shape = (text: string) => ({
  headings: [...text.matchAll(/^(#+) /gm)].map((match) => match[1]),
  links: [...text.matchAll(/\]\((#[^)]*)\)/g)].map((match) => match[1]).sort(),
  pictures: [...text.matchAll(/!\[[^\]]+\]\(\.\.\/pictures\/(?:ko|en)-([^)]+)\)/g)].map((match) => match[1]),
  code: [...text.matchAll(/```\n([\s\S]*?)```/g)].map((match) => match[1]),
});

describe('the guide', () => {
  it.each(['ko', 'en'])('has exactly its pages in %s', (language) => {
    expect(readdirSync(join(folder, language)).sort()).toEqual(pages.map((name) => `${name}.md`).sort());
  });

  it.each(pages)('%s says the same in both languages', (name) => {
    expect(shape(read('en', name))).toEqual(shape(read('ko', name)));
    expect(read('en', name).replace(/한국어/g, '')).not.toMatch(/[가-힣]/);
  });

  it.each(pages)('%s leads to pages and pictures that are there', (name) => {
    for (const language of ['ko', 'en']) {
      const text = read(language, name);
      for (const [, path = ''] of text.matchAll(/\]\(#([^)?]*)/g))
        expect(routes, `${language}/${name}`).toContain(path);
      for (const [, picture = ''] of text.matchAll(/\]\(\.\.\/(pictures\/[^)]+)\)/g)) {
        expect(picture, `${language}/${name}`).toMatch(`pictures/${language}-`);
        expect(existsSync(join(folder, picture)), picture).toBe(true);
      }
    }
  });

  it('shows the page of the address, with its examples', async () => {
    const at = (path: string) =>
      show(
        <Routes>
          <Route path="/help/:page?" element={<HelpPage />} />
        </Routes>,
        path,
      );
    at('/help').unmount();
    at('/help/api');
    expect(await screen.findByText('HMAC-SHA-256', { exact: false })).toBeInTheDocument();
    expect(screen.getByTestId('example-shell')).toHaveTextContent('openssl dgst -sha256 -hmac');
    expect(screen.getByTestId('example-python')).toHaveTextContent('hmac.new(secret.encode()');
  });
});
