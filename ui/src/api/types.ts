/**
 * Names for the shapes of the server's API (`api/v1`), all taken from the description that the server
 * writes of itself (`openapi.json`, by `npm run api`), so that the two cannot drift apart. Amounts,
 * prices and quantities are decimal strings; times are ISO 8601 in UTC.
 */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Decimal = string;
export type Instant = string;
export type Day = string;

export interface Page<T> {
  items: T[];
  next?: string | null;
}

/** The server always sends all of it; what stands between may not. */
export type Problem = Partial<
  Pick<Schemas['Problem'], 'type' | 'title' | 'detail' | 'code' | 'pointer' | 'trace_id' | 'errors'>
> & {
  status: number;
  broker_code?: string;
  broker_message?: string;
  /** Of a refused order. */
  limit?: LimitHit;
  order_id?: string;
  /** Of a sign-in through a provider that wants the second factor. */
  continuation?: string;
};

export type Role = Schemas['Role'];
export type Language = Schemas['Language'];
export type SessionUser = Schemas['SignedInUser'];
export type Login = Schemas['TokenAnswer'];
export type SystemInfo = Schemas['SystemInfo'];
export type Profile = Schemas['Profile'];
export type LoginSession = Schemas['SessionItem'];
export type SecondFactor = Schemas['SecondFactor'];
export type ApiKeys = Schemas['ApiKeys'];
export type ApiKeyItem = Schemas['ApiKeyItem'];
export type NewKeyRequest = Schemas['NewKeyRequest'];
export type NewKey = Schemas['NewKey'];
export type Scope = Schemas['Scope'];
export type Enrolment = Schemas['Enrolment'];
export type OwnNetworks = Schemas['OwnNetworks'];
export type RecoveryCodes = Schemas['RecoveryCodes'];
export type PasswordSet = Schemas['PasswordSet'];
export type Registration = Schemas['RegisterRequest'];
export type OfferedProvider = Schemas['OfferedProvider'];
export type Departure = Schemas['DepartureAnswer'];
export type Arrival = Schemas['ArrivalRequest'];
export type LinkedIdentity = Schemas['LinkedIdentity'];
export type SignInProvider = Schemas['SignInProvider'];
export type NewSignInProvider = Schemas['NewSignInProvider'];
export type SignInProviderPatch = Schemas['SignInProviderPatch'];
export type ProviderTest = Schemas['ProviderTestResult'];
export type PublicAddress = Schemas['PublicAddress'];
export type GrantKind = Schemas['GrantKind'];
export type GivenGrant = Schemas['GivenGrant'];
export type NewGrant = Schemas['NewGrant'];
export type ReceivedGrant = Schemas['ReceivedGrant'];
export type SharedAccount = Schemas['SharedAccount'];

export type Environment = Schemas['Environment'];
export type BrokerHost = Schemas['BrokerHost'];
export type Mode = Schemas['AccountMode'];
export type TimeRule = Schemas['TimeRule'];
export type Schedule = Schemas['Schedule'];
export type AccountSettings = Schemas['SettingsView'];
export type AccountPatch = Schemas['AccountChange'];
export type Unsettled = Schemas['Unsettled'];
export type Settlement = Schemas['SettleRequest'];
export type Attention = Schemas['AttentionView'];
export type Account = Schemas['AccountView'];
export type Rung = Schemas['Rung'];
export type GoingLive = Schemas['GoingLiveView'];
export type Climb = Schemas['Move'];
export type Night = Schemas['NightView'];
export type NightLine = Schemas['NightLine'];
export type ExportReport = Schemas['ExportReport'];
export type ImportChanges = Schemas['Changes'];
export type BrokerKeyInput = Schemas['NewBrokerKey'];
export type ChatTest = Schemas['ChatTest'];
export type BrokerCheck = Schemas['KeyTest'];
export type NewAccount = Schemas['NewAccount'];
export type Balance = Schemas['BalanceView'];
export type UpcomingSession = Schemas['SessionTimes'];
/** Of an account's schedule, or as an import's report tells them. */
export type SeasonTimes = Schemas['EffectiveTimes'] | Schemas['SeasonClock'];
export type ScheduleView = Schemas['ScheduleView'];
export type Run = Schemas['RunView'];

export type PointCurve = Schemas['PointCurve'];
export type TradeKind = Schemas['TradeKind'];
export type Side = Schemas['Side'];
export type PriceAt = Schemas['ValueAt'];
export type ClosingCondition = Schemas['ConditionView'];
export type Bot = Schemas['BotView'];
/** What an owner sets; the rest of a bot is its state. */
export type BotSettings = Pick<Bot, Exclude<keyof Schemas['NewBotInput'], 'account_id'>>;
export type NewBot = Schemas['NewBotInput'];
export type BotPatch = Schemas['BotChange'];
export type Ladder = Schemas['LadderView'];
export type LevelKind = Schemas['LevelKind'];
export type PreviewRange = Schemas['RangeView'];
export type PreviewItem = Schemas['BotPreviewView'];
export type Preview = Schemas['PreviewView'];
export type RenewalRequest = Schemas['RenewalInput'];
export type RenewalResult = Schemas['RenewalView'];

export type OrderState = Schemas['OrderState'];
export type Order = Schemas['OrderView'];
export type OrderDetail = Schemas['OrderDetail'];
export type Venue = Schemas['Venue'];
export type OrderKind = Schemas['OrderKind'];
export type OrderRequest = Schemas['OrderRequest'];
export type OrderChange = Schemas['OrderChange'];
export type TicketPreview = Schemas['OrderPreview'];
export type Instrument = Schemas['InstrumentView'];
export type PowerBasis = Schemas['PowerBasis'];
export type Reason = Schemas['ReasonView'];
export type LimitHit = Schemas['LimitHit'];
export type Sheet = Schemas['SheetView'];

export type Position = Schemas['PositionView'];
export type Holding = Schemas['HoldingView'];
export type Positions = Schemas['PositionsView'];
export type HistoryRow = Schemas['HistoryRowView'];
export type HistoryPage = Schemas['HistoryView'];
export type HistorySummary = Schemas['ProfitView'];
export type HoldingCorrection = Schemas['HoldingInput'];
export type HistoryCorrection = Schemas['HistoryInput'];

export type SummaryBot = Schemas['BotFiguresView'];
export type CashHint = Schemas['HintView'];
export type RateAt = Schemas['RateView'];
export type Summary = Schemas['SummaryView'];
export type Indicator = Schemas['IndicatorView'];
export type Indicators = Schemas['IndicatorsView'];

/** Open questions about an account's books and its broker. */
export type Differences = Schemas['DifferencesView'];
export type Difference = Schemas['DifferenceView'];
export type CashDifference = Schemas['CashDifferenceView'];
export type DifferenceAnswer = Schemas['AnswerInput'];

export type AlertItem = Schemas['AlertView'];
export type AlertPage = Schemas['Alerts'];

export type ImportReport = Schemas['Report'];
export type ImportUpload = Schemas['StagedImport'];
export type ImportConfirm = Partial<Schemas['Confirmation']>;

export type DisclosureItem = Schemas['DisclosureItem'];
export type Remaining = Schemas['Remaining'];
export type TransferReport = Schemas['TransferReport'];
export type Erasure = Schemas['Erasure'];

export type AdminUser = Schemas['UserItem'];
export type PersonPatch = Schemas['PersonPatch'];
export type Person = Schemas['Person'];
export type StoppedAccount = Schemas['StoppedAccount'];
export type Invitation = Schemas['InvitationItem'];
export type NewInvitation = Schemas['NewInvitation'];
export type MadeInvitation = Schemas['MadeInvitation'];
export type ResetLink = Schemas['Reset'];
export type AuditItem = Schemas['AuditItem'];
export type AuditPage = Schemas['AuditPage'];
export type AdminSystem = Schemas['SystemReport'];
export type Episode = Schemas['Episode'];
export type Expiry = Schemas['Expiry'];
export type AccountEndsChange = Schemas['AccountEndsChange'];
export type LogPage = Schemas['LogPage'];
export type LogLine = Schemas['LogLine'];
export type MetricsTokenState = Schemas['MetricsTokenState'];
export type MadeMetricsToken = Schemas['MadeMetricsToken'];
export type OutpostView = Schemas['OutpostView'];
export type OutpostChange = Schemas['OutpostChange'];
export type Outposts = Schemas['Outposts'];
export type OutpostKind = keyof Outposts;
export type AdminSettings = Schemas['InstallationSettings'];
export type AdminSettingsPatch = Schemas['InstallationSettingsPatch'];
export type LiveTrading = Schemas['LiveTrading'];
export type UserRules = Schemas['Rules'];
export type KillSwitch = Schemas['KillSwitch'];
export type Hold = Schemas['Hold'];
export type Backups = Schemas['Backups'];
export type BackupSettings = Schemas['BackupSettings'];
export type BackupSet = Schemas['Listed'];
export type RecoveryKey = Schemas['RecoveryKeyView'];
export type TwoWords = Schemas['TwoWords'];
export type AccountLimits = Schemas['AccountLimits'];

export type Connection = Schemas['ConnectionView'];

export type LiveEvent = Schemas['LiveEvent'];
