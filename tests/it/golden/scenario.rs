//! Whole trading days of an account: decision, netting, slices, closing buy, care of the bots.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use eggmoney::domain::bot::{Bot, HistoryRow, Holding, Sheet, SliceFill, TradeKind};
use eggmoney::domain::clock::kst_date;
use eggmoney::domain::fact::BookingOrigin;
use eggmoney::domain::id::{BotId, SheetId};
use eggmoney::quant::egg::book::{self, BookIds};
use eggmoney::quant::egg::closing::{self, ClosingInput, ClosingPlan};
use eggmoney::quant::egg::cooldown::LatestSell;
use eggmoney::quant::egg::decide::{Input, decide};
use eggmoney::quant::egg::event::EggEvent;
use eggmoney::quant::egg::manage::{auto_start, bot_sync};
use eggmoney::quant::egg::netting::{Books, net};
use eggmoney::quant::egg::sheet::{self, Opening};
use eggmoney::quant::egg::slice::{self, Completion, SlicePlan};
use eggmoney::quant::egg::turn;

use super::harness::{Case, Differences, run};
use super::vectors::{BotVector, Outcome, OutcomeWord, TradeVector, at, book_ids, codes, fill_of, side_text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    id: String,
    admin: String,
    twap_count: i64,
    auto_start: bool,
    auto_start_threshold: f64,
    bots: Vec<BotVector>,
    trades: Vec<TradeVector>,
    days: Vec<Day>,
}

type Prices = BTreeMap<String, f64>;

/// name, type, buy, sell, shares, profit, rate, start of the cycle
type HistoryRowVector = (String, String, f64, f64, f64, f64, f64, Date);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Day {
    date: Date,
    prev_close: Prices,
    order_time: Time,
    order_prices: Prices,
    slices: Vec<SliceVector>,
    closing: Closing,
    manage_time: Time,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SliceVector {
    time: Time,
    prices: Prices,
    outcome: Outcome,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Closing {
    time: Time,
    prices: Prices,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// name, type, remaining, total
    orders: Vec<(String, String, f64, f64)>,
    /// side, symbol, shares, limit
    requests: Vec<(String, String, i64, f64)>,
    events: Vec<String>,
    history: Vec<HistoryRowVector>,
    trades: Trades,
    #[serde(default)]
    bots_changed: BTreeMap<String, Map<String, Value>>,
    /// name, type, slices left, remaining
    #[serde(default)]
    orders_left: Vec<(String, String, i64, f64)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Trades {
    Unchanged(String),
    /// name, shares, average price, cost, start of the cycle
    Rows(Vec<(String, f64, f64, f64, Date)>),
}

/// An account and what a day leaves behind.
struct Account<'a> {
    scenario: &'a Scenario,
    books: Books,
    next_sheet: u128,
    ids: Box<dyn FnMut() -> BookIds>,
    requests: Vec<(&'static str, String, i64, f64)>,
    events: Vec<EggEvent>,
    /// A slice of less than one share occurred.
    no_shares: bool,
}

impl Case for Scenario {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self, diff: &mut Differences) {
        let mut account = Account {
            scenario: self,
            books: Books {
                bots: self.bots.iter().zip(0..).map(|(bot, n)| bot.bot(n)).collect(),
                holdings: self.trades.iter().enumerate().map(|(n, row)| row.holding(&self.bots[0], n)).collect(),
                ..Books::default()
            },
            next_sheet: 0,
            ids: Box::new(book_ids(0)),
            requests: Vec::new(),
            events: Vec::new(),
            no_shares: false,
        };
        for day in &self.days {
            let mut of_day = Differences::default();
            account.day(&mut of_day, day);
            if account.no_shares {
                // The original sent such requests; here they are planned as 0 shares and never leave.
                of_day.exempt("H-07");
            }
            diff.absorb(&day.date.to_string(), of_day);
        }
    }
}

impl Account<'_> {
    fn day(&mut self, diff: &mut Differences, day: &Day) {
        let (bots, holdings) = (self.books.bots.clone(), self.books.holdings.clone());
        let rows = self.books.history.len();
        self.requests.clear();
        self.events.clear();
        let instant = |time: Time| at(day.date.to_datetime(time));

        self.drop_outdated(day.date);
        self.decide_all(day, instant(day.order_time));
        let netting = net(&mut self.books, |symbol| day.order_prices.get(symbol).copied(), &mut self.ids, instant(day.order_time));
        self.events.extend(netting.events);
        self.compare_orders(diff, day);

        let last = day.slices.iter().map(|slice| slice.time).max();
        for slice in &day.slices {
            self.drop_outdated(day.date);
            let turns: Vec<SheetId> = turn::sheets(&self.books.bots, &self.books.sheets).iter().map(|sheet| sheet.id).collect();
            for sheet in turns {
                self.slice(sheet, day.date, slice, last.is_some_and(|last| slice.time >= last), instant(slice.time));
            }
        }
        for bot in self.active() {
            self.closing(bot, day, instant(day.closing.time));
        }
        // Times of these jobs do not matter to them; that they come last does.
        diff.same("care of the bots comes last", &(day.manage_time >= day.closing.time), &true);
        self.care();

        self.compare_day(diff, day, &bots, &holdings, rows);
    }

    fn active(&self) -> Vec<BotId> {
        turn::bots(&self.books.bots).iter().map(|bot| bot.id).collect()
    }

    fn bot(&mut self, id: BotId) -> &mut Bot {
        self.books.bots.iter_mut().find(|bot| bot.id == id).expect("the bot of an id")
    }

    fn holdings(&self, id: BotId) -> Vec<Holding> {
        self.books.holdings.iter().filter(|row| row.bot_id == Some(id)).cloned().collect()
    }

    fn history(&self, id: BotId) -> Vec<HistoryRow> {
        self.books.history.iter().filter(|row| row.bot_id == Some(id)).cloned().collect()
    }

    fn sheet(&self, id: BotId) -> Option<&Sheet> {
        self.books.sheets.iter().find(|sheet| sheet.bot_id == Some(id))
    }

    fn drop_outdated(&mut self, today: Date) {
        if let Some((old, event)) = sheet::outdated(&self.books.sheets, today) {
            self.books.sheets.retain(|sheet| !old.contains(&sheet.id));
            self.events.push(event);
        }
    }

    fn decide_all(&mut self, day: &Day, now: Timestamp) {
        for id in self.active() {
            let (holdings, history) = (self.holdings(id), self.history(id));
            let sell_sheet_today = self.sheet(id).is_some_and(|sheet| sheet.kind.is_sell() && sheet.session == day.date);
            let bot = self.bot(id).clone();
            let decision = decide(&Input {
                bot: &bot,
                holdings: &holdings,
                sold_today: history.iter().any(|row| row.kind.is_sell() && kst_date(row.traded_at) == day.date),
                sell_sheet_today,
                latest_sell: LatestSell::of(&history),
                price: day.order_prices.get(&bot.symbol).copied(),
                now,
            });
            self.events.extend(decision.events);
            if let Some(trailing) = decision.trailing {
                trailing.put(self.bot(id));
            }
            let Some(wanted) = decision.order else { continue };
            self.next_sheet += 1;
            let number = SheetId(Uuid::from_u128(self.next_sheet));
            let opening = Opening { id: number, session: day.date, at: now, slices: self.scenario.twap_count };
            let (opened, event) = sheet::open(&bot, wanted, opening);
            self.events.push(event);
            if let Some(opened) = opened {
                self.books.sheets.retain(|sheet| sheet.bot_id != Some(id));
                self.books.sheets.push(opened);
            }
        }
    }

    fn slice(&mut self, sheet: SheetId, today: Date, vector: &SliceVector, last_time_passed: bool, now: Timestamp) {
        let Some(mut sheet) = self.books.sheets.iter().find(|other| other.id == sheet).cloned() else { return };
        let Some(id) = sheet.bot_id else { return };
        if let Some(event) = slice::obstacle(&sheet, today) {
            self.events.push(event);
            return;
        }
        let price = vector.prices.get(&sheet.symbol).copied();
        let (planned, quantity) = match slice::plan(&sheet, price) {
            SlicePlan::NoPrice => (None, 0),
            SlicePlan::NoShares { limit } => {
                self.no_shares = true;
                (Some((0, limit)), 0)
            }
            SlicePlan::Send(request) => (Some((request.quantity, request.limit)), request.quantity),
        };
        match planned {
            None => {
                self.events.push(slice::no_price_event(&sheet));
                slice::apply(&mut sheet, None);
            }
            Some((shares, limit)) => {
                let side = if sheet.kind.is_buy() { "buy" } else { "sell" };
                self.requests.push((side, sheet.symbol.clone(), shares, limit));
                if vector.outcome.is(OutcomeWord::Raise) {
                    // Also for 0 shares, where ours could not fail: so the days after stay comparable.
                    self.events.push(EggEvent::TwapSliceError {
                        bot: sheet.name.clone(),
                        symbol: sheet.symbol.clone(),
                        slice: sheet.results.len() as i64 + 1,
                        slices: sheet.slices_total,
                        reason: "scripted".to_owned(),
                    });
                } else {
                    let fill = fill_of(&vector.outcome, sheet.kind, quantity, price.unwrap_or(f64::NAN));
                    slice::apply(&mut sheet, fill);
                }
            }
        }
        self.complete(id, sheet, last_time_passed, now);
    }

    fn complete(&mut self, id: BotId, sheet: Sheet, last_time_passed: bool, now: Timestamp) {
        let completion = slice::completion(&sheet, last_time_passed, true);
        if matches!(completion, Some(Completion::Book { .. } | Completion::Empty { .. })) {
            self.books.sheets.retain(|other| other.id != sheet.id);
        } else {
            self.books.sheets.iter_mut().filter(|other| other.id == sheet.id).for_each(|other| *other = sheet.clone());
        }
        match completion {
            None => {}
            Some(Completion::Empty { events } | Completion::BotMissing { events }) => self.events.extend(events),
            Some(Completion::Book { fill, events }) => {
                self.events.extend(events);
                self.record(id, fill, BookingOrigin::Sheet, now);
            }
        }
    }

    fn record(&mut self, id: BotId, fill: SliceFill, origin: BookingOrigin, now: Timestamp) {
        let (bot, holdings, history) = (self.bot(id).clone(), self.holdings(id), self.history(id));
        let ids = (self.ids)();
        let booked = if fill.kind.is_buy() {
            book::buy(&bot, &holdings, &fill, origin, ids, now)
        } else {
            book::sell(&bot, &holdings, &history, &fill, origin, ids, now)
        };
        let booked = booked.expect("shares were traded");
        let mut all = std::mem::take(&mut self.books.holdings);
        booked.put(self.bot(id), &mut all);
        self.books.holdings = all;
        self.books.history.extend(booked.booking.map(|booking| booking.history));
        self.events.extend(booked.events);
    }

    fn closing(&mut self, id: BotId, day: &Day, now: Timestamp) {
        let (holdings, history) = (self.holdings(id), self.history(id));
        let sell_sheet_today = self.sheet(id).is_some_and(|sheet| sheet.kind.is_sell() && sheet.session == day.date);
        let bot = self.bot(id).clone();
        let price = day.closing.prices.get(&bot.symbol).copied();
        let check = closing::check(&ClosingInput {
            bot: &bot,
            holdings: &holdings,
            sold_today: history.iter().any(|row| row.kind.is_sell() && kst_date(row.traded_at) == day.date),
            sell_sheet_today,
            previous_close: day.prev_close.get(&bot.symbol).copied(),
            price,
        });
        self.events.extend(check.events);
        match check.money.map(|money| closing::plan(&bot, money, price)) {
            None | Some(ClosingPlan::Nothing) => {}
            Some(ClosingPlan::NotSent(event)) => self.events.push(event),
            Some(ClosingPlan::Send(request)) => {
                self.requests.push((side_text(request.side), bot.symbol.clone(), request.quantity, request.limit));
                let full = Outcome::Word(OutcomeWord::Full);
                let fill = fill_of(&full, TradeKind::Buy, request.quantity, price.unwrap_or(f64::NAN));
                let (trade, event) = closing::outcome(&bot, &request, fill);
                if let Some(trade) = trade {
                    self.record(id, trade, BookingOrigin::Closing, now);
                }
                self.events.push(event);
            }
        }
    }

    fn care(&mut self) {
        if self.scenario.admin != "sk" {
            for change in bot_sync(&self.books.bots, &self.books.holdings) {
                self.bot(change.bot_id).buy_below_average = change.buy_below_average;
                self.events.push(change.event);
            }
        }
        if self.scenario.auto_start {
            for start in auto_start(&self.books.bots, &self.books.holdings, self.scenario.auto_start_threshold) {
                let bot = self.bot(start.bot_id);
                bot.active = true;
                bot.buy_below_point = true;
                self.events.push(start.event);
            }
        }
    }

    fn compare_orders(&self, diff: &mut Differences, day: &Day) {
        let mut sheets = self.books.sheets.clone();
        sheets.sort_by(|a, b| a.name.cmp(&b.name));
        diff.same("number of sheets", &sheets.len(), &day.expect.orders.len());
        for (got, want) in sheets.iter().zip(&day.expect.orders) {
            diff.same("sheet name", &got.name, &want.0);
            diff.same("sheet type", got.kind.name(), want.1.as_str());
            diff.money("sheet remain", got.remaining, want.2);
            diff.money("sheet total", got.total, want.3);
        }
    }

    fn compare_day(&self, diff: &mut Differences, day: &Day, bots: &[Bot], holdings: &[Holding], rows: usize) {
        let want = &day.expect;
        diff.same("number of requests", &self.requests.len(), &want.requests.len());
        for (got, want) in self.requests.iter().zip(&want.requests) {
            diff.same("request side", got.0, want.0.as_str());
            diff.same("request symbol", &got.1, &want.1);
            diff.same("request amount", &got.2, &want.2);
            diff.money("request limit", got.3, want.3);
        }
        diff.same("events", &codes(&self.events), &want.events);
        self.compare_history(diff, day, rows);
        match &want.trades {
            Trades::Unchanged(word) => {
                diff.same("trades", word.as_str(), "unchanged");
                diff.same("positions", self.books.holdings.as_slice(), holdings);
            }
            Trades::Rows(rows) => {
                diff.same("number of positions", &self.books.holdings.len(), &rows.len());
                for (got, want) in self.books.holdings.iter().zip(rows) {
                    diff.same("position name", &got.name, &want.0);
                    diff.same("position amount", &got.quantity, &want.1);
                    diff.money("position price", got.average_price, want.2);
                    diff.money("position total", got.total_cost, want.3);
                    diff.same("position cycle", &kst_date(got.cycle_start), &want.4);
                }
            }
        }
        self.compare_bots(diff, day, bots);
        let mut left = self.books.sheets.clone();
        left.sort_by(|a, b| a.name.cmp(&b.name));
        diff.same("number of sheets left", &left.len(), &want.orders_left.len());
        for (got, want) in left.iter().zip(&want.orders_left) {
            diff.same("sheet left name", &got.name, &want.0);
            diff.same("sheet left type", got.kind.name(), want.1.as_str());
            diff.same("sheet left slices", &got.slices_left, &want.2);
            diff.money("sheet left remain", got.remaining, want.3);
        }
    }

    fn compare_history(&self, diff: &mut Differences, day: &Day, rows: usize) {
        let new = &self.books.history[rows..];
        diff.same("number of history rows", &new.len(), &day.expect.history.len());
        for (got, want) in new.iter().zip(&day.expect.history) {
            diff.same("history name", &got.name, &want.0);
            diff.same("history type", got.kind.name(), want.1.as_str());
            diff.money("history buy", got.buy_price, want.2);
            diff.money("history sell", got.sell_price, want.3);
            diff.same("history amount", &got.quantity, &Some(want.4));
            diff.money("history profit", got.profit, want.5);
            // Two decimals is what the original kept (H-34).
            diff.fraction("history rate", format!("{:.2}", got.profit_rate).parse().expect("a number"), want.6);
            diff.same("history cycle", &kst_date(got.cycle_start), &want.7);
        }
    }

    fn compare_bots(&self, diff: &mut Differences, day: &Day, before: &[Bot]) {
        let mut changed: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        for (before, after) in before.iter().zip(&self.books.bots) {
            let (was, is) = (fields(before), fields(after));
            let fields: Map<String, Value> = is.into_iter().filter(|(key, value)| was.get(key) != Some(value)).collect();
            if !fields.is_empty() {
                changed.insert(after.name.clone(), fields);
            }
        }
        let keys = |of: &BTreeMap<String, Map<String, Value>>| {
            of.iter().map(|(name, fields)| (name.clone(), fields.keys().cloned().collect::<Vec<_>>())).collect::<Vec<_>>()
        };
        diff.same("changed fields of bots", &keys(&changed), &keys(&day.expect.bots_changed));
        for (name, fields) in &day.expect.bots_changed {
            for (key, want) in fields {
                let got = changed.get(name).and_then(|fields| fields.get(key));
                match (got.and_then(Value::as_f64), want.as_f64()) {
                    (Some(got), Some(want)) if key == "added_seed" => diff.money(key, got, want),
                    (Some(got), Some(want)) => diff.fraction(key, got, want),
                    _ => diff.same(key, &got, &Some(want)),
                }
            }
        }
    }
}

/// The fields of a bot that a day may change, by the vectors' names.
fn fields(bot: &Bot) -> Map<String, Value> {
    let Value::Object(fields) = json!({
        "active": bot.active,
        "added_seed": bot.added_seed,
        "is_check_buy_avr_price": bot.buy_below_average,
        "is_check_buy_t_div_price": bot.buy_below_point,
        "trailing_mode": bot.trailing_mode,
        "trailing_high_watermark": bot.trailing_high_watermark,
        "trailing_stop": bot.trailing_stop,
    }) else {
        return Map::new();
    };
    fields
}

#[test]
fn golden_scenario() {
    run::<Scenario>("scenario");
}
