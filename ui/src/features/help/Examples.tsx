import { useTranslation } from 'react-i18next';
// The files that a test runs against a server.
import python from './examples/orders.py?raw';
import shell from './examples/orders.sh?raw';

/** Programs that call the API, as they can be saved and run. */
export function Examples() {
  const { t } = useTranslation();
  const examples = [
    { title: t('help.shell'), text: shell, testId: 'example-shell' },
    { title: t('help.python'), text: python, testId: 'example-python' },
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
        {t('help.docs')}
      </a>
    </div>
  );
}
