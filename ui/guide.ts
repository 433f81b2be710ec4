import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Marked } from 'marked';
import type { Plugin } from 'vite';

/**
 * Turns a page of the guide (Markdown) into HTML while the app is built, so that no browser has to do it.
 * The first heading becomes the title; pictures become files of the build.
 *
 * @throws when a page has no title or names a picture that is not there.
 */
export function guide(): Plugin {
  return {
    name: 'guide',
    transform(source, id) {
      const file = id.split('?')[0] ?? id;
      if (!file.endsWith('.md')) return null;
      const [, title, body] = /^# (.+)\n([\s\S]*)$/.exec(source) ?? [];
      if (!title || !body) throw new Error(`${file}: a page of the guide begins with "# Title"`);
      const pictures: string[] = [];
      const marked = new Marked({
        renderer: {
          // The app has a heading above the page's title.
          heading({ tokens, depth }) {
            return `<h${depth + 1}>${this.parser.parseInline(tokens)}</h${depth + 1}>`;
          },
          image({ href, text }) {
            if (!existsSync(join(dirname(file), href))) throw new Error(`${file}: there is no ${href}`);
            pictures.push(href);
            return `<img src="\u0000${pictures.length - 1}\u0000" alt="${text}" loading="lazy">`;
          },
          // A wide table scrolls by itself on a phone.
          table(token) {
            const cells = (row: typeof token.header, tag: string) =>
              `<tr>${row.map((cell) => `<${tag}>${this.parser.parseInline(cell.tokens)}</${tag}>`).join('')}</tr>`;
            const rows = token.rows.map((row) => cells(row, 'td')).join('');
            return `<div class="scroll"><table><thead>${cells(token.header, 'th')}</thead><tbody>${rows}</tbody></table></div>`;
          },
        },
      });
      const html = JSON.stringify(marked.parse(body, { async: false }));
      const code = html.replace(/\\u0000(\d+)\\u0000/g, (_, index) => `" + picture${index} + "`);
      const imports = pictures.map((href, index) => `import picture${index} from ${JSON.stringify(href)};\n`).join('');
      return {
        code: `${imports}export const title = ${JSON.stringify(title)};\nexport const html = ${code};\n`,
        map: null,
      };
    },
  };
}
