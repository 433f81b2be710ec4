import { useFieldArray } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Button } from '../../components/ui/button';
import { TextField } from '../../components/ui/field';
import { issueText } from '../../lib/forms';
import type { BotFormApi } from './BotForm';

const MOST = 3;

/** Rules of the closing-drop buy: "fallen by x % against the previous close → buy y % of the seed". */
export function ClosingConditions({ form }: { form: BotFormApi }) {
  const { t } = useTranslation();
  const { fields, append, remove } = useFieldArray({ control: form.control, name: 'closing_conditions' });
  const errors = form.formState.errors.closing_conditions;
  return (
    <fieldset className="border-line min-w-0 border-t pt-4">
      <legend className="float-left mb-1 w-full text-sm font-bold">{t('botField.closing_conditions')}</legend>
      <p className="text-muted clear-both mb-3 text-xs">{t('botForm.closingHint')}</p>
      <ul className="space-y-3">
        {fields.map((item, index) => (
          <li key={item.id} className="flex items-start gap-2">
            <TextField
              className="flex-1"
              label={t('botForm.dropRate')}
              unit="%"
              error={issueText(t, errors?.[index]?.drop_rate?.message)}
              data-testid={`bot-closing-${index}-drop`}
              {...form.register(`closing_conditions.${index}.drop_rate`)}
            />
            <TextField
              className="flex-1"
              label={t('botForm.seedRate')}
              unit="%"
              error={issueText(t, errors?.[index]?.seed_rate?.message)}
              data-testid={`bot-closing-${index}-seed`}
              {...form.register(`closing_conditions.${index}.seed_rate`)}
            />
            <Button tone="quiet" className="mt-6 px-2" onClick={() => remove(index)}>
              {t('common.remove')}
            </Button>
          </li>
        ))}
      </ul>
      <Button
        className="mt-3"
        disabled={fields.length >= MOST}
        data-testid="bot-closing-add"
        onClick={() => append({ drop_rate: '', seed_rate: '' })}
      >
        {t('botForm.addCondition')}
      </Button>
    </fieldset>
  );
}
