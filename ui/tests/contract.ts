import type { components } from '../src/api/schema';
import type * as Mine from '../src/api/types';

/**
 * Compiled by `npm run check`, never run: the hand-written types must name exactly the members of the server's
 * document. They are narrower than the generated ones where the document only says "string" or "object".
 */

type Server = components['schemas'];

type SameMembers<A, B> = [Exclude<keyof A, keyof B>] extends [never]
  ? [Exclude<keyof B, keyof A>] extends [never]
    ? true
    : { missing: Exclude<keyof B, keyof A> }
  : { unknown: Exclude<keyof A, keyof B> };

interface Pairs {
  account: SameMembers<Mine.Account, Server['AccountView']>;
  settings: SameMembers<Mine.AccountSettings, Server['SettingsView']>;
  attention: SameMembers<Mine.Attention, Server['AttentionView']>;
  brokerKey: SameMembers<NonNullable<Mine.Account['broker_key']>, Server['MaskedKey']>;
  chat: SameMembers<NonNullable<Mine.Account['telegram']>, Server['MaskedChat']>;
  brokerKeyInput: SameMembers<Mine.BrokerKeyInput, Server['NewBrokerKey']>;
  brokerCheck: SameMembers<Mine.BrokerCheck, Server['KeyTest']>;
  // The clock's offset is optional: a server that does not measure it leaves it out.
  schedule: SameMembers<Omit<Mine.ScheduleView, 'clock_offset_ms'>, Server['ScheduleView']>;
  run: SameMembers<Mine.Run, Server['RunView']>;
  bot: SameMembers<Mine.Bot, Server['BotView']>;
  newBot: SameMembers<Mine.NewBot, Server['NewBotInput']>;
  botChange: SameMembers<Omit<Mine.BotSettings, 'name'> & { version: number }, Server['BotChange']>;
  held: SameMembers<NonNullable<Mine.Bot['holding']>, Server['HeldView']>;
  ladder: SameMembers<Mine.Ladder, Server['LadderView']>;
  level: SameMembers<Mine.Ladder['levels'][number], Server['LevelView']>;
  preview: SameMembers<Mine.Preview, Server['PreviewView']>;
  previewItem: SameMembers<Mine.PreviewItem, Server['BotPreviewView']>;
  previewRange: SameMembers<Mine.PreviewRange, Server['RangeView']>;
  renewal: SameMembers<Mine.RenewalRequest, Server['RenewalInput']>;
  renewed: SameMembers<Mine.RenewalResult, Server['RenewalView']>;
  order: SameMembers<Mine.Order, Server['OrderView']>;
  orderDetail: SameMembers<Mine.OrderDetail, Server['OrderDetail']>;
  sheet: SameMembers<Mine.Sheet, Server['SheetView']>;
  position: SameMembers<Mine.Position, Server['PositionView']>;
  holding: SameMembers<Mine.Holding, Server['HoldingView']>;
  historyRow: SameMembers<Mine.HistoryRow, Server['HistoryRowView']>;
  historyPage: SameMembers<Mine.HistoryPage, Server['HistoryView']>;
  profit: SameMembers<Mine.HistorySummary, Server['ProfitView']>;
  year: SameMembers<Mine.HistorySummary['years'][number], Server['YearView']>;
  month: SameMembers<Mine.HistorySummary['years'][number]['months'][number], Server['MonthView']>;
  holdingCorrection: SameMembers<Mine.HoldingCorrection, Server['HoldingInput']>;
  historyCorrection: SameMembers<Mine.HistoryCorrection, Server['HistoryInput']>;
  summary: SameMembers<Mine.Summary, Server['SummaryView']>;
  summaryBot: SameMembers<Mine.SummaryBot, Server['BotFiguresView']>;
  indicators: SameMembers<Mine.Indicators, Server['IndicatorsView']>;
  indicator: SameMembers<Mine.Indicator, Server['IndicatorView']>;
  price: SameMembers<Mine.PriceAt, Server['ValueAt']>;
  rate: SameMembers<Mine.RateAt, Server['RateView']>;
  alert: SameMembers<Mine.AlertItem, Server['AlertView']>;
  alerts: SameMembers<Mine.AlertPage, Server['Alerts']>;
  upload: SameMembers<Mine.ImportUpload, Server['StagedImport']>;
  confirmation: SameMembers<Mine.ImportConfirm, Server['Confirmation']>;
  system: SameMembers<Mine.SystemInfo, Server['SystemInfo']>;
  profile: SameMembers<Mine.Profile, Server['Profile']>;
  user: SameMembers<Mine.SessionUser, Server['SignedInUser']>;
  session: SameMembers<Mine.LoginSession, Server['SessionItem']>;
  adminUser: SameMembers<Mine.AdminUser, Server['UserItem']>;
  adminSystem: SameMembers<Mine.AdminSystem, Server['SystemReport']>;
}

type Wrong = { [K in keyof Pairs as Pairs[K] extends true ? never : K]: Pairs[K] };

export const nothingWrong: Wrong extends Record<string, never> ? true : Wrong = true;
