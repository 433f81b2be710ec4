import { useTranslation } from 'react-i18next';
import type { TimeRule } from '../../api/types';
import { SelectField, TextField } from '../../components/ui/field';
import { converted, kstOf, newYorkOf } from './rules';

const TYPES: TimeRule['type'][] = ['kst', 'after_open', 'before_close'];

/** One time of the schedule: as Korean clock time or in exchange terms, with both seasons beside it. */
export function RuleEditor({
  name,
  rule,
  error,
  onChange,
}: {
  name: string;
  rule: TimeRule;
  error?: string;
  onChange: (rule: TimeRule) => void;
}) {
  const { t } = useTranslation();
  return (
    <fieldset className="border-line min-w-0 border-t pt-3" data-testid={`rule-${name}`}>
      <legend className="float-left mb-2 w-full text-sm font-bold">{t(`schedule.${name}`)}</legend>
      <div className="clear-both grid grid-cols-2 items-start gap-3 ">
        <SelectField
          label={t('schedule.ruleType')}
          value={rule.type}
          data-testid={`rule-${name}-type`}
          onChange={(event) => onChange(converted(rule, event.target.value as TimeRule['type']))}
        >
          {TYPES.map((type) => (
            <option key={type} value={type}>
              {t(`rule.${type}`)}
            </option>
          ))}
        </SelectField>
        {rule.type === 'kst' ? (
          <TextField
            label={t('schedule.kstTime')}
            inputMode="numeric"
            placeholder="00:05"
            maxLength={5}
            value={rule.time.replace(/^(\d{2}:\d{2}):\d{2}$/, '$1')}
            error={error}
            data-testid={`rule-${name}-time`}
            onChange={(event) => onChange({ type: 'kst', time: fullTime(event.target.value) })}
          />
        ) : (
          <TextField
            label={t('schedule.minutes')}
            type="number"
            min={0}
            max={390}
            value={Number.isNaN(rule.minutes) ? '' : rule.minutes}
            error={error}
            data-testid={`rule-${name}-minutes`}
            onChange={(event) =>
              onChange({
                type: rule.type,
                minutes: event.target.value === '' ? Number.NaN : Number(event.target.value),
              })
            }
          />
        )}
        {ruleError(rule) === null && <Seasons rule={rule} />}
      </div>
    </fieldset>
  );
}

/** `00:05` as it is sent; anything unfinished stays as typed. */
const fullTime = (text: string): string => (/^\d{2}:\d{2}$/.test(text) ? `${text}:00` : text);

function Seasons({ rule }: { rule: TimeRule }) {
  const { t } = useTranslation();
  return (
    <dl className="bg-sunken col-span-2 grid grid-cols-2 gap-x-3 rounded-lg px-3 py-2 text-sm">
      {(['summer', 'winter'] as const).map((season) => (
        <div key={season}>
          <dt className="text-muted text-xs">{t(`schedule.${season}`)}</dt>
          <dd>
            <span className="num font-semibold">{kstOf(rule, season)}</span>
            <span className="num text-muted block text-xs">
              {t('time.newYork')} {newYorkOf(rule, season)}
            </span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function ruleError(rule: TimeRule): string | null {
  if (rule.type === 'kst') return /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/.test(rule.time) ? null : 'form.time';
  return Number.isInteger(rule.minutes) && rule.minutes >= 0 && rule.minutes <= 390 ? null : 'schedule.minutesRange';
}
