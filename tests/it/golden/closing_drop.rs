//! The closing-drop buy of one bot.

use jiff::civil::DateTime;
use serde::Deserialize;

use eggmoney::domain::bot::{HistoryRow, Holding, TradeKind};
use eggmoney::domain::clock::kst_date;
use eggmoney::domain::fact::BookingOrigin;
use eggmoney::quant::egg::book;
use eggmoney::quant::egg::closing::{self, ClosingInput, ClosingPlan};
use eggmoney::quant::egg::event::EggEvent;
use eggmoney::quant::egg::turn;

use super::harness::{Case, Differences, run};
use super::vectors::{
    BotVector, HistoryVector, OrderVector, Outcome, OutcomeWord, RequestVector, TradeVector, at, book_ids, codes, compare_history,
    compare_holdings, compare_request, fill_of,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosingCase {
    id: String,
    now: DateTime,
    cur_price: Option<f64>,
    prev_price: Option<f64>,
    avail: Available,
    outcome: Outcome,
    bot: BotVector,
    trades: Vec<TradeVector>,
    #[serde(default)]
    history: Vec<HistoryVector>,
    #[serde(default)]
    orders: Vec<OrderVector>,
    expect: Expect,
}

/// What asking for the limit price gives.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Available {
    Ok,
    None,
    Raise,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    checked: bool,
    seed: Option<f64>,
    request: Option<RequestVector>,
    events: Vec<String>,
    new_history: Vec<HistoryVector>,
    trades_after: TradesAfter,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TradesAfter {
    Unchanged(String),
    Rows(Vec<TradeVector>),
}

impl Case for ClosingCase {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self, diff: &mut Differences) {
        let mut bot = self.bot.bot(0);
        let before: Vec<Holding> = self.trades.iter().enumerate().map(|(n, row)| row.holding(&self.bot, n)).collect();
        let mut holdings = before.clone();
        let today = self.now.date();
        let rows: Vec<HistoryRow> = self.history.iter().enumerate().map(|(n, row)| row.row(&self.bot, n)).collect();
        let mut sheets = self.orders.iter().enumerate().map(|(n, row)| row.sheet(Some(&self.bot), self.now, n));
        let mut events = Vec::new();
        let mut money = None;
        let mut request = None;
        let mut new_history = Vec::new();

        let checked = !turn::bots(std::slice::from_ref(&bot)).is_empty();
        diff.same("checked", &checked, &self.expect.checked);
        if checked {
            let check = closing::check(&ClosingInput {
                bot: &bot,
                holdings: &holdings,
                sold_today: rows.iter().any(|row| row.kind.is_sell() && kst_date(row.traded_at) == today),
                sell_sheet_today: sheets.any(|sheet| sheet.kind.is_sell() && sheet.session == today),
                previous_close: self.prev_price,
                price: self.cur_price,
            });
            money = check.money;
            events.extend(check.events);
            let error = |reason: &str| EggEvent::ClosingBuyError {
                bot: self.bot.name.clone(),
                symbol: self.bot.symbol.clone(),
                reason: reason.to_owned(),
            };
            let price = if self.avail == Available::Ok { self.cur_price } else { None };
            match money.map(|money| closing::plan(&bot, money, price)) {
                Some(plan) if self.avail == Available::Raise && plan != ClosingPlan::Nothing => events.push(error("no price")),
                None | Some(ClosingPlan::Nothing) => {}
                Some(ClosingPlan::NotSent(event)) => events.push(event),
                Some(ClosingPlan::Send(sent)) => {
                    request = Some(sent);
                    if self.outcome.is(OutcomeWord::Raise) {
                        events.push(error("refused"));
                    } else {
                        let fill = fill_of(&self.outcome, TradeKind::Buy, sent.quantity, self.cur_price.unwrap_or(f64::NAN));
                        let (trade, event) = closing::outcome(&bot, &sent, fill);
                        if let Some(trade) = trade {
                            let booked = book::buy(&bot, &holdings, &trade, BookingOrigin::Closing, book_ids(0)(), at(self.now));
                            let booked = booked.expect("shares were bought");
                            booked.put(&mut bot, &mut holdings);
                            new_history.extend(booked.booking.map(|booking| booking.history));
                            events.extend(booked.events);
                        }
                        events.push(event);
                    }
                }
            }
        }
        diff.money_or_none("seed", money, self.expect.seed);
        compare_request(diff, &bot.symbol, request.as_ref(), self.expect.request.as_ref());
        diff.same("events", &codes(&events), &self.expect.events);
        compare_history(diff, &new_history, &self.expect.new_history, Some(&self.bot));
        match &self.expect.trades_after {
            TradesAfter::Rows(rows) => compare_holdings(diff, &holdings, rows, Some(&self.bot)),
            TradesAfter::Unchanged(word) => {
                diff.same("trades_after", word.as_str(), "unchanged");
                diff.same("positions", &holdings, &before);
            }
        }
    }
}

#[test]
fn golden_closing_drop() {
    run::<ClosingCase>("closing_drop");
}
