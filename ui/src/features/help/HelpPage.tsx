import { useTranslation } from 'react-i18next';
import { Card, PageHead } from '../../components/ui/card';
// The files that a test runs against a server.
import python from './examples/orders.py?raw';
import shell from './examples/orders.sh?raw';

/** The guide. Each section is a list of sentences in the locale files: `help.<section>.1`, `.2`, … */
const sections: Record<string, number> = {
  start: 5,
  observe: 3,
  preview: 4,
  trade: 4,
  ticket: 5,
  orders: 4,
  killSwitch: 3,
  corrections: 3,
  remote: 5,
  api: 6,
  leaving: 5,
  words: 6,
};

export function HelpPage() {
  const { t } = useTranslation();
  return (
    <>
      <PageHead title={t('nav.help')} />
      <nav aria-label={t('help.contents')} className="mb-4 flex flex-wrap gap-2 text-sm">
        {Object.keys(sections).map((name) => (
          <button
            key={name}
            type="button"
            className="border-line bg-surface rounded-full border px-3 py-1"
            onClick={() => document.getElementById(`help-${name}`)?.scrollIntoView({ behavior: 'smooth' })}
          >
            {t(`help.${name}.title`)}
          </button>
        ))}
      </nav>
      <div className="space-y-4">
        {Object.entries(sections).map(([name, count]) => (
          <div key={name} id={`help-${name}`} className="scroll-mt-20">
            <Card title={t(`help.${name}.title`)}>
              <ul className="list-disc space-y-1.5 pl-5 text-sm">
                {Array.from({ length: count }, (_, index) => (
                  <li key={`${name} ${index + 1}`}>{t(`help.${name}.${index + 1}`)}</li>
                ))}
              </ul>
              {name === 'api' && <Examples />}
            </Card>
          </div>
        ))}
      </div>
    </>
  );
}

/** Programs that call the API, as they can be saved and run. */
function Examples() {
  const { t } = useTranslation();
  const examples = [
    { title: t('help.api.shell'), text: shell, testId: 'example-shell' },
    { title: t('help.api.python'), text: python, testId: 'example-python' },
  ];
  return (
    <div className="mt-3 space-y-2 text-sm">
      {examples.map(({ title, text, testId }) => (
        <details key={testId} data-testid={testId}>
          <summary className="cursor-pointer font-medium">{title}</summary>
          <pre
            lang="en"
            // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it, too
            tabIndex={0}
            className="bg-sunken border-line mt-2 max-h-96 overflow-auto rounded-lg border p-3 text-xs"
          >
            {text}
          </pre>
        </details>
      ))}
      <a className="underline" href="api/docs">
        {t('help.api.docs')}
      </a>
    </div>
  );
}
