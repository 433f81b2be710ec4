import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './button';
import { ErrorNote } from './feedback';
import { TextAreaField } from './field';

interface Save {
  mutate: (networks: string[]) => void;
  isPending: boolean;
  error: Error | null;
}

/** A list of networks, one on each line; nothing means everywhere. */
export function NetworksForm({
  networks,
  address,
  save,
  testId,
}: {
  networks: string[];
  /** Of the caller, as the server sees it. */
  address: string;
  save: Save;
  testId: string;
}) {
  const { t } = useTranslation();
  const saved = networks.join('\n');
  const [text, setText] = useState(saved);
  const wanted = text.split(/[\s,]+/).filter(Boolean);
  return (
    <form
      className="space-y-3"
      data-testid={testId}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(wanted);
      }}
    >
      <TextAreaField
        label={t('networks.list')}
        hint={t('networks.hint', { address })}
        rows={3}
        value={text}
        onChange={(event) => setText(event.target.value)}
        spellCheck={false}
        autoCapitalize="off"
      />
      <p className="text-muted text-sm">{t(networks.length ? 'networks.some' : 'networks.all')}</p>
      {save.error && <ErrorNote error={save.error} />}
      <Button type="submit" busy={save.isPending} disabled={wanted.join('\n') === saved}>
        {t('common.save')}
      </Button>
    </form>
  );
}
