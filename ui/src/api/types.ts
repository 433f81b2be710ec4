/**
 * Shapes of the server's API (`api/v1`). Amounts, prices and quantities are decimal strings; what the contract
 * calls a number is a number. Times are ISO 8601 in UTC.
 */

export type Decimal = string;
export type Instant = string;
export type Day = string;

export interface Page<T> {
  items: T[];
  next?: string | null;
}

export interface Problem {
  type?: string;
  title?: string;
  status: number;
  detail?: string;
  code?: string;
  pointer?: string;
  trace_id?: string;
  errors?: { pointer: string; code: string; detail: string }[];
}

export type Role = 'admin' | 'user';
export type Language = 'ko' | 'en';

export interface SessionUser {
  id: string;
  username: string;
  role: Role;
  language: Language;
}

export interface Login {
  access_token: string;
  token_type: 'bearer';
  expires_in: number;
  user: SessionUser;
}

export interface SystemInfo {
  version: string;
  simulation: boolean;
  speed: number | null;
  market_time: Instant;
  wall_time: Instant;
  setup_required: boolean;
  registration: 'open' | 'closed';
}

export interface Profile extends SessionUser {
  email: string | null;
  created_at: Instant;
}

export interface LoginSession {
  id: string;
  created_at: Instant;
  last_used_at: Instant;
  client: string | null;
  address?: string | null;
  current: boolean;
}

export type Environment = 'mock' | 'live';
export type Mode = 'observe' | 'trading';

export type TimeRule =
  | { type: 'kst'; time: string }
  | { type: 'after_open'; minutes: number }
  | { type: 'before_close'; minutes: number };

export interface Schedule {
  decision: TimeRule;
  twap_start: TimeRule;
  twap_end: TimeRule;
  twap_count: number;
  closing_buy: TimeRule;
}

export interface AccountSettings {
  schedule: Schedule;
  total_budget: number | null;
  auto_start: boolean;
  auto_start_threshold: number;
  bot_sync: boolean;
  fee_rate: number;
}

export type Unsettled =
  | { type: 'unbooked_fills'; sheet_id: string; name: string; quantity: number; total: number }
  | { type: 'duplicate_holdings'; name: string; rows: number };

export interface Attention {
  code: string;
  detail: string;
  since: Instant;
}

export interface Account {
  id: string;
  name: string;
  environment: Environment;
  mode: Mode;
  version: number;
  created_at: Instant;
  started_at: Instant | null;
  broker_key: { present: boolean; masked_app_key: string; masked_account: string } | null;
  telegram: { present: boolean; chat_id: string } | null;
  settings: AccountSettings;
  unsettled: Unsettled[];
  attention: Attention[];
  live_locked: boolean;
  imported_at: Instant | null;
}

export interface BrokerKeyInput {
  environment: Environment;
  app_key: string;
  app_secret: string;
  account_no: string;
}

export interface BrokerCheck {
  ok: boolean;
  checks: { name: 'token' | 'balance' | 'price'; ok: boolean; detail: string }[];
}

export interface UpcomingSession {
  session: Day;
  open: Instant;
  close: Instant;
  early: boolean;
  decision: Instant;
  slices: Instant[];
  closing_buy: Instant;
  message: Instant;
  moved: (string | { job: string; n: number; wanted: string; actual: string; reason: string })[];
}

export interface SeasonTimes {
  decision: string;
  slices: string[];
  closing_buy: string;
  message: string;
}

export interface ScheduleView {
  schedule: Schedule;
  upcoming: UpcomingSession[];
  seasons: { summer: SeasonTimes; winter: SeasonTimes };
  clock_offset_ms?: number | null;
}

export interface Run {
  slot: string;
  job: 'readiness' | 'decision' | 'slice' | 'closing' | 'message' | 'report';
  /** Number of the slice, from 1; 0 for other jobs. */
  n: number;
  session: Day;
  due_at: Instant;
  started_at: Instant | null;
  finished_at: Instant | null;
  state: 'done' | 'running' | 'failed' | 'missed';
  detail: string | null;
}

export type PointCurve = 'P1' | 'P1_2' | 'P2_3';
export type TradeKind = 'SELL' | 'SELL_1_4' | 'SELL_3_4' | 'SELL_PART' | 'BUY' | 'BUY_FORCE' | 'HOLD';
export type Side = 'buy' | 'sell';

export interface PriceAt {
  value: Decimal;
  at: Instant;
  source?: string;
}

export interface ClosingCondition {
  drop_rate: number;
  seed_rate: number;
}

export interface BotSettings {
  name: string;
  symbol: string;
  active: boolean;
  seed: Decimal;
  profit_rate: number;
  t_div: number;
  max_tier: number;
  buy_below_average: boolean;
  buy_below_point: boolean;
  point_curve: PointCurve;
  skip_sell: boolean;
  closing_conditions: ClosingCondition[];
  sell_cooldown_days: number;
  sell_cooldown_loss_only: boolean;
  trailing_enabled: boolean;
  trailing_t_threshold: number;
  trailing_stop_pct: number;
  trailing_floor_rate: number;
  added_seed: Decimal;
}

export interface Bot extends BotSettings {
  id: string;
  account_id: string;
  market: string;
  position: number;
  version: number;
  trailing_mode: boolean;
  trailing_high_watermark: Decimal;
  trailing_stop: Decimal;
  legacy: Record<string, unknown>;
  holding: { quantity: Decimal; average_price: Decimal; total: Decimal } | null;
  t: number;
  point: number | null;
  point_price: Decimal | null;
  price: PriceAt | null;
  cycle_start: Instant | null;
  cycle_profit: Decimal;
}

export type NewBot = Partial<BotSettings> &
  Pick<BotSettings, 'name' | 'symbol' | 'seed' | 'profit_rate' | 't_div' | 'max_tier'> & { account_id: string };

export interface Ladder {
  price: PriceAt | null;
  average_price: Decimal | null;
  point_price: Decimal | null;
  take_profit_price: Decimal | null;
  trailing_stop: Decimal | null;
  levels: { kind: LevelKind; price: Decimal; label: string }[];
  t: number;
  max_tier: number;
  seed: Decimal;
  invested: Decimal;
  budget: Decimal;
}
export type LevelKind = 'average' | 'point' | 'take_profit' | 'trailing_stop' | 'price' | 'closing_drop';

export interface PreviewRange {
  from: Decimal | null;
  to: Decimal | null;
  action: 'buy' | 'sell' | 'none' | 'trail';
  kind: TradeKind | null;
  quantity: Decimal | null;
  amount: Decimal | null;
  reason_code: string;
  reason: { ko: string; en: string };
  current: boolean;
}

export interface PreviewItem {
  bot_id: string;
  bot_name: string;
  symbol: string;
  price: PriceAt | null;
  ranges: PreviewRange[];
  max_spend: Decimal;
  closing: { conditions: { price: Decimal; amount: Decimal }[] } | null;
}

export interface Preview {
  session: Day;
  decided_at: Instant;
  closing_at: Instant;
  items: PreviewItem[];
  max_spend_total: Decimal;
  cash: PriceAt | null;
}

export interface RenewalRequest {
  account_id: string;
  tickers: { symbol: string; count: number }[];
  dry_run: boolean;
}

export interface RenewalResult {
  bots: (Partial<Bot> & Pick<Bot, 'name' | 'symbol' | 'seed' | 'max_tier'>)[];
  removed: string[];
  orphans: string[];
}

export type OrderState =
  | 'intent'
  | 'sent'
  | 'accepted'
  | 'partially_filled'
  | 'filled'
  | 'rejected'
  | 'cancelled'
  | 'expired'
  | 'unknown';

export interface Order {
  id: string;
  account_id: string;
  bot_id: string | null;
  bot_name: string;
  symbol: string;
  market: string;
  side: Side;
  quantity: Decimal;
  filled_quantity: Decimal;
  price: Decimal;
  filled_amount: Decimal;
  average_price: Decimal | null;
  status: string;
  state: OrderState;
  broker_order_no: string | null;
  reason: { code: string; message: string } | null;
  origin: 'slice' | 'closing' | 'force_sell';
  environment: Environment;
  created_at: Instant;
  updated_at: Instant;
}

export interface OrderDetail extends Order {
  events: { seq: number; at: Instant; type: string; detail: unknown }[];
}

export interface Sheet {
  id: string;
  bot_id: string | null;
  bot_name: string;
  symbol: string;
  kind: TradeKind;
  session: Day;
  slices_total: number;
  slices_left: number;
  total: Decimal;
  remaining: Decimal;
  results: (null | { quantity: Decimal; unit_price: Decimal; total: Decimal })[];
  slice_times: Instant[];
  orders: Order[];
}

export interface Position {
  market: string;
  symbol: string;
  quantity: Decimal;
  cost: Decimal;
  average_price: Decimal;
  realised: Decimal;
  charges: Decimal;
}

export interface Holding {
  id: string;
  bot_id: string | null;
  name: string;
  symbol: string;
  quantity: Decimal;
  average_price: Decimal;
  total: Decimal;
  last_kind: TradeKind;
  cycle_start: Instant;
  last_trade_at: Instant;
  reserve: boolean;
  orphan: boolean;
}

export interface Positions {
  items: Position[];
  holdings: Holding[];
}

export interface HistoryRow {
  id: string;
  bot: string;
  bot_id: string | null;
  symbol: string;
  trade_type: TradeKind;
  trade_date: Instant;
  cycle_date: Instant;
  quantity: Decimal | null;
  quantity_derived: boolean;
  buy_price: Decimal;
  sell_price: Decimal;
  profit: Decimal;
  profit_rate: number;
}

export interface HistoryPage extends Page<HistoryRow> {
  totals: { buys: number; sells: number; profit_usd: Decimal };
}

export interface HistorySummary {
  years: {
    year: number;
    profit_usd: Decimal;
    profit_krw: Decimal | null;
    months: {
      month: string;
      profit_usd: Decimal;
      profit_krw: Decimal | null;
      rate: Decimal | number | null;
      rate_source: string | null;
    }[];
  }[];
  total_usd: Decimal;
}

export interface HoldingCorrection {
  account_id: string;
  holding_id?: string;
  name?: string;
  symbol?: string;
  quantity: Decimal;
  average_price: Decimal;
  reserve?: boolean;
  note: string;
}

export interface HistoryCorrection {
  account_id: string;
  name: string;
  symbol: string;
  trade_type: TradeKind;
  quantity: Decimal;
  buy_price: Decimal;
  sell_price: Decimal;
  trade_date?: Instant;
  note: string;
}

export interface SummaryBot {
  bot_id: string;
  name: string;
  symbol: string;
  account_id: string;
  active: boolean;
  quantity: Decimal | null;
  average_price: Decimal | null;
  price: Decimal | PriceAt | null;
  profit_usd: Decimal | null;
  profit_rate: number | null;
  t: number;
  max_tier: number;
  point: number | null;
  point_price: Decimal | null;
  progress_rate: number;
  days: number | null;
  cycle_profit_usd: Decimal | null;
  cycle_start: Instant | null;
}

export interface RateAt {
  usd_krw: Decimal | number;
  source: string;
  at: Instant;
}

export interface Summary {
  total_usd: Decimal | null;
  total_krw: Decimal | null;
  invested_usd: Decimal;
  cost_usd: Decimal;
  cash_usd: Decimal | null;
  reserve_usd: Decimal;
  profit_usd: Decimal;
  profit_krw: Decimal | null;
  profit_rate: number;
  max_seed_usd: Decimal;
  seed_use_rate: number;
  seed_per_turn_usd: Decimal;
  one_day_seed_usd: Decimal;
  withdrawable_usd: Decimal | null;
  today_profit_usd: Decimal;
  realised_total_usd: Decimal;
  rate: RateAt | null;
  cash: { at: Instant } | null;
  alerts: { code: 'low_cash' | 'high_cash'; detail: string }[];
  prices_at: Instant | null;
  bots: SummaryBot[];
}

export interface Indicator {
  symbol: string;
  price: PriceAt | null;
  rsi: { value: number; level: string; at: Day } | null;
  ma20: Decimal | number | null;
  ma60: Decimal | number | null;
  trend: string | null;
  drawdown: { rate: number; high: Decimal; high_date: Day } | null;
  atr: Decimal | number | null;
  closes: { date: Day; close: Decimal | number }[];
  source: string | null;
  at: Instant | null;
}

export interface Indicators {
  items: Indicator[];
  vix: number | null;
  usd_krw: PriceAt | null;
}

export interface AlertItem {
  id: string;
  account_id: string | null;
  at: Instant;
  code: string;
  level: 'info' | 'warning' | 'error';
  text: { ko: string; en: string };
  read: boolean;
  data: unknown;
}

export interface AlertPage extends Page<AlertItem> {
  unread: number;
}

/** An import's report is shown as it comes: its tables are open-ended. */
export interface ImportReport {
  tables?: Record<string, unknown>;
  imported?: Record<string, unknown>;
  refused?: { table: string; row: unknown; reason: string }[];
  unplaced?: unknown[];
  warnings?: unknown[];
  unbooked?: unknown[];
  schedule?: {
    as_stored?: Record<string, unknown> | null;
    proposed?: Schedule | null;
    seasons?: { summer?: Partial<SeasonTimes>; winter?: Partial<SeasonTimes> };
  } | null;
  secrets?: {
    app_key_masked?: string | null;
    account_masked?: string | null;
    telegram?: boolean;
    environment?: string | null;
  } | null;
  [other: string]: unknown;
}

export interface ImportUpload {
  id: string;
  report: ImportReport;
  account_name: string;
  expires_at: Instant;
}

export interface ImportConfirm {
  account_name?: string;
  skip_refused?: boolean;
  book_fills?: boolean;
  session_relative?: boolean;
}

export interface AdminUser {
  id: string;
  username: string;
  role: Role;
  active: boolean;
  created_at: Instant;
  accounts: number;
}

export interface AdminSystem {
  version: string;
  uptime_s: number;
  store_bytes: number;
  users: number;
  accounts: number;
  memory_bytes: number | null;
  disk_free_bytes: number | null;
}

export type LiveEvent =
  | { type: 'ready' }
  /** Some events were missed. */
  | { type: 'resync' }
  | { type: 'error'; code: string; detail: string }
  | { type: 'order'; account_id: string; order: Order }
  | {
      type: 'fill';
      account_id: string;
      order_id: string;
      symbol: string;
      side: Side;
      quantity: Decimal;
      price: Decimal;
      bot_name: string;
    }
  | { type: 'sheet'; account_id: string; sheet_id: string }
  | { type: 'alert'; alert: AlertItem }
  | { type: 'account'; account_id: string }
  | { type: 'portfolio'; account_id: string }
  | { type: 'clock'; market_time: Instant };
