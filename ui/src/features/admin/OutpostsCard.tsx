import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useDropOutpost, useOutposts, useSetOutpost } from '../../api/queries/observation';
import type { OutpostKind, OutpostView } from '../../api/types';
import { Badge } from '../../components/ui/badge';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { ErrorNote, Foreign, QueryView } from '../../components/ui/feedback';
import { TextField } from '../../components/ui/field';
import { When } from '../../components/ui/value';
import { refusedFields } from '../../lib/forms';

const KINDS = ['ping', 'peer'] as const;

/** Who notices when this server is gone: a service in the internet, and another installation. */
export function OutpostsCard() {
  const { t } = useTranslation();
  const query = useOutposts();
  return (
    <Card title={t('outpost.title')} testId="outposts">
      <p className="text-muted mb-3 text-sm">{t('outpost.text')}</p>
      <QueryView query={query} rows={2}>
        {(data) => (
          <div className="space-y-4">
            {KINDS.map((kind) => (
              <Outpost
                key={`${kind} ${data[kind]?.host} ${data[kind]?.minutes}`}
                kind={kind}
                known={data[kind] ?? null}
              />
            ))}
          </div>
        )}
      </QueryView>
    </Card>
  );
}

function Outpost({ kind, known }: { kind: OutpostKind; known: OutpostView | null }) {
  const { t } = useTranslation();
  const save = useSetOutpost(kind);
  const drop = useDropOutpost(kind);
  const [address, setAddress] = useState('');
  const [minutes, setMinutes] = useState(String(known?.minutes ?? (kind === 'ping' ? 5 : 15)));
  const refused = refusedFields(save.error, ['address', 'minutes'] as const);
  const problem = (field: string) => refused.find((item) => item.field === field)?.detail;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate({ ...(address.trim() && { address: address.trim() }), minutes: Number(minutes) || 0 });
  };
  return (
    <form
      onSubmit={submit}
      noValidate
      className="border-line space-y-3 rounded-xl border p-3"
      data-testid={`outpost-${kind}`}
    >
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h3 className="font-semibold">{t(`outpost.${kind}`)}</h3>
        {known && (
          <Badge
            tone={known.contact.failing_since ? 'red' : known.contact.last_success ? 'green' : 'grey'}
            testId={`outpost-${kind}-state`}
          >
            {t(
              known.contact.failing_since
                ? 'outpost.fails'
                : known.contact.last_success
                  ? 'outpost.works'
                  : 'outpost.waits',
            )}
          </Badge>
        )}
      </div>
      <p className="text-muted text-xs">{t(`outpost.${kind}Text`)}</p>
      {known && (
        <p className="text-sm">
          <code className="wrap-anywhere">{known.host}</code>
          {known.contact.last_success && (
            <span className="text-muted block text-xs">
              {t('system.lastSuccess')} <When at={known.contact.last_success} long />
            </span>
          )}
          <Foreign text={known.contact.problem} />
        </p>
      )}
      <TextField
        label={t('outpost.address')}
        hint={known ? t('outpost.kept') : t(`outpost.${kind}Hint`)}
        value={address}
        error={problem('address')}
        inputMode="url"
        autoComplete="off"
        autoCapitalize="none"
        data-testid={`outpost-${kind}-address`}
        onChange={(event) => setAddress(event.target.value)}
      />
      <TextField
        label={t(`outpost.${kind}Minutes`)}
        value={minutes}
        error={problem('minutes')}
        inputMode="numeric"
        autoComplete="off"
        data-testid={`outpost-${kind}-minutes`}
        onChange={(event) => setMinutes(event.target.value)}
      />
      {(save.error || drop.error) && refused.length === 0 && <ErrorNote error={save.error ?? drop.error} />}
      <div className="flex flex-wrap justify-end gap-2">
        {known && (
          <Button busy={drop.isPending} onClick={() => drop.mutate(undefined)} data-testid={`outpost-${kind}-drop`}>
            {t('outpost.drop')}
          </Button>
        )}
        <Button type="submit" tone="primary" busy={save.isPending} data-testid={`outpost-${kind}-save`}>
          {t('common.save')}
        </Button>
      </div>
    </form>
  );
}
