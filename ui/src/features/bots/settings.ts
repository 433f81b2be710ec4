import { z } from 'zod';
import type { Bot, BotSettings } from '../../api/types';
import { canonical, fractionOf, percentText, round } from '../../lib/decimal';
import { decimalField, requiredText, wholeField } from '../../lib/forms';

/** A bot's settings as form text and back. Percents are typed as percent and stored as exact fractions. */

const percentField = (bounds: Parameters<typeof decimalField>[0]) =>
  decimalField(bounds).transform((value) => Number(fractionOf(value)));

const condition = z.object({
  drop_rate: percentField({ above: '0', max: '100' }),
  seed_rate: percentField({ above: '0', max: '1000' }),
});

export const botSchema = z.object({
  name: requiredText(40),
  symbol: requiredText(12).transform((text) => text.toUpperCase()),
  active: z.boolean(),
  seed: decimalField({ above: '0' }),
  max_tier: wholeField({ min: '1', max: '1000' }),
  profit_rate: percentField({ above: '0', max: '1000' }),
  t_div: wholeField({ min: '1', max: '100' }),
  point_curve: z.enum(['P1', 'P1_2', 'P2_3']),
  buy_below_average: z.boolean(),
  buy_below_point: z.boolean(),
  skip_sell: z.boolean(),
  added_seed: decimalField(),
  closing_conditions: z.array(condition).superRefine((list, context) => {
    list.forEach((item, index) => {
      if (list.findIndex((other) => other.drop_rate === item.drop_rate) < index) {
        context.addIssue({ code: 'custom', path: [index, 'drop_rate'], message: 'form.duplicate' });
      }
    });
  }),
  sell_cooldown_days: wholeField({ min: '0', max: '365' }),
  sell_cooldown_loss_only: z.boolean(),
  trailing_enabled: z.boolean(),
  trailing_t_threshold: percentField({ min: '0', max: '100' }),
  trailing_stop_pct: percentField({ above: '0', max: '100' }),
  trailing_floor_rate: percentField({ min: '0', max: '100' }),
});

export type BotText = z.input<typeof botSchema>;
export const botFields = Object.keys(botSchema.shape) as (keyof BotSettings)[];

/** An amount as it is typed: the crumbs of binary floats in old data are no part of it. */
const plain = (amount: string): string => canonical(round(amount, 6));

/** What a new bot starts with; percents as text. */
export const newBotText: BotText = {
  name: '',
  symbol: '',
  active: true,
  seed: '',
  max_tier: '40',
  profit_rate: '10',
  t_div: '20',
  point_curve: 'P1',
  buy_below_average: true,
  buy_below_point: true,
  skip_sell: false,
  added_seed: '0',
  closing_conditions: [],
  sell_cooldown_days: '0',
  sell_cooldown_loss_only: false,
  trailing_enabled: false,
  trailing_t_threshold: '30',
  trailing_stop_pct: '10',
  trailing_floor_rate: '10',
};

export function textOf(bot: Bot): BotText {
  return {
    name: bot.name,
    symbol: bot.symbol,
    active: bot.active,
    seed: plain(bot.seed),
    max_tier: String(bot.max_tier),
    profit_rate: percentText(bot.profit_rate),
    t_div: String(bot.t_div),
    point_curve: bot.point_curve,
    buy_below_average: bot.buy_below_average,
    buy_below_point: bot.buy_below_point,
    skip_sell: bot.skip_sell,
    added_seed: plain(bot.added_seed),
    closing_conditions: bot.closing_conditions.map((item) => ({
      drop_rate: percentText(item.drop_rate),
      seed_rate: percentText(item.seed_rate),
    })),
    sell_cooldown_days: String(bot.sell_cooldown_days),
    sell_cooldown_loss_only: bot.sell_cooldown_loss_only,
    trailing_enabled: bot.trailing_enabled,
    trailing_t_threshold: percentText(bot.trailing_t_threshold),
    trailing_stop_pct: percentText(bot.trailing_stop_pct),
    trailing_floor_rate: percentText(bot.trailing_floor_rate),
  };
}

const DECIMAL_TEXT = new Set<keyof BotSettings>(['seed', 'added_seed']);

function same(field: keyof BotSettings, a: unknown, b: unknown): boolean {
  if (DECIMAL_TEXT.has(field)) return plain(String(a)) === plain(String(b));
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The fields in which two states of a bot differ. */
export function changedFields(before: BotSettings, after: BotSettings): (keyof BotSettings)[] {
  return botFields.filter((field) => !same(field, before[field], after[field]));
}

/** Only what the person changed is sent, so that two people's edits of different fields do not undo each other. */
export function patchOf(base: BotSettings, edited: BotSettings): Partial<BotSettings> {
  return Object.fromEntries(
    changedFields(base, edited)
      .filter((field) => field !== 'name')
      .map((field) => [field, edited[field]]),
  );
}
