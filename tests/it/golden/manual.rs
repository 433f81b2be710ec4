//! Manual edits of positions and history, and choosing history rows.

use jiff::civil::{Date, DateTime};
use serde::Deserialize;
use uuid::Uuid;

use eggmoney::domain::bot::{Holding, TradeKind};
use eggmoney::domain::clock::kst_datetime;
use eggmoney::domain::id::{HistoryId, HoldingId};
use eggmoney::domain::instrument::Market;
use eggmoney::quant::figures::{rows_between, rows_of_month};
use eggmoney::quant::manual::{
    DEFAULT_HISTORY_KIND, DEFAULT_POSITION_KIND, ManualError, ManualTrade, Owner, add_holding, edit_holding, new_history_row, new_holding,
    remove_holdings,
};

use super::harness::{Case, Differences, run};
use super::vectors::{BotVector, HistoryVector, TradeVector, at, bot_id, compare_history, compare_holdings};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum ManualCase {
    UpdateTrade {
        id: String,
        #[serde(rename = "now")]
        _now: DateTime,
        bot: BotVector,
        trades: Vec<TradeVector>,
        price: f64,
        amount: f64,
        expect: TradesExpect,
    },
    AddTrade {
        id: String,
        now: DateTime,
        bot: BotVector,
        trades: Vec<TradeVector>,
        add_name: String,
        add_symbol: String,
        price: f64,
        amount: f64,
        trade_type: String,
        expect: TradesExpect,
    },
    DeleteTrade {
        id: String,
        #[serde(rename = "now")]
        _now: DateTime,
        bot: BotVector,
        trades: Vec<TradeVector>,
        delete_name: String,
        expect: TradesExpect,
    },
    AddHistory {
        id: String,
        now: DateTime,
        bot: BotVector,
        #[serde(rename = "trades")]
        _trades: Vec<TradeVector>,
        buy_price: f64,
        sell_price: f64,
        amount: f64,
        trade_type: String,
        symbol_given: String,
        expect: HistoryExpect,
    },
    Query {
        id: String,
        #[serde(rename = "now")]
        _now: DateTime,
        bot: BotVector,
        #[serde(rename = "trades")]
        _trades: Vec<TradeVector>,
        history: Vec<HistoryVector>,
        start: Date,
        end: Date,
        year: i16,
        month: i8,
        symbol: String,
        expect: QueryExpect,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TradesExpect {
    ok: bool,
    trades_after: Vec<TradeVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryExpect {
    ok: bool,
    new_history: Vec<HistoryVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryExpect {
    /// Type, profit, time.
    range: Vec<(String, f64, DateTime)>,
    /// Symbol, type, profit.
    filter: Vec<(String, String, f64)>,
}

fn holdings(trades: &[TradeVector], bot: &BotVector) -> Vec<Holding> {
    trades.iter().enumerate().map(|(place, trade)| trade.holding(bot, place)).collect()
}

fn owner(name: &str, symbol: &str) -> Owner {
    let bot = (name != "RP").then(|| bot_id(name));
    Owner { bot_id: bot, name: name.to_owned(), market: Market::Us, symbol: symbol.to_owned() }
}

impl Case for ManualCase {
    fn id(&self) -> &str {
        match self {
            ManualCase::UpdateTrade { id, .. }
            | ManualCase::AddTrade { id, .. }
            | ManualCase::DeleteTrade { id, .. }
            | ManualCase::AddHistory { id, .. }
            | ManualCase::Query { id, .. } => id,
        }
    }

    fn check(&self, diff: &mut Differences) {
        match self {
            ManualCase::UpdateTrade { bot, trades, price, amount, expect, .. } => {
                let before = holdings(trades, bot);
                // The page names one row, which is the first.
                let edit = |(place, h): (usize, &Holding)| if place == 0 { edit_holding(h, *price, *amount) } else { Ok(h.clone()) };
                let edited: Result<Vec<Holding>, ManualError> = before.iter().enumerate().map(edit).collect();
                if expect.ok || before.is_empty() {
                    let ok = edited.is_ok() && !before.is_empty();
                    diff.same("ok", &ok, &expect.ok);
                    compare_holdings(diff, &edited.unwrap_or_default(), &expect.trades_after, Some(bot));
                } else {
                    // The original could not find rows whose time has no fraction of a second.
                    diff.exempt("H-14");
                    diff.same("the row is editable", &edited.is_ok(), &true);
                    compare_holdings(diff, &before, &expect.trades_after, Some(bot));
                }
            }
            ManualCase::AddTrade { now, bot, trades, add_name, add_symbol, price, amount, trade_type, expect, .. } => {
                let before = holdings(trades, bot);
                let kind = TradeKind::parse(trade_type).unwrap_or(DEFAULT_POSITION_KIND);
                let id = HoldingId(Uuid::from_u128(9));
                let added = new_holding(id, &owner(add_name, add_symbol), *price, *amount, kind, at(*now));
                let rows = |extra: &[Holding]| -> Vec<Holding> { before.iter().chain(extra).cloned().collect() };
                match added {
                    Err(_) => {
                        diff.same("ok", &false, &expect.ok);
                        compare_holdings(diff, &before, &expect.trades_after, Some(bot));
                    }
                    Ok(new) => {
                        diff.same("ok", &true, &expect.ok);
                        compare_holdings(diff, &rows(std::slice::from_ref(&new)), &expect.trades_after, Some(bot));
                        diff.same("is the reserve", &new.reserve, &(add_name == "RP"));
                        let stored = add_holding(&before, new.clone());
                        if before.iter().any(|h| h.name == new.name) {
                            diff.exempt("H-13");
                            diff.same("second row of a bot", &stored, &Err(ManualError::Occupied(new.name.clone())));
                        } else {
                            diff.same("stored rows", &stored, &Ok(rows(&[new])));
                        }
                    }
                }
            }
            ManualCase::DeleteTrade { bot, trades, delete_name, expect, .. } => {
                let before = holdings(trades, bot);
                let after = remove_holdings(&before, delete_name);
                diff.same("ok", &after.is_ok(), &expect.ok);
                compare_holdings(diff, &after.unwrap_or(before), &expect.trades_after, Some(bot));
            }
            ManualCase::AddHistory { now, bot, buy_price, sell_price, amount, trade_type, symbol_given, expect, .. } => {
                let kind = TradeKind::parse(trade_type).unwrap_or(DEFAULT_HISTORY_KIND);
                let trade = ManualTrade { kind, buy_price: *buy_price, sell_price: *sell_price, quantity: *amount };
                let row = new_history_row(HistoryId(Uuid::from_u128(9)), &owner(&bot.name, symbol_given), &trade, at(*now));
                diff.same("ok", &row.is_ok(), &expect.ok);
                let rows: Vec<_> = row.into_iter().collect();
                compare_history(diff, &rows, &expect.new_history, Some(bot));
            }
            ManualCase::Query { bot, history, start, end, year, month, symbol, expect, .. } => {
                let rows: Vec<_> = history.iter().enumerate().map(|(place, row)| row.row(bot, place)).collect();
                let range: Vec<_> = rows_between(&rows, *start, *end)
                    .into_iter()
                    .map(|r| (r.kind.name().to_owned(), r.profit, kst_datetime(r.traded_at)))
                    .collect();
                diff.same("range", &range, &expect.range);
                let filter: Vec<_> = rows_of_month(&rows, *year, *month, symbol)
                    .into_iter()
                    .map(|r| (r.symbol.clone(), r.kind.name().to_owned(), r.profit))
                    .collect();
                diff.same("filter", &filter, &expect.filter);
            }
        }
    }
}

#[test]
fn golden_manual() {
    run::<ManualCase>("manual");
}
