//! Selling a share of a position at once.

use jiff::civil::DateTime;
use serde::Deserialize;

use eggmoney::domain::bot::{HistoryRow, Holding, TradeKind};
use eggmoney::domain::fact::BookingOrigin;
use eggmoney::quant::egg::{book, force_sell};

use super::harness::{Case, Differences, run};
use super::vectors::{
    BotVector, HistoryVector, Outcome, OutcomeWord, RequestVector, TradeVector, at, book_ids, codes, compare_history, compare_holdings,
    compare_request, fill_of,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForceSellCase {
    id: String,
    now: DateTime,
    sell_ratio: f64,
    price: f64,
    outcome: Outcome,
    bot: BotVector,
    trades: Vec<TradeVector>,
    history: Vec<HistoryVector>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    request: Option<RequestVector>,
    events: Vec<String>,
    trades_after: Vec<TradeVector>,
    new_history: Vec<HistoryVector>,
    bot_after: BotAfter,
    raises: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BotAfter {
    added_seed: f64,
    trailing_mode: bool,
}

impl Case for ForceSellCase {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self, diff: &mut Differences) {
        let mut bot = self.bot.bot(0);
        let mut holdings: Vec<Holding> = self.trades.iter().enumerate().map(|(n, row)| row.holding(&self.bot, n)).collect();
        let held: f64 = holdings.iter().map(|holding| holding.quantity).sum();
        let history: Vec<HistoryRow> = self.history.iter().enumerate().map(|(n, row)| row.row(&self.bot, n)).collect();
        let price = (!self.outcome.is(OutcomeWord::NoPrice)).then_some(self.price);

        let plan = force_sell::plan(&bot, &holdings, self.sell_ratio, price);
        compare_request(diff, &bot.symbol, plan.request.as_ref(), self.expect.request.as_ref());
        let mut events = plan.events;
        let mut new_history = Vec::new();
        let mut short = false;
        if let Some(request) = &plan.request {
            let fill = fill_of(&self.outcome, TradeKind::Sell, request.quantity, self.price);
            let (trade, event) = force_sell::outcome(&bot, request, self.sell_ratio, fill, None);
            events.push(event);
            if let Some(trade) = trade {
                short = self.sell_ratio == 100.0 && trade.quantity < request.quantity as f64;
                let origin = BookingOrigin::ForceSell;
                let booked = book::sell(&bot, &holdings, &history, &trade, origin, book_ids(0)(), at(self.now));
                let booked = booked.expect("shares were sold");
                booked.put(&mut bot, &mut holdings);
                new_history.extend(booked.booking.map(|booking| booking.history));
                events.extend(booked.events);
            }
        }

        let sold: f64 = new_history.iter().filter_map(|row| row.quantity).sum();
        let left: f64 = holdings.iter().map(|holding| holding.quantity).sum();
        if self.expect.raises.is_some() {
            diff.exempt("raises");
            diff.begins("events before the failure", &codes(&events), &self.expect.events);
            diff.same("shares in the books", &(left + sold), &held);
        } else if short {
            // The original forgot what was not sold.
            diff.exempt("H-16");
            diff.same("shares in the books", &(left + sold), &held);
            diff.same("kind", &new_history.iter().map(|row| row.kind).collect::<Vec<_>>(), &[TradeKind::SellPart]);
            compare_money_of_rows(diff, &new_history, &self.expect.new_history);
        } else {
            diff.same("events", &codes(&events), &self.expect.events);
            compare_history(diff, &new_history, &self.expect.new_history, Some(&self.bot));
            compare_holdings(diff, &holdings, &self.expect.trades_after, Some(&self.bot));
            diff.money("added_seed", bot.added_seed, self.expect.bot_after.added_seed);
            if self.bot.trailing_mode && holdings.is_empty() && held > 0.0 {
                diff.exempt("H-11");
                diff.same("trailing ends with the position", &bot.trailing_mode, &false);
            } else {
                diff.same("trailing_mode", &bot.trailing_mode, &self.expect.bot_after.trailing_mode);
            }
        }
    }
}

/// What stays true of a sell that was filled in part: price, shares and profit, if one row held enough.
fn compare_money_of_rows(diff: &mut Differences, got: &[HistoryRow], want: &[HistoryVector]) {
    diff.same("history rows", &got.len(), &want.len());
    for (got, want) in got.iter().zip(want) {
        diff.same("amount", &got.quantity, &Some(want.amount));
        diff.money("sell_price", got.sell_price, want.sell_price);
        if got.buy_price == want.buy_price {
            diff.money("profit", got.profit, want.profit);
        }
    }
}

#[test]
fn golden_force_sell() {
    run::<ForceSellCase>("force_sell");
}
