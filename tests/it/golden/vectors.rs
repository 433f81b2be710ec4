//! The rows that most files share, with the defaults of their description, turned into domain values.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Deserialize;
use uuid::Uuid;

use eggmoney::domain::bot::{Bot, ClosingCondition, HistoryRow, Holding, PointCurve, Sheet, SliceFill, TradeKind};
use eggmoney::domain::clock::{from_kst, kst_date};
use eggmoney::domain::id::{AccountId, BotId, HistoryId, HoldingId, SheetId};
use eggmoney::domain::instrument::Market;
use eggmoney::domain::order::Side;
use eggmoney::quant::egg::book::BookIds;
use eggmoney::quant::egg::event::EggEvent;
use eggmoney::quant::egg::slice::Request;

use super::harness::Differences;

/// A bot as the vectors write it; what a file leaves out has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BotVector {
    pub name: String,
    #[serde(default)]
    pub symbol: String,
    #[serde(default = "some_seed")]
    pub seed: f64,
    #[serde(default = "some_profit_rate")]
    pub profit_rate: f64,
    #[serde(default = "some_t_div")]
    pub t_div: i64,
    #[serde(default = "some_max_tier")]
    pub max_tier: i64,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default)]
    pub is_check_buy_avr_price: bool,
    #[serde(default)]
    pub is_check_buy_t_div_price: bool,
    #[serde(default = "some_curve")]
    pub point_loc: PointCurve,
    #[serde(default)]
    pub added_seed: f64,
    #[serde(default)]
    pub skip_sell: bool,
    #[serde(default)]
    pub closing_buy_conditions: Vec<ClosingCondition>,
    #[serde(default)]
    pub sell_cooldown_days: i64,
    #[serde(default)]
    pub sell_cooldown_loss_only: bool,
    #[serde(default)]
    pub trailing_enabled: bool,
    #[serde(default = "default_threshold")]
    pub trailing_t_threshold: f64,
    #[serde(default = "tenth")]
    pub trailing_stop_pct: f64,
    #[serde(default = "tenth")]
    pub trailing_floor_rate: f64,
    #[serde(default)]
    pub trailing_mode: bool,
    #[serde(default)]
    pub trailing_high_watermark: f64,
    #[serde(default)]
    pub trailing_stop: f64,
}

fn yes() -> bool {
    true
}
fn tenth() -> f64 {
    0.1
}
fn default_threshold() -> f64 {
    0.3
}
fn some_seed() -> f64 {
    100.0
}
fn some_profit_rate() -> f64 {
    0.1
}
fn some_t_div() -> i64 {
    20
}
fn some_max_tier() -> i64 {
    20
}
fn some_curve() -> PointCurve {
    PointCurve::P1
}

impl BotVector {
    /// The bot at a place of the account's bot order.
    pub fn bot(&self, position: u32) -> Bot {
        Bot {
            id: bot_id(&self.name),
            account_id: AccountId(Uuid::from_u128(1)),
            name: self.name.clone(),
            market: Market::Us,
            symbol: self.symbol.clone(),
            position,
            version: 1,
            active: self.active,
            seed: self.seed,
            profit_rate: self.profit_rate,
            t_div: self.t_div,
            max_tier: self.max_tier,
            buy_below_average: self.is_check_buy_avr_price,
            buy_below_point: self.is_check_buy_t_div_price,
            point_curve: self.point_loc,
            skip_sell: self.skip_sell,
            closing_conditions: self.closing_buy_conditions.clone(),
            sell_cooldown_days: self.sell_cooldown_days,
            sell_cooldown_loss_only: self.sell_cooldown_loss_only,
            trailing_enabled: self.trailing_enabled,
            trailing_t_threshold: self.trailing_t_threshold,
            trailing_stop_pct: self.trailing_stop_pct,
            trailing_floor_rate: self.trailing_floor_rate,
            added_seed: self.added_seed,
            trailing_mode: self.trailing_mode,
            trailing_high_watermark: self.trailing_high_watermark,
            trailing_stop: self.trailing_stop,
            legacy: serde_json::Map::new(),
        }
    }
}

/// An id that the same name always gets.
pub fn bot_id(name: &str) -> BotId {
    let bits = name.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    BotId(Uuid::from_u128(bits))
}

/// The instant of a vector's Korean time.
pub fn at(time: DateTime) -> Timestamp {
    from_kst(time)
}

/// A row of open positions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TradeVector {
    pub name: Option<String>,
    pub symbol: Option<String>,
    pub date_added: Option<DateTime>,
    pub purchase_price: f64,
    pub amount: f64,
    pub trade_type: Option<String>,
    pub total_price: Option<f64>,
}

impl TradeVector {
    /// The holding; `number` makes its id. Rows without name or symbol belong to `owner`.
    pub fn holding(&self, owner: &BotVector, number: usize) -> Holding {
        let name = self.name.clone().unwrap_or_else(|| owner.name.clone());
        let opened = self.date_added.map_or(Timestamp::UNIX_EPOCH, at);
        Holding {
            id: HoldingId(Uuid::from_u128(1_000 + number as u128)),
            bot_id: Some(bot_id(&name)),
            name,
            market: Market::Us,
            symbol: self.symbol.clone().unwrap_or_else(|| owner.symbol.clone()),
            quantity: self.amount,
            average_price: self.purchase_price,
            total_cost: self.total_price.unwrap_or(self.amount * self.purchase_price),
            last_kind: self.trade_type.as_deref().map_or(TradeKind::Buy, kind),
            cycle_start: opened,
            last_trade_at: opened,
            reserve: false,
        }
    }
}

/// A row of the trade history.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryVector {
    pub name: Option<String>,
    pub symbol: Option<String>,
    pub date_added: DateTime,
    pub trade_date: DateTime,
    pub trade_type: String,
    pub buy_price: f64,
    pub sell_price: f64,
    pub amount: f64,
    pub profit: f64,
    pub profit_rate: f64,
}

impl HistoryVector {
    pub fn row(&self, owner: &BotVector, number: usize) -> HistoryRow {
        let name = self.name.clone().unwrap_or_else(|| owner.name.clone());
        HistoryRow {
            id: HistoryId(Uuid::from_u128(2_000 + number as u128)),
            bot_id: Some(bot_id(&name)),
            name,
            market: Market::Us,
            symbol: self.symbol.clone().unwrap_or_else(|| owner.symbol.clone()),
            kind: kind(&self.trade_type),
            cycle_start: at(self.date_added),
            traded_at: at(self.trade_date),
            quantity: Some(self.amount),
            quantity_derived: false,
            buy_price: self.buy_price,
            sell_price: self.sell_price,
            profit: self.profit,
            profit_rate: self.profit_rate,
            original_cycle_start: None,
        }
    }
}

/// A sheet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderVector {
    pub name: Option<String>,
    pub symbol: Option<String>,
    pub date_added: Option<DateTime>,
    pub order_type: String,
    pub trade_count: i64,
    pub total_count: Option<i64>,
    pub remain_value: f64,
    pub total_value: f64,
    #[serde(default)]
    pub trade_result_list: Vec<Option<ResultVector>>,
}

impl OrderVector {
    /// The sheet; `now` stands in where the file gives no date.
    pub fn sheet(&self, owner: Option<&BotVector>, now: DateTime, number: usize) -> Sheet {
        let name = self.name.clone().or_else(|| owner.map(|bot| bot.name.clone())).expect("a sheet has a bot's name");
        let opened_at = at(self.date_added.unwrap_or(now));
        Sheet {
            id: SheetId(Uuid::from_u128(3_000 + number as u128)),
            bot_id: Some(bot_id(&name)),
            name,
            market: Market::Us,
            symbol: self.symbol.clone().or_else(|| owner.map(|bot| bot.symbol.clone())).unwrap_or_default(),
            kind: kind(&self.order_type),
            session: kst_date(opened_at),
            opened_at,
            slices_left: self.trade_count,
            slices_total: self.total_count.unwrap_or(self.trade_count),
            remaining: self.remain_value,
            total: self.total_value,
            results: self.trade_result_list.iter().map(|result| result.as_ref().map(ResultVector::fill)).collect(),
        }
    }
}

/// A slice's result.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultVector {
    pub trade_type: String,
    pub amount: f64,
    pub unit_price: f64,
    pub total_price: f64,
}

impl ResultVector {
    pub fn fill(&self) -> SliceFill {
        SliceFill { kind: kind(&self.trade_type), quantity: self.amount, unit_price: self.unit_price, total: self.total_price }
    }
}

/// A trade kind by either of its names.
pub fn kind(text: &str) -> TradeKind {
    TradeKind::parse(text).unwrap_or_else(|| panic!("'{text}' is no trade type"))
}

/// What the scripted exchange answers to a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    Word(OutcomeWord),
    /// `["fill", amount, unit_price, total_price]`
    Fill(FillWord, f64, f64, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeWord {
    Full,
    None,
    False,
    Raise,
    NoPrice,
    PriceRaise,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FillWord {
    Fill,
}

impl Outcome {
    pub fn is(&self, word: OutcomeWord) -> bool {
        matches!(self, Outcome::Word(own) if *own == word)
    }

    /// The fill of a request for `quantity` shares at the price of the moment: quantity, unit price
    /// and total, the latter two rounded to cents as the broker reports them.
    pub fn fill(&self, quantity: i64, price: f64) -> Option<(f64, f64, f64)> {
        let cents = |value: f64| format!("{value:.2}").parse::<f64>().expect("a number");
        match self {
            Outcome::Word(OutcomeWord::Full) if quantity > 0 => {
                let quantity = quantity as f64;
                Some((quantity, cents(price), cents(quantity * price)))
            }
            Outcome::Word(_) => None,
            Outcome::Fill(_, quantity, unit, total) => Some((*quantity, cents(*unit), cents(*total))),
        }
    }
}

/// Compares holdings with the expected rows, in order.
pub fn compare_holdings(diff: &mut Differences, got: &[Holding], want: &[TradeVector], owner: Option<&BotVector>) {
    diff.same("number of positions", &got.len(), &want.len());
    for (place, (got, want)) in got.iter().zip(want).enumerate() {
        let what = |field: &str| format!("position {place} {field}");
        let name = want.name.as_deref().or(owner.map(|bot| bot.name.as_str())).unwrap_or_default();
        let symbol = want.symbol.as_deref().or(owner.map(|bot| bot.symbol.as_str())).unwrap_or_default();
        diff.same(&what("name"), got.name.as_str(), name);
        diff.same(&what("symbol"), got.symbol.as_str(), symbol);
        diff.same(&what("amount"), &got.quantity, &want.amount);
        diff.money(&what("purchase_price"), got.average_price, want.purchase_price);
        if let Some(total) = want.total_price {
            diff.money(&what("total_price"), got.total_cost, total);
        }
        if let Some(kind) = &want.trade_type {
            diff.same(&what("trade_type"), got.last_kind.name(), kind.as_str());
        }
        if let Some(date) = want.date_added {
            diff.minute(&what("date_added"), got.cycle_start, date);
        }
    }
}

/// Compares history rows with the expected ones, in order.
pub fn compare_history(diff: &mut Differences, got: &[HistoryRow], want: &[HistoryVector], owner: Option<&BotVector>) {
    diff.same("number of new history rows", &got.len(), &want.len());
    for (place, (got, want)) in got.iter().zip(want).enumerate() {
        let what = |field: &str| format!("history {place} {field}");
        let name = want.name.as_deref().or(owner.map(|bot| bot.name.as_str())).unwrap_or_default();
        let symbol = want.symbol.as_deref().or(owner.map(|bot| bot.symbol.as_str())).unwrap_or_default();
        diff.same(&what("name"), got.name.as_str(), name);
        diff.same(&what("symbol"), got.symbol.as_str(), symbol);
        diff.same(&what("trade_type"), got.kind.name(), want.trade_type.as_str());
        diff.minute(&what("date_added"), got.cycle_start, want.date_added);
        diff.minute(&what("trade_date"), got.traded_at, want.trade_date);
        diff.money(&what("buy_price"), got.buy_price, want.buy_price);
        diff.money(&what("sell_price"), got.sell_price, want.sell_price);
        diff.same(&what("amount"), &got.quantity, &Some(want.amount));
        diff.money(&what("profit"), got.profit, want.profit);
        // The original kept two decimals of the rate; we keep all of them (H-34).
        let shown: f64 = format!("{:.2}", got.profit_rate).parse().expect("a number");
        diff.fraction(&what("profit_rate"), shown, want.profit_rate);
    }
}

/// The codes of events, in order.
pub fn codes(events: &[EggEvent]) -> Vec<&'static str> {
    events.iter().map(EggEvent::code).collect()
}

/// Ids for the rows of bookings, from a counter.
pub fn book_ids(start: u128) -> impl FnMut() -> BookIds {
    let mut next = start;
    move || {
        next += 1;
        BookIds { holding: HoldingId(Uuid::from_u128(10_000 + next)), history: HistoryId(Uuid::from_u128(20_000 + next)) }
    }
}

/// A request as most files write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestVector {
    pub side: String,
    pub symbol: String,
    pub amount: i64,
    pub price: f64,
}

/// Compares a request of a bot's symbol with the expected one.
pub fn compare_request(diff: &mut Differences, symbol: &str, got: Option<&Request>, want: Option<&RequestVector>) {
    match (got, want) {
        (Some(got), Some(want)) => {
            diff.same("request side", side_text(got.side), want.side.as_str());
            diff.same("request symbol", symbol, want.symbol.as_str());
            diff.same("request amount", &got.quantity, &want.amount);
            diff.money("request price", got.limit, want.price);
        }
        (got, want) => diff.same("request", &got.is_some(), &want.is_some()),
    }
}

pub fn side_text(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// A fill of a request by the exchange's outcome.
pub fn fill_of(outcome: &Outcome, kind: TradeKind, quantity: i64, price: f64) -> Option<SliceFill> {
    outcome.fill(quantity, price).map(|(quantity, unit_price, total)| SliceFill { kind, quantity, unit_price, total })
}
