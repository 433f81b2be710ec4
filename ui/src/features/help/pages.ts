import type { Locale } from '../../lib/format';

/** A page of the guide: `ui/help/<language>/<name>.md`, as `ui/guide.ts` turns it into HTML. */
export type GuidePage = { title: string; html: string };

/** The guide's pages, in the order in which somebody new reads them. */
export const pages = [
  'install',
  'first-steps',
  'bots',
  'orders',
  'remote',
  'leaving',
  'troubleshooting',
  'admin',
  'api',
] as const;
export type GuideName = (typeof pages)[number];

const files = import.meta.glob<GuidePage>('../../../help/*/*.md');

/** @throws when there is no such page: `pages` and the files have to agree. */
export async function load(name: GuideName, language: Locale): Promise<GuidePage> {
  const file = files[`../../../help/${language}/${name}.md`];
  if (!file) throw new Error(`the guide has no page ${name} in ${language}`);
  return file();
}
