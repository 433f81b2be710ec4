//! The daily decision and the sheet that it opens.

use jiff::civil::DateTime;
use serde::Deserialize;
use uuid::Uuid;

use eggmoney::domain::bot::{HistoryRow, Holding, Sheet};
use eggmoney::domain::clock::kst_date;
use eggmoney::domain::id::SheetId;
use eggmoney::quant::egg::cooldown::LatestSell;
use eggmoney::quant::egg::decide::{Decision, Input, decide, rules};
use eggmoney::quant::egg::event::EggEvent;
use eggmoney::quant::egg::point::{Held, Standing};
use eggmoney::quant::egg::trailing::{self, TrailingState};
use eggmoney::quant::egg::{sheet, slice};

use super::harness::{Case, Differences, run};
use super::vectors::{BotVector, HistoryVector, OrderVector, TradeVector, at, codes};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderCase {
    id: String,
    /// How the case was built; no input.
    #[serde(rename = "mode")]
    _mode: String,
    now: DateTime,
    twap_count: i64,
    cur_price: Option<f64>,
    bot: BotVector,
    trades: Vec<TradeVector>,
    #[serde(default)]
    history: Vec<HistoryVector>,
    #[serde(default)]
    orders: Vec<OrderVector>,
    debug: Debug,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Debug {
    avg: Option<f64>,
    t: f64,
    point_price: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    result: Option<Wanted>,
    order_after: Option<OrderAfter>,
    events: Vec<String>,
    bot_saves: Option<i64>,
    trailing_after: Option<Trailing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(rename = "type")]
    kind: String,
    value: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailing {
    trailing_mode: bool,
    trailing_high_watermark: f64,
    trailing_stop: f64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OrderAfter {
    Word(String),
    Sheet(SheetAfter),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SheetAfter {
    order_type: String,
    trade_count: i64,
    total_count: i64,
    remain_value: f64,
    total_value: f64,
    results: usize,
}

impl Case for OrderCase {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self, diff: &mut Differences) {
        let bot = self.bot.bot(0);
        let holdings: Vec<Holding> = self.trades.iter().enumerate().map(|(n, row)| row.holding(&self.bot, n)).collect();
        let history: Vec<HistoryRow> = self.history.iter().enumerate().map(|(n, row)| row.row(&self.bot, n)).collect();
        let own: Vec<&HistoryRow> = history.iter().filter(|row| row.bot_id == Some(bot.id)).collect();
        let sheets: Vec<Sheet> = self.orders.iter().enumerate().map(|(n, row)| row.sheet(Some(&self.bot), self.now, n)).collect();
        let existing = sheets.iter().find(|sheet| sheet.bot_id == Some(bot.id));
        let today = self.now.date();
        let input = Input {
            bot: &bot,
            holdings: &holdings,
            sold_today: own.iter().any(|row| row.kind.is_sell() && kst_date(row.traded_at) == today),
            sell_sheet_today: existing.is_some_and(|sheet| sheet.kind.is_sell() && sheet.session == today),
            latest_sell: LatestSell::of(own.iter().copied()),
            price: self.cur_price,
            now: at(self.now),
        };

        let held = Held::of(&holdings);
        let standing = Standing::of(&bot, &held);
        diff.money_or_none("debug avg", held.average, self.debug.avg.filter(|average| *average != 0.0));
        diff.money("debug t", standing.t, self.debug.t);
        diff.money_or_none("debug point_price", standing.point_price, self.debug.point_price);

        let decision = if let Some((state, _)) = trailing::repair(&bot, &held) {
            // Ours ends such a mode first; the rules themselves are compared on the state as it was.
            diff.exempt(if bot.trailing_enabled { "H-11" } else { "H-10" });
            self.check_repaired(diff, &input, state);
            rules(&input)
        } else {
            decide(&input)
        };
        self.check_decision(diff, &decision, &input, existing);
    }
}

impl OrderCase {
    fn check_repaired(&self, diff: &mut Differences, input: &Input<'_>, state: TrailingState) {
        let decision = decide(input);
        let mut repaired = input.bot.clone();
        state.put(&mut repaired);
        let on_repaired = rules(&Input { bot: &repaired, ..*input });
        diff.same("trailing off", &state.mode, &false);
        diff.same("first event", &decision.events.first().map(EggEvent::code), &Some("TRAILING_ENDED"));
        diff.same("order on the repaired state", &decision.order, &on_repaired.order);
        diff.same("events on the repaired state", &decision.events.get(1..), &Some(on_repaired.events.as_slice()));
        diff.same("state to store", &decision.trailing, &on_repaired.trailing.or(Some(state)));
    }

    fn check_decision(&self, diff: &mut Differences, decision: &Decision, input: &Input<'_>, existing: Option<&Sheet>) {
        let mut events = codes(&decision.events);
        let mut after = existing.cloned();
        if let Some(wanted) = decision.order {
            let opening =
                sheet::Opening { id: SheetId(Uuid::from_u128(9)), session: self.now.date(), at: input.now, slices: self.twap_count };
            let (opened, event) = sheet::open(input.bot, wanted, opening);
            events.push(event.code());
            after = opened.or(after);
            if let Some(replaced) = existing
                && replaced.fills().next().is_some()
            {
                // The original threw these fills away; ours are booked first, and then the decision is made anew.
                diff.exempt("H-05");
                diff.same("fills of the replaced sheet can be booked", &slice::complete(replaced, true).is_some(), &true);
            }
        }
        diff.same("events", &events, &self.expect.events);
        self.check_result(diff, decision);
        self.check_sheet(diff, after.as_ref(), existing);
        let saves = decision.trailing.map(|_| 1);
        diff.same("bot_saves", &saves, &self.expect.bot_saves);
        match (&decision.trailing, &self.expect.trailing_after) {
            (Some(got), Some(want)) => {
                diff.same("trailing_mode", &got.mode, &want.trailing_mode);
                diff.fraction("trailing_high_watermark", got.high_watermark, want.trailing_high_watermark);
                diff.fraction("trailing_stop", got.stop, want.trailing_stop);
            }
            (got, want) => diff.same("trailing_after", &got.is_some(), &want.is_some()),
        }
    }

    fn check_result(&self, diff: &mut Differences, decision: &Decision) {
        let floored = decision.events.iter().find_map(|event| match event {
            EggEvent::OrderCreateFailedBuy { wanted, .. } => Some(*wanted),
            _ => None,
        });
        if let Some(wanted) = floored {
            // The original decided for a negative amount and failed to store it; ours decides for nothing.
            diff.exempt("H-33");
            diff.same("result", &decision.order, &None);
            diff.money_or_none("amount that the rules gave", Some(wanted), self.expect.result.as_ref().map(|want| want.value));
            return;
        }
        diff.same("result type", &decision.order.map(|o| o.kind.name()), &self.expect.result.as_ref().map(|want| want.kind.as_str()));
        if let (Some(got), Some(want)) = (&decision.order, &self.expect.result) {
            if got.kind.is_sell() {
                diff.same("result shares", &got.value, &want.value);
            } else {
                diff.money("result USD", got.value, want.value);
            }
        }
    }

    fn check_sheet(&self, diff: &mut Differences, after: Option<&Sheet>, existing: Option<&Sheet>) {
        match (&self.expect.order_after, after) {
            (None, None) => {}
            (Some(OrderAfter::Word(word)), Some(sheet)) if word == "standard" => {
                let result = self.expect.result.as_ref();
                let value = result.map_or(f64::NAN, |result| format!("{:.2}", result.value).parse().expect("a number"));
                diff.same("sheet type", &Some(sheet.kind.name()), &result.map(|result| result.kind.as_str()));
                diff.same("sheet trade_count", &sheet.slices_left, &self.twap_count);
                diff.same("sheet total_count", &sheet.slices_total, &self.twap_count);
                diff.money("sheet remain_value", sheet.remaining, value);
                diff.money("sheet total_value", sheet.total, value);
                diff.same("sheet results", &sheet.results.len(), &0);
            }
            (Some(OrderAfter::Word(word)), Some(sheet)) if word == "unchanged" => diff.same("sheet", &Some(sheet), &existing),
            (Some(OrderAfter::Sheet(want)), Some(sheet)) => {
                diff.same("sheet type", sheet.kind.name(), want.order_type.as_str());
                diff.same("sheet trade_count", &sheet.slices_left, &want.trade_count);
                diff.same("sheet total_count", &sheet.slices_total, &want.total_count);
                diff.money("sheet remain_value", sheet.remaining, want.remain_value);
                diff.money("sheet total_value", sheet.total, want.total_value);
                diff.same("sheet results", &sheet.results.len(), &want.results);
            }
            (want, got) => diff.note(format!("order_after: got {got:?}, want {}", want.as_ref().map_or("none", OrderAfter::text))),
        }
    }
}

impl OrderAfter {
    fn text(&self) -> &str {
        match self {
            OrderAfter::Word(word) => word,
            OrderAfter::Sheet(_) => "a sheet",
        }
    }
}

#[test]
fn golden_create_order() {
    run::<OrderCase>("create_order");
}
