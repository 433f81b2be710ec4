//! A sheet through its slices.

use jiff::civil::{DateTime, Time};
use serde::Deserialize;

use eggmoney::domain::bot::{Bot, HistoryRow, Holding, Sheet};
use eggmoney::domain::fact::BookingOrigin;
use eggmoney::quant::egg::book;
use eggmoney::quant::egg::event::EggEvent;
use eggmoney::quant::egg::sheet;
use eggmoney::quant::egg::slice::{self, Completion, SlicePlan};
use eggmoney::quant::egg::turn;

use super::harness::{Case, Differences, run};
use super::vectors::{
    BotVector, HistoryVector, OrderVector, Outcome, OutcomeWord, ResultVector, TradeVector, at, book_ids, codes, compare_history,
    compare_holdings, fill_of,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TwapCase {
    id: String,
    special: String,
    /// The plan that `last_twap_time` is the last time of.
    #[serde(rename = "twap_time")]
    _twap_time: [String; 2],
    #[serde(rename = "twap_count")]
    _twap_count: i64,
    last_twap_time: Time,
    bot: BotVector,
    trades: Vec<TradeVector>,
    #[serde(default)]
    history: Vec<HistoryVector>,
    order: OrderVector,
    steps: Vec<Step>,
    expect: Vec<Expect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    now: DateTime,
    price: f64,
    outcome: Outcome,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    request: Option<Request>,
    order: Option<OrderAfter>,
    events: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    appended: Option<Option<ResultVector>>,
    trades: Option<Vec<TradeVector>>,
    new_history: Option<Vec<HistoryVector>>,
    bot: Option<BotAfter>,
    raises: Option<String>,
}

/// Tells a field that is null from one that is absent.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    amount: i64,
    price: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderAfter {
    trade_count: i64,
    remain_value: f64,
    results: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BotAfter {
    added_seed: f64,
    trailing_mode: bool,
}

/// What the engine works on between the steps.
struct Books {
    bot: Bot,
    holdings: Vec<Holding>,
    history: Vec<HistoryRow>,
    sheet: Option<Sheet>,
}

/// What one step did.
#[derive(Default)]
struct Done {
    /// Shares and limit, also where the shares are 0 and nothing is sent.
    planned: Option<(i64, f64)>,
    events: Vec<EggEvent>,
    new_history: Vec<HistoryRow>,
    /// From here on ours goes another way, by a written rule.
    parted: bool,
}

impl Case for TwapCase {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self, diff: &mut Differences) {
        // The vector's run ends where the original died, else with its steps.
        let died = self.expect.iter().position(|want| want.raises.is_some());
        diff.same("number of steps run", &died.map_or(self.steps.len(), |last| last + 1), &self.expect.len());
        let holdings: Vec<Holding> = self.trades.iter().enumerate().map(|(n, row)| row.holding(&self.bot, n)).collect();
        let mut books = Books {
            bot: self.bot.bot(0),
            holdings,
            history: self.history.iter().enumerate().map(|(n, row)| row.row(&self.bot, n)).collect(),
            sheet: Some(self.order.sheet(Some(&self.bot), self.steps[0].now, 0)),
        };
        // The vectors' word for a bot row that is not there; the job passes over its sheet.
        let bot_exists = match self.special.as_str() {
            "no_bot" => false,
            "none" | "missing_slice" | "inactive" | "next_day" | "count0" | "zero_fill" | "oversell" => true,
            other => return diff.note(format!("'{other}' is no special state of this file")),
        };
        let mut ids = book_ids(0);
        for (number, (step, want)) in self.steps.iter().zip(&self.expect).enumerate() {
            let before = (books.holdings.clone(), books.bot.clone());
            let done = self.step(diff, &mut books, step, bot_exists, &mut ids);
            let mut of_step = Differences::default();
            self.compare(&mut of_step, step, want, &books, &before, &done);
            let ends = want.raises.is_some() || done.parted;
            diff.absorb(&format!("step {number}"), of_step);
            if ends {
                return;
            }
        }
    }
}

impl TwapCase {
    fn step(
        &self,
        diff: &mut Differences,
        books: &mut Books,
        step: &Step,
        bot_exists: bool,
        ids: &mut impl FnMut() -> book::BookIds,
    ) -> Done {
        let mut done = Done::default();
        let today = step.now.date();
        let open: Vec<Sheet> = books.sheet.iter().cloned().collect();
        if let Some((_, event)) = sheet::outdated(&open, today) {
            books.sheet = None;
            done.events.push(event);
        }
        let Some(mut sheet) = books.sheet.take() else { return done };
        let bots = if bot_exists { std::slice::from_ref(&books.bot) } else { &[] };
        if turn::sheets(bots, std::slice::from_ref(&sheet)).is_empty() {
            books.sheet = Some(sheet);
            return done;
        }
        if let Some(event) = slice::obstacle(&sheet, today) {
            done.events.push(event);
            books.sheet = Some(sheet);
            return done;
        }
        let lost = EggEvent::TwapSliceError {
            bot: sheet.name.clone(),
            symbol: sheet.symbol.clone(),
            slice: sheet.results.len() as i64 + 1,
            slices: sheet.slices_total,
            reason: "scripted".to_owned(),
        };
        let price = (!step.outcome.is(OutcomeWord::NoPrice)).then_some(step.price);
        match slice::plan(&sheet, price) {
            _ if step.outcome.is(OutcomeWord::PriceRaise) => done.events.push(lost),
            SlicePlan::NoPrice => {
                done.events.push(slice::no_price_event(&sheet));
                slice::apply(&mut sheet, None);
            }
            SlicePlan::NoShares { limit } => {
                done.planned = Some((0, limit));
                diff.exempt("H-07");
                // Without a request nothing can be filled or fail; where the script has it otherwise, ways part.
                done.parted = step.outcome.is(OutcomeWord::Raise) || matches!(step.outcome, Outcome::Fill(..));
                slice::apply(&mut sheet, None);
            }
            SlicePlan::Send(request) => {
                done.planned = Some((request.quantity, request.limit));
                if step.outcome.is(OutcomeWord::Raise) {
                    done.events.push(lost);
                } else {
                    let fill = fill_of(&step.outcome, sheet.kind, request.quantity, step.price);
                    if fill.is_some_and(|fill| fill.quantity == 0.0) {
                        diff.exempt("H-08");
                    }
                    slice::apply(&mut sheet, fill);
                }
            }
        }
        let last_time_passed = step.now >= today.to_datetime(self.last_twap_time);
        let completion = slice::completion(&sheet, last_time_passed, true);
        books.sheet = Some(sheet);
        self.complete(books, completion, step, ids, &mut done);
        done
    }

    fn complete(
        &self,
        books: &mut Books,
        completion: Option<Completion>,
        step: &Step,
        ids: &mut impl FnMut() -> book::BookIds,
        done: &mut Done,
    ) {
        match completion {
            None => {}
            Some(Completion::BotMissing { events }) => done.events.extend(events),
            Some(Completion::Empty { events }) => {
                done.events.extend(events);
                books.sheet = None;
            }
            Some(Completion::Book { fill, events }) => {
                done.events.extend(events);
                let (origin, now) = (BookingOrigin::Sheet, at(step.now));
                let booked = if fill.kind.is_buy() {
                    book::buy(&books.bot, &books.holdings, &fill, origin, ids(), now)
                } else {
                    book::sell(&books.bot, &books.holdings, &books.history, &fill, origin, ids(), now)
                };
                let booked = booked.expect("a merged fill has shares");
                booked.put(&mut books.bot, &mut books.holdings);
                done.new_history.extend(booked.booking.map(|booking| booking.history));
                done.events.extend(booked.events);
                books.sheet = None;
            }
        }
    }

    fn compare(&self, diff: &mut Differences, step: &Step, want: &Expect, books: &Books, before: &(Vec<Holding>, Bot), done: &Done) {
        diff.same("request amount", &done.planned.map(|p| p.0), &want.request.as_ref().map(|r| r.amount));
        diff.money_or_none("request price", done.planned.map(|p| p.1), want.request.as_ref().map(|r| r.price));
        if done.parted {
            return;
        }
        let events = codes(&done.events);
        if want.raises.is_some() {
            diff.exempt("raises");
            diff.begins("events before the failure", &events, &want.events);
            self.compare_mended(diff, books, before, done);
            return;
        }
        if events.contains(&"SELL_EXCEEDS_HOLDING") {
            // The original booked more than there was.
            diff.exempt("H-09");
            let told: Vec<&str> = events.iter().copied().filter(|code| *code != "SELL_EXCEEDS_HOLDING").collect();
            diff.same("events besides the report", &told, &want.events);
            self.compare_mended(diff, books, before, done);
            return;
        }
        diff.same("events", &events, &want.events);
        self.compare_sheet(diff, step, want, books);
        match &want.trades {
            Some(rows) => compare_holdings(diff, &books.holdings, rows, Some(&self.bot)),
            None => diff.same("positions", &books.holdings, &before.0),
        }
        compare_history(diff, &done.new_history, want.new_history.as_deref().unwrap_or_default(), Some(&self.bot));
        let (bot, was) = (&books.bot, &before.1);
        diff.money("added_seed", bot.added_seed, want.bot.as_ref().map_or(was.added_seed, |after| after.added_seed));
        if was.trailing_mode && books.holdings.is_empty() && !before.0.is_empty() {
            diff.exempt("H-11");
            diff.same("trailing ends with the position", &bot.trailing_mode, &false);
        } else {
            diff.same("trailing_mode", &bot.trailing_mode, &want.bot.as_ref().map_or(was.trailing_mode, |after| after.trailing_mode));
        }
    }

    fn compare_sheet(&self, diff: &mut Differences, step: &Step, want: &Expect, books: &Books) {
        match (&books.sheet, &want.order) {
            (Some(sheet), Some(want)) => {
                diff.same("trade_count", &sheet.slices_left, &want.trade_count);
                diff.money("remain_value", sheet.remaining, want.remain_value);
                diff.same("results", &sheet.results.len(), &want.results);
            }
            (got, want) => diff.same("a sheet is left", &got.is_some(), &want.is_some()),
        }
        let (Some(sheet), Some(appended)) = (&books.sheet, &want.appended) else { return };
        match (sheet.results.last().and_then(Option::as_ref), appended) {
            // A fill of no shares is none to us.
            (None, Some(zero)) if zero.amount == 0.0 && matches!(step.outcome, Outcome::Fill(_, 0.0, ..)) => {}
            (Some(got), Some(want)) => {
                diff.same("appended trade_type", got.kind.value_text(), want.trade_type.as_str());
                diff.same("appended amount", &got.quantity, &want.amount);
                diff.money("appended unit_price", got.unit_price, want.unit_price);
                diff.money("appended total_price", got.total, want.total_price);
            }
            (got, want) => diff.same("appended", &got.is_some(), &want.is_some()),
        }
    }

    /// The original died or went wrong in this step. Ours ends the sheet, and no share gets lost.
    fn compare_mended(&self, diff: &mut Differences, books: &Books, before: &(Vec<Holding>, Bot), done: &Done) {
        let events = codes(&done.events);
        // A sheet without fills whose slices were missed stays until the next day, as any such sheet.
        diff.same("the sheet ends", &books.sheet.as_ref().is_none_or(|sheet| sheet.slices_left > 0), &true);
        let held = |rows: &[Holding]| rows.iter().map(|row| row.quantity).sum::<f64>();
        let booked: f64 = done.new_history.iter().filter_map(|row| row.quantity).sum();
        match self.special.as_str() {
            "zero_fill" => {
                let ended = books.sheet.is_none();
                diff.same("ends without result", &(events.last() == Some(&"TWAP_NO_VALID_RESULT")), &ended);
                diff.same("positions", &books.holdings, &before.0);
            }
            _ => {
                diff.same("reported", &events.contains(&"SELL_EXCEEDS_HOLDING"), &true);
                diff.same("all that was held is sold", &(held(&books.holdings), booked), &(0.0, held(&before.0)));
            }
        }
    }
}

#[test]
fn golden_twap() {
    run::<TwapCase>("twap");
}
