//! Single slice calls in states that a schedule does not reach.

use jiff::civil::DateTime;
use serde::Deserialize;

use eggmoney::domain::bot::TradeKind;
use eggmoney::quant::egg::slice::{self, Completion, SlicePlan};

use super::harness::{Case, Differences, run};
use super::vectors::{BotVector, HistoryVector, OrderVector, Outcome, OutcomeWord, TradeVector, codes, fill_of};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectCase {
    id: String,
    kind: Kind,
    now: DateTime,
    price: f64,
    bot: BotVector,
    trades: Vec<TradeVector>,
    order: Option<OrderVector>,
    expect: Expect,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    NoOrder,
    ResultsComplete,
    NoCount,
    BotMissing,
    NotTodayOld,
    NotTodayFuture,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    requests: usize,
    events: Vec<String>,
    trades_unchanged: bool,
    new_history: Vec<HistoryVector>,
    order: Option<OrderAfter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderAfter {
    trade_count: i64,
    remain_value: f64,
    results: usize,
}

impl Case for DirectCase {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self, diff: &mut Differences) {
        let mut sheet = self.order.as_ref().map(|order| order.sheet(Some(&self.bot), self.now, 0));
        let mut events = Vec::new();
        let mut requests = 0;
        let mut booked = false;
        if let Some(sheet) = &mut sheet {
            match slice::obstacle(sheet, self.now.date()) {
                Some(event) => events.push(event),
                None => {
                    let plan = slice::plan(sheet, Some(self.price));
                    let fill = if let SlicePlan::Send(request) = plan {
                        requests += 1;
                        fill_of(&Outcome::Word(OutcomeWord::Full), sheet.kind, request.quantity, self.price)
                    } else {
                        // Less than a share: the original sent a request of 0 all the same.
                        diff.exempt("H-07");
                        requests += 1;
                        None
                    };
                    slice::apply(sheet, fill);
                    match slice::completion(sheet, false, self.kind != Kind::BotMissing) {
                        None => {}
                        Some(Completion::BotMissing { events: more } | Completion::Empty { events: more }) => events.extend(more),
                        Some(Completion::Book { .. }) => booked = true,
                    }
                }
            }
        }
        diff.same("requests", &requests, &self.expect.requests);
        diff.same("events", &codes(&events), &self.expect.events);
        diff.same("trades unchanged", &!booked, &self.expect.trades_unchanged);
        diff.same("new history rows", &0, &self.expect.new_history.len());
        diff.same("a position to keep", &self.trades.iter().all(|row| row.amount >= 0.0), &true);
        match (&sheet, &self.expect.order) {
            (Some(sheet), Some(want)) => {
                diff.same("trade_count", &sheet.slices_left, &want.trade_count);
                diff.money("remain_value", sheet.remaining, want.remain_value);
                diff.same("results", &sheet.results.len(), &want.results);
            }
            (got, want) => diff.same("a sheet is left", &got.is_some(), &want.is_some()),
        }
        if matches!(self.kind, Kind::ResultsComplete | Kind::NoCount)
            && let Some(sheet) = &sheet
            && sheet.fills().next().is_some()
        {
            // Such a sheet stayed for ever; ours is completed, and what it filled reaches the books.
            diff.exempt("H-05");
            let completion = slice::complete(sheet, true);
            let kind = match completion {
                Some(Completion::Book { fill, .. }) => Some(fill.kind),
                _ => None,
            };
            diff.same("completed with its fills", &kind.map(TradeKind::is_buy), &Some(sheet.kind.is_buy()));
        }
    }
}

#[test]
fn golden_twap_direct() {
    run::<DirectCase>("twap_direct");
}
