import { useTranslation } from 'react-i18next';
import type { Bot, BotSettings } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Note } from '../../components/ui/feedback';
import { percent } from '../../lib/format';
import { changedFields } from './settings';

/** Somebody else saved the bot meanwhile: shows what they changed beside what is about to be saved. */
export function ConflictNote({
  base,
  theirs,
  mine,
  onTheirs,
  onMine,
}: {
  base: Bot;
  theirs: Bot;
  mine: Partial<BotSettings>;
  onTheirs: () => void;
  onMine: () => void;
}) {
  const { t } = useTranslation();
  const changed = new Set([...changedFields(base, theirs), ...(Object.keys(mine) as (keyof BotSettings)[])]);
  return (
    <Note tone="warning" testId="conflict">
      <p className="font-semibold">{t('conflict.title')}</p>
      <p>{t('conflict.text')}</p>
      <table className="my-2 w-full text-xs">
        <thead>
          <tr className="text-left">
            <th scope="col">{t('conflict.field')}</th>
            <th scope="col">{t('conflict.before')}</th>
            <th scope="col">{t('conflict.theirs')}</th>
            <th scope="col">{t('conflict.mine')}</th>
          </tr>
        </thead>
        <tbody>
          {[...changed].map((field) => (
            <tr key={field} className="border-line border-t align-top">
              <th scope="row" className="py-1 pr-2 text-left font-medium">
                {t(`botField.${field}`)}
              </th>
              <td className="pr-2">{shown(field, base[field], t)}</td>
              <td className="pr-2">{shown(field, theirs[field], t)}</td>
              <td>{field in mine ? shown(field, mine[field], t) : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="flex flex-wrap gap-2">
        <Button onClick={onTheirs}>{t('conflict.useTheirs')}</Button>
        <Button tone="primary" onClick={onMine} data-testid="conflict-mine">
          {t('conflict.useMine')}
        </Button>
      </div>
    </Note>
  );
}

const FRACTIONS = new Set(['profit_rate', 'trailing_t_threshold', 'trailing_stop_pct', 'trailing_floor_rate']);

function shown(field: string, value: unknown, t: (key: string) => string): string {
  if (typeof value === 'boolean') return t(value ? 'common.on' : 'common.off');
  if (FRACTIONS.has(field)) return percent(value as number) ?? '–';
  if (Array.isArray(value)) {
    return (
      value.map((item) => `${percent(item.drop_rate)} → ${percent(item.seed_rate)}`).join(', ') || t('common.none')
    );
  }
  return String(value);
}
