import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSaveUserRules, useUserRules } from '../../api/queries/admin';
import type { AdminUser, UserRules } from '../../api/types';
import { Button } from '../../components/ui/button';
import { Dialog } from '../../components/ui/dialog';
import { ErrorNote, QueryView } from '../../components/ui/feedback';
import { SwitchField, TextField } from '../../components/ui/field';
import { useToast } from '../../components/ui/toast';
import { compare, readDecimal } from '../../lib/decimal';
import { issueText, refusedFields } from '../../lib/forms';

/** What an administrator lets one user do. */
export function RulesDialog({ user, onClose }: { user: AdminUser; onClose: () => void }) {
  const { t } = useTranslation();
  const query = useUserRules(user.id);
  return (
    <Dialog open onClose={onClose} title={t('rules.title', { user: user.username })} testId="rules-dialog">
      <QueryView query={query} rows={2}>
        {(rules) => <RulesForm user={user} rules={rules} onClose={onClose} />}
      </QueryView>
    </Dialog>
  );
}

const MOST = '4000000000';

/** An empty field is no limit. */
function readLimit(text: string): { value: number | null; error: string | null } {
  if (text.trim() === '') return { value: null, error: null };
  const value = readDecimal(text);
  if (value === null) return { value: null, error: 'form.number' };
  if (value.includes('.')) return { value: null, error: 'form.places|0' };
  // Nothing at all is a matter of the permissions above.
  if (compare(value, '1') < 0) return { value: null, error: 'form.min|1' };
  if (compare(value, MOST) > 0) return { value: null, error: `form.max|${MOST}` };
  return { value: Number(value), error: null };
}

/** Kinds of instruments that a permission tells apart. */
const PRODUCTS = ['stock', 'etf'] as const;
type Product = (typeof PRODUCTS)[number];

function RulesForm({ user, rules, onClose }: { user: AdminUser; rules: UserRules; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const save = useSaveUserRules(user.id);
  const [paper, setPaper] = useState(rules.can_paper_trade);
  const [real, setReal] = useState(rules.can_real_trade);
  const [products, setProducts] = useState<readonly Product[]>(rules.allowed_products ?? PRODUCTS);
  const [dailyText, setDailyText] = useState(String(rules.daily_trade_limit ?? ''));
  const daily = readLimit(dailyText);
  const [callsText, setCallsText] = useState(String(rules.api_calls_limit ?? ''));
  const calls = readLimit(callsText);
  const refused = refusedFields(save.error, ['daily_trade_limit', 'api_calls_limit']);
  const refusal = (field: string) => refused.find((fault) => fault.field === field)?.detail;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (daily.error || calls.error) return;
    save.mutate(
      {
        ...rules,
        can_paper_trade: paper,
        can_real_trade: real,
        daily_trade_limit: daily.value,
        api_calls_limit: calls.value,
        allowed_products: products.length === PRODUCTS.length ? null : [...products],
      },
      {
        onSuccess: () => {
          toast({ text: t('rules.saved', { user: user.username }), tone: 'ok', testId: 'rules-saved' });
          onClose();
        },
      },
    );
  };
  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      <SwitchField
        label={t('rules.can_paper_trade')}
        hint={t('rules.can_paper_trade_hint')}
        checked={paper}
        data-testid="rules-paper"
        onChange={(event) => setPaper(event.target.checked)}
      />
      <SwitchField
        label={t('rules.can_real_trade')}
        hint={t('rules.can_real_trade_hint')}
        checked={real}
        data-testid="rules-real"
        onChange={(event) => setReal(event.target.checked)}
      />
      <TextField
        label={t('rules.daily_trade_limit')}
        hint={t('rules.daily_trade_limit_hint')}
        value={dailyText}
        error={refusal('daily_trade_limit') ?? issueText(t, daily.error ?? undefined)}
        inputMode="numeric"
        autoComplete="off"
        placeholder={t('limits.none')}
        data-testid="rules-daily_trade_limit"
        onChange={(event) => setDailyText(event.target.value)}
      />
      <TextField
        label={t('rules.api_calls_limit')}
        hint={t('rules.api_calls_limit_hint')}
        value={callsText}
        error={refusal('api_calls_limit') ?? issueText(t, calls.error ?? undefined)}
        inputMode="numeric"
        autoComplete="off"
        placeholder={t('limits.none')}
        data-testid="rules-api_calls_limit"
        onChange={(event) => setCallsText(event.target.value)}
      />
      {PRODUCTS.map((product) => (
        <SwitchField
          key={product}
          label={t(`rules.may_buy_${product}`)}
          checked={products.includes(product)}
          data-testid={`rules-${product}`}
          onChange={(event) =>
            setProducts(
              PRODUCTS.filter((other) => (other === product ? event.target.checked : products.includes(other))),
            )
          }
        />
      ))}
      <p className="text-muted text-xs">{t('rules.products_hint')}</p>
      {save.error && <ErrorNote error={save.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button type="submit" tone="primary" busy={save.isPending} data-testid="rules-save">
          {t('common.save')}
        </Button>
      </div>
    </form>
  );
}
