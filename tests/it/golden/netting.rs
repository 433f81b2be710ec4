//! Book transfers between the bots of an account.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use serde::Deserialize;

use eggmoney::domain::bot::{Bot, HistoryRow};
use eggmoney::quant::egg::event::EggEvent;
use eggmoney::quant::egg::netting::{Books, Netting, net};

use super::harness::{Case, Differences, run};
use super::vectors::{BotVector, HistoryVector, OrderVector, TradeVector, at, book_ids, codes, compare_history, compare_holdings};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NettingCase {
    id: String,
    now: DateTime,
    prices: BTreeMap<String, Option<f64>>,
    bots: Vec<BotVector>,
    trades: Vec<TradeVector>,
    orders: Vec<OrderVector>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    pairs: Vec<(String, String, i64, f64)>,
    events: Vec<String>,
    orders_after: Option<Vec<OrderAfter>>,
    trades_after: Option<Vec<TradeVector>>,
    new_history: Option<Vec<HistoryVector>>,
    added_seed_changed: Option<BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderAfter {
    name: String,
    order_type: String,
    remain_value: f64,
    total_value: f64,
    trade_count: i64,
}

impl Case for NettingCase {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self, diff: &mut Differences) {
        let owner = &self.bots[0];
        let before = Books {
            bots: self.bots.iter().zip(0..).map(|(bot, n)| bot.bot(n)).collect(),
            holdings: self.trades.iter().enumerate().map(|(n, row)| row.holding(owner, n)).collect(),
            sheets: self.orders.iter().enumerate().map(|(n, row)| row.sheet(None, self.now, n)).collect(),
            history: Vec::new(),
        };
        let mut books = before.clone();
        let price_of = |symbol: &str| self.prices.get(symbol).copied().flatten();
        let netting = net(&mut books, price_of, &mut book_ids(0), at(self.now));

        diff.same("number of pairs", &netting.pairs.len(), &self.expect.pairs.len());
        for (got, (buyer, seller, quantity, price)) in netting.pairs.iter().zip(&self.expect.pairs) {
            diff.same("buyer", &got.transfer.buyer, buyer);
            diff.same("seller", &got.transfer.seller, seller);
            diff.same("amount", &got.transfer.quantity, quantity);
            diff.money("price", got.transfer.price, *price);
        }
        let events = codes(&netting.events);
        if netting.booked.len() < netting.pairs.len() {
            self.check_half(diff, &before, &books, &netting, &events);
            return;
        }
        diff.same("events", &events, &self.expect.events);
        self.check_books(diff, &before.bots, &books);
    }
}

impl NettingCase {
    fn check_books(&self, diff: &mut Differences, bots_before: &[Bot], books: &Books) {
        let Some(want) = &self.expect.orders_after else {
            diff.same("history", &books.history.len(), &0);
            return;
        };
        let mut sheets = books.sheets.clone();
        sheets.sort_by(|a, b| a.name.cmp(&b.name));
        diff.same("number of sheets", &sheets.len(), &want.len());
        for (got, want) in sheets.iter().zip(want) {
            diff.same("sheet name", &got.name, &want.name);
            diff.same("sheet type", got.kind.name(), want.order_type.as_str());
            diff.money("sheet remain_value", got.remaining, want.remain_value);
            diff.money("sheet total_value", got.total, want.total_value);
            diff.same("sheet trade_count", &got.slices_left, &want.trade_count);
        }
        compare_holdings(diff, &books.holdings, self.expect.trades_after.as_deref().unwrap_or_default(), None);
        compare_history(diff, &books.history, self.expect.new_history.as_deref().unwrap_or_default(), None);
        let changed = books.bots.iter().zip(bots_before).filter(|(after, before)| after.added_seed != before.added_seed);
        let changed: BTreeMap<&str, f64> = changed.map(|(after, _)| (after.name.as_str(), after.added_seed)).collect();
        let want = self.expect.added_seed_changed.iter().flatten();
        diff.same("bots whose added_seed changed", &changed.keys().copied().collect::<Vec<_>>(), &{
            let names: Vec<&str> = want.clone().map(|(name, _)| name.as_str()).collect();
            names
        });
        for (name, added_seed) in want {
            diff.money("added_seed", changed.get(name.as_str()).copied().unwrap_or(f64::NAN), *added_seed);
        }
    }

    /// A pair could not be booked as a whole. The original booked half of it; ours leaves it alone.
    fn check_half(&self, diff: &mut Differences, before: &Books, books: &Books, netting: &Netting, events: &[&'static str]) {
        diff.exempt("netting-half");
        let failed = |code: &&str| matches!(*code, "NETTING_BOT_MISSING" | "NETTING_PAIR_FAILED");
        let until = events.iter().position(failed).unwrap_or(events.len());
        let told: Vec<String> = events[..until].iter().map(|code| (*code).to_owned()).collect();
        let theirs: Vec<&str> = self.expect.events.iter().map(String::as_str).collect();
        diff.begins("events before the failure", &theirs, &told);
        // What was booked is whole, and the failed pairs left everything as it was.
        let shares = |books: &Books| books.holdings.iter().map(|row| row.quantity).sum::<f64>();
        diff.fraction("shares in all", shares(books), shares(before));
        let booked: Vec<HistoryRow> = books.history.clone();
        diff.same("history rows", &booked.len(), &(2 * netting.booked.len()));
        compare_history_of_whole_pairs(diff, &booked, self.expect.new_history.as_deref().unwrap_or_default());
        let failures = netting.events.iter().filter(|event| failed(&event.code())).count();
        diff.same("one report per failed pair", &failures, &(netting.pairs.len() - netting.booked.len()));
        let finished = EggEvent::NettingFinished { booked: netting.booked.len() as i64 };
        diff.same("last event", &netting.events.last(), &Some(&finished));
    }
}

/// Every row of ours stands in the original's history, in the same order; what it has besides is of
/// the failed pairs.
fn compare_history_of_whole_pairs(diff: &mut Differences, got: &[HistoryRow], want: &[HistoryVector]) {
    let mut theirs = want.iter();
    for row in got {
        let found = theirs.any(|want| {
            Some(row.name.as_str()) == want.name.as_deref()
                && row.quantity == Some(want.amount)
                && row.profit == want.profit
                && (row.buy_price, row.sell_price) == (want.buy_price, want.sell_price)
        });
        diff.same(&format!("a row of {} over {:?} shares", row.name, row.quantity), &found, &true);
    }
}

#[test]
fn golden_netting() {
    run::<NettingCase>("netting");
}
