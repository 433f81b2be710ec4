//! The daily sync of flags, the automatic start, and the renewal of all bots.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use uuid::Uuid;

use eggmoney::domain::bot::{Bot, ClosingCondition, Holding};
use eggmoney::domain::id::{AccountId, BotId};
use eggmoney::quant::egg::event::EggEvent;
use eggmoney::quant::egg::manage::{RenewalRequest, auto_start, bot_sync, next_to_start, renewal, turns_of};

use super::harness::{Case, Differences, run};
use super::vectors::{BotVector, TradeVector};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum ManagementCase {
    BotSync { id: String, admin: String, bots: Vec<BotVector>, trades: Vec<TradeVector>, expect: SyncExpect },
    AutoStart { id: String, auto_start: bool, threshold: f64, bots: Vec<BotVector>, trades: Vec<TradeVector>, expect: StartExpect },
    Renewal { id: String, ticker_counts: TickerCounts, total_budget: f64, existing: Vec<BotVector>, expect: RenewalExpect },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SyncExpect {
    flags_after: BTreeMap<String, bool>,
    events: Vec<String>,
    t: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartExpect {
    after: BTreeMap<String, (bool, bool)>,
    started_events: usize,
    next_bot_after: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenewalExpect {
    result: Option<Created>,
    raises: Option<String>,
    bots_after: Vec<RenewedVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Created {
    created_count: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenewedVector {
    name: String,
    symbol: String,
    seed: f64,
    profit_rate: f64,
    t_div: i64,
    max_tier: i64,
    active: bool,
    is_check_buy_avr_price: bool,
    is_check_buy_t_div_price: bool,
    point_loc: String,
    closing_buy_conditions: Vec<ClosingCondition>,
    #[serde(default)]
    added_seed: f64,
}

/// Ticker → count in the order of the file.
struct TickerCounts(Vec<(String, i64)>);

impl<'de> Deserialize<'de> for TickerCounts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = TickerCounts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tickers and counts")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut counts = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    counts.push(entry);
                }
                Ok(TickerCounts(counts))
            }
        }
        from.deserialize_map(InOrder)
    }
}

impl Case for ManagementCase {
    fn id(&self) -> &str {
        match self {
            Self::BotSync { id, .. } | Self::AutoStart { id, .. } | Self::Renewal { id, .. } => id,
        }
    }

    fn check(&self, diff: &mut Differences) {
        match self {
            Self::BotSync { admin, bots, trades, expect, .. } => {
                let (bots, holdings) = account(bots, trades);
                check_sync(diff, admin, bots, &holdings, expect);
            }
            Self::AutoStart { auto_start: on, threshold, bots, trades, expect, .. } => {
                let (bots, holdings) = account(bots, trades);
                check_start(diff, *on, *threshold, bots, &holdings, expect);
            }
            Self::Renewal { ticker_counts, total_budget, existing, expect, .. } => {
                check_renewal(diff, &ticker_counts.0, *total_budget, &account(existing, &[]).0, expect);
            }
        }
    }
}

fn account(bots: &[BotVector], trades: &[TradeVector]) -> (Vec<Bot>, Vec<Holding>) {
    let owner = &bots.first().cloned();
    let holdings = trades.iter().enumerate().map(|(n, row)| row.holding(owner.as_ref().expect("a trade has a bot"), n)).collect();
    (bots.iter().zip(0..).map(|(bot, n)| bot.bot(n)).collect(), holdings)
}

fn check_sync(diff: &mut Differences, admin: &str, mut bots: Vec<Bot>, holdings: &[Holding], want: &SyncExpect) {
    let ours: BTreeMap<&str, f64> = bots.iter().map(|bot| (bot.name.as_str(), turns_of(bot, holdings))).collect();
    diff.same("bots with T", &ours.keys().copied().collect::<Vec<_>>(), &want.t.keys().map(String::as_str).collect::<Vec<_>>());
    for (name, t) in &want.t {
        diff.money("t", ours.get(name.as_str()).copied().unwrap_or(f64::NAN), *t);
    }
    // The account `sk` had the sync switched off; here that is a switch of the account.
    let changes = if admin == "sk" { Vec::new() } else { bot_sync(&bots, holdings) };
    for change in &changes {
        for bot in bots.iter_mut().filter(|bot| bot.id == change.bot_id) {
            bot.buy_below_average = change.buy_below_average;
        }
    }
    let codes: Vec<&str> = changes.iter().map(|change| change.event.code()).collect();
    diff.same("events", &codes, &want.events);
    let flags: BTreeMap<String, bool> = bots.iter().map(|bot| (bot.name.clone(), bot.buy_below_average)).collect();
    diff.same("flags_after", &flags, &want.flags_after);
}

fn check_start(diff: &mut Differences, on: bool, threshold: f64, mut bots: Vec<Bot>, holdings: &[Holding], want: &StartExpect) {
    let started = if on { auto_start(&bots, holdings, threshold) } else { Vec::new() };
    for start in &started {
        for bot in bots.iter_mut().filter(|bot| bot.id == start.bot_id) {
            bot.active = true;
            bot.buy_below_point = true;
        }
    }
    let events = started.iter().filter(|start| matches!(start.event, EggEvent::AutoStarted { .. })).count();
    diff.same("started_events", &events, &want.started_events);
    let after: BTreeMap<String, (bool, bool)> = bots.iter().map(|bot| (bot.name.clone(), (bot.active, bot.buy_below_point))).collect();
    diff.same("after", &after, &want.after);
    for (symbol, next) in &want.next_bot_after {
        diff.same("next_bot_after", &next_to_start(&bots, holdings, symbol).map(|bot| bot.name.clone()), next);
    }
}

fn check_renewal(diff: &mut Differences, tickers: &[(String, i64)], total_budget: f64, existing: &[Bot], want: &RenewalExpect) {
    let result = renewal(&RenewalRequest { tickers, total_budget, existing, holdings: &[], open_sheets: &[] });
    if want.raises.is_some() {
        // The original had deleted every bot by then; ours refuses before anything changes.
        diff.exempt("raises");
        diff.same("refused", &result.is_err(), &true);
        diff.same("nothing was created", &want.result.is_none(), &true);
        return;
    }
    let plan = match result {
        Ok(plan) => plan,
        Err(error) => return diff.note(format!("refused: {error}")),
    };
    let bots: Vec<Bot> =
        plan.bots.iter().zip(0..).map(|(bot, n)| bot.bot(BotId(Uuid::from_u128(n.into())), AccountId(Uuid::nil()), n)).collect();
    diff.same("created_count", &Some(bots.len()), &want.result.as_ref().map(|result| result.created_count));
    let letters = |ticker: &str| ticker.chars().take(2).collect::<String>();
    let replaced =
        |(n, (ticker, _)): (usize, &(String, i64))| tickers.iter().skip(n + 1).any(|(later, _)| letters(later) == letters(ticker));
    if tickers.iter().enumerate().any(replaced) {
        diff.exempt("renewal-prefix");
        check_prefixes(diff, tickers, &bots, want);
        return;
    }
    diff.same("number of bots", &bots.len(), &want.bots_after.len());
    for (got, want) in bots.iter().zip(&want.bots_after) {
        diff.same("name", &got.name, &want.name);
        check_renewed(diff, got, want);
        diff.money("added_seed", got.added_seed, want.added_seed);
    }
}

fn check_renewed(diff: &mut Differences, got: &Bot, want: &RenewedVector) {
    diff.same("symbol", &got.symbol, &want.symbol);
    diff.money("seed", got.seed, want.seed);
    diff.fraction("profit_rate", got.profit_rate, want.profit_rate);
    diff.same("t_div", &got.t_div, &want.t_div);
    diff.same("max_tier", &got.max_tier, &want.max_tier);
    diff.same("active", &got.active, &want.active);
    diff.same("is_check_buy_avr_price", &got.buy_below_average, &want.is_check_buy_avr_price);
    diff.same("is_check_buy_t_div_price", &got.buy_below_point, &want.is_check_buy_t_div_price);
    let curve = serde_json::to_value(got.point_curve).expect("a curve is text");
    diff.same("point_loc", &curve.as_str(), &Some(want.point_loc.as_str()));
    diff.same("closing_buy_conditions", &got.closing_conditions, &want.closing_buy_conditions);
}

/// Two tickers wanted the same names. Ours keeps all bots, under names of their own; those that the
/// original kept agree but for the name.
fn check_prefixes(diff: &mut Differences, tickers: &[(String, i64)], bots: &[Bot], want: &RenewalExpect) {
    let wanted: i64 = tickers.iter().map(|(_, count)| count).sum();
    diff.same("bots made", &(bots.len() as i64), &wanted);
    let mut names: Vec<&str> = bots.iter().map(|bot| bot.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    diff.same("names", &names.len(), &bots.len());
    for kept in &want.bots_after {
        match bots.iter().find(|bot| bot.symbol == kept.symbol && bot.max_tier == kept.max_tier) {
            Some(bot) => check_renewed(diff, bot, kept),
            None => diff.note(format!("no bot for {} with {} turns", kept.symbol, kept.max_tier)),
        }
    }
}

#[test]
fn golden_management() {
    run::<ManagementCase>("management");
}
