//! Decisions beside executions: did the program that trades an account do what its bots decide here?
//!
//! Executions carry no bot's name, and the old program moves shares between its own bots before it
//! orders anything. So bots on one symbol are compared together, after the same netting.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::id::BotId;
use crate::domain::night::{Decided, Executed, NightLine, Verdict};
use crate::quant::egg::number::truncate;

/// A bought amount may be this much below its money: the old program's limit is 2 % above the price,
/// and it counts the shares with the limit.
const LIMIT_ROOM: f64 = 0.03;

/// A bot that is to be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    pub bot_id: BotId,
    pub bot: String,
    pub symbol: String,
}

/// One session's facts.
#[derive(Clone, Debug)]
pub struct Evening<'a> {
    pub watched: &'a [Watched],
    pub decided: &'a [Decided],
    /// By symbol, what was executed in the session.
    pub executed: &'a BTreeMap<String, Executed>,
    /// Symbols that were traded between the last copy of the books and this session.
    pub outdated: &'a BTreeSet<String>,
}

/// Compares bot by bot, in the order of `watched`.
pub fn compare(evening: &Evening<'_>) -> Vec<NightLine> {
    let mut lines = Vec::with_capacity(evening.watched.len());
    for bot in evening.watched {
        let group: Vec<&Watched> = evening.watched.iter().filter(|w| w.symbol == bot.symbol).collect();
        let of = |id: BotId| evening.decided.iter().find(|d| d.bot_id == id);
        let decided: Vec<&Decided> = group.iter().filter_map(|w| of(w.bot_id)).collect();
        let executed = evening.executed.get(&bot.symbol).copied().unwrap_or_default();
        let (verdict, reason) = if decided.len() < group.len() {
            (Verdict::NotComparable, Some("not_decided"))
        } else if evening.outdated.contains(&bot.symbol) {
            (Verdict::NotComparable, Some("books_outdated"))
        } else if decided.iter().any(|d| d.price.is_none()) {
            (Verdict::NotComparable, Some("no_price"))
        } else {
            judge(&Wanted::of(&decided), &executed)
        };
        let own = of(bot.bot_id);
        lines.push(NightLine {
            bot_id: bot.bot_id,
            bot: bot.bot.clone(),
            symbol: bot.symbol.clone(),
            verdict,
            reason: reason.map(str::to_owned),
            buy_usd: own.map_or(0.0, buys),
            sell_shares: own.map_or(0.0, sells),
            executed,
            together_with: group.iter().filter(|w| w.bot_id != bot.bot_id).map(|w| w.bot.clone()).collect(),
        });
    }
    lines
}

fn buys(decided: &Decided) -> f64 {
    let sheet = if decided.kind.is_some_and(|k| k.is_buy()) { decided.value.max(0.0) } else { 0.0 };
    sheet + decided.closing.unwrap_or(0.0)
}

fn sells(decided: &Decided) -> f64 {
    if decided.kind.is_some_and(|k| k.is_sell()) { decided.value } else { 0.0 }
}

/// What a symbol's bots want from the market together.
struct Wanted {
    /// Money of each buy; each is counted out in whole shares by itself.
    buys: Vec<f64>,
    sells: i64,
    price: f64,
}

impl Wanted {
    fn of(decided: &[&Decided]) -> Self {
        let price = decided.iter().find_map(|d| d.price).unwrap_or(0.0);
        let mut orders: Vec<f64> = decided.iter().filter(|d| d.kind.is_some_and(|k| k.is_buy())).map(|d| d.value.max(0.0)).collect();
        let mut sells: i64 = decided.iter().map(|d| truncate(sells(d))).sum();
        if price > 0.0 {
            // The book transfer takes as many shares from the buyers as the sellers give.
            for money in &mut orders {
                let moved = truncate(*money / price).min(sells);
                *money -= moved as f64 * price;
                sells -= moved;
            }
        }
        // The closing buy comes after the transfer.
        orders.extend(decided.iter().filter_map(|d| d.closing));
        orders.retain(|money| *money > 0.0);
        Self { buys: orders, sells, price }
    }

    /// Fewest and most shares that the buys can come to at a price.
    fn bought(&self, price: f64) -> (i64, i64) {
        if price <= 0.0 {
            return (0, 0);
        }
        self.buys.iter().fold((0, 0), |(least, most), money| {
            let most_here = truncate(money / price * (1.0 + LIMIT_ROOM));
            // Slices round down to whole dollars and whole shares; what is left goes to the next one.
            let in_slices = truncate(money / price * (1.0 - LIMIT_ROOM)) - 1;
            // The last slice has all that is left, so money for a share buys one.
            let in_one = truncate((money - 1.0) / (price * (1.0 + LIMIT_ROOM))).clamp(0, 1);
            (least + in_slices.max(in_one), most + most_here)
        })
    }
}

fn judge(wanted: &Wanted, executed: &Executed) -> (Verdict, Option<&'static str>) {
    let done = executed.bought > 0 || executed.sold > 0;
    let price = if executed.bought > 0 { executed.bought_usd / executed.bought as f64 } else { wanted.price };
    let (least, most) = wanted.bought(price);
    let decided = most > 0 || wanted.sells > 0;
    let bought = i64::try_from(executed.bought).unwrap_or(i64::MAX);
    let sold = i64::try_from(executed.sold).unwrap_or(i64::MAX);
    match (decided, done) {
        (false, false) => (Verdict::Nothing, None),
        (false, true) => (Verdict::Different, Some("only_there")),
        // A buy of hardly a share may come to none.
        (true, false) if least == 0 && wanted.sells == 0 => (Verdict::Same, None),
        (true, false) => (Verdict::Different, Some("only_here")),
        (true, true) if (most > 0) != (bought > 0) && !(bought == 0 && least == 0) || (wanted.sells > 0) != (sold > 0) => {
            (Verdict::Different, Some("side"))
        }
        (true, true) if (least..=most).contains(&bought) && sold == wanted.sells => (Verdict::Same, None),
        (true, true) => (Verdict::Different, Some("amount")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::bot::TradeKind;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn watched(names: &[(&str, &str)]) -> Vec<Watched> {
        let id = |i: usize| BotId(Uuid::from_u128(i as u128));
        names.iter().enumerate().map(|(i, (b, s))| Watched { bot_id: id(i), bot: (*b).to_owned(), symbol: (*s).to_owned() }).collect()
    }

    fn decided(bot: &Watched, kind: Option<TradeKind>, value: f64) -> Decided {
        let (bot_id, name, symbol) = (bot.bot_id, bot.bot.clone(), bot.symbol.clone());
        Decided { bot_id, bot: name, symbol, kind, value, price: Some(60.0), closing: None }
    }

    fn buy(shares: u64, price: f64) -> Executed {
        Executed { bought: shares, bought_usd: shares as f64 * price, ..Executed::default() }
    }

    fn sell(shares: u64, price: f64) -> Executed {
        Executed { sold: shares, sold_usd: shares as f64 * price, ..Executed::default() }
    }

    fn one(kind: Option<TradeKind>, value: f64, executed: Executed) -> (Verdict, Option<String>) {
        let watched = watched(&[("TQ_1", "TQQQ")]);
        let executed = BTreeMap::from([("TQQQ".to_owned(), executed)]);
        let decided = [decided(&watched[0], kind, value)];
        let line = compare(&Evening { watched: &watched, decided: &decided, executed: &executed, outdated: &BTreeSet::new() }).remove(0);
        (line.verdict, line.reason)
    }

    #[test]
    fn a_single_bot_is_judged_by_side_and_amount() {
        use TradeKind::{Buy, Sell, SellQuarter};
        let of = |reason: &str| Some(reason.to_owned());
        for (kind, value, executed, expected) in [
            (None, 0.0, Executed::default(), (Verdict::Nothing, None)),
            (None, 0.0, buy(3, 60.0), (Verdict::Different, of("only_there"))),
            (Some(Buy), 1_000.0, Executed::default(), (Verdict::Different, of("only_here"))),
            // Five slices of 200 USD at a limit of 61.2: 3 shares each and one more at the end.
            (Some(Buy), 1_000.0, buy(16, 60.0), (Verdict::Same, None)),
            (Some(Buy), 1_000.0, buy(15, 60.0), (Verdict::Same, None)),
            (Some(Buy), 1_000.0, buy(17, 60.0), (Verdict::Same, None)),
            (Some(Buy), 1_000.0, buy(12, 60.0), (Verdict::Different, of("amount"))),
            (Some(Buy), 1_000.0, buy(20, 60.0), (Verdict::Different, of("amount"))),
            // The price moved away from the one that the decision saw: the money counts.
            (Some(Buy), 1_000.0, buy(20, 50.0), (Verdict::Same, None)),
            (Some(Buy), 1_000.0, sell(16, 60.0), (Verdict::Different, of("side"))),
            (Some(Buy), 50.0, Executed::default(), (Verdict::Nothing, None)),
            (Some(Buy), 61.0, Executed::default(), (Verdict::Same, None)),
            (Some(Buy), 70.0, Executed::default(), (Verdict::Different, of("only_here"))),
            (Some(Buy), 130.0, Executed::default(), (Verdict::Different, of("only_here"))),
            (Some(Buy), 130.0, buy(1, 60.0), (Verdict::Same, None)),
            (Some(Sell), 40.0, sell(40, 66.0), (Verdict::Same, None)),
            (Some(Sell), 40.0, sell(39, 66.0), (Verdict::Different, of("amount"))),
            (Some(SellQuarter), 10.0, sell(40, 66.0), (Verdict::Different, of("amount"))),
            (Some(SellQuarter), 10.0, buy(10, 66.0), (Verdict::Different, of("side"))),
            (Some(SellQuarter), 0.0, Executed::default(), (Verdict::Nothing, None)),
        ] {
            assert_eq!(one(kind, value, executed), expected, "{kind:?} {value} {executed:?}");
        }
    }

    #[test]
    fn bots_of_one_symbol_are_netted_and_judged_together() {
        let watched = watched(&[("TQ_1", "TQQQ"), ("TQ_2", "TQQQ"), ("SO_1", "SOXL")]);
        let all = [
            decided(&watched[0], Some(TradeKind::Buy), 1_000.0),
            decided(&watched[1], Some(TradeKind::SellQuarter), 40.0),
            decided(&watched[2], None, 0.0),
        ];
        // 16 shares move from seller to buyer; 24 are sold, 40 USD are left for the buyer: no share.
        let executed = BTreeMap::from([("TQQQ".to_owned(), sell(24, 60.0))]);
        let night = |decided: &[Decided], outdated: &BTreeSet<String>| {
            compare(&Evening { watched: &watched, decided, executed: &executed, outdated })
        };
        let lines = night(&all, &BTreeSet::new());
        assert_eq!(lines.iter().map(|l| l.verdict).collect::<Vec<_>>(), [Verdict::Same, Verdict::Same, Verdict::Nothing]);
        assert_eq!((lines[0].buy_usd, lines[1].sell_shares, &lines[0].together_with), (1_000.0, 40.0, &vec!["TQ_2".to_owned()]));
        // One of the two has no decision: neither can be judged, the third can.
        let lines = night(&all[1..], &BTreeSet::new());
        assert_eq!(lines.iter().map(|l| l.reason.as_deref()).collect::<Vec<_>>(), [Some("not_decided"), Some("not_decided"), None]);
        let lines = night(&all, &BTreeSet::from(["SOXL".to_owned()]));
        assert_eq!(lines[2].reason.as_deref(), Some("books_outdated"));
        let mut blind = all.clone();
        blind[2].price = None;
        assert_eq!(night(&blind, &BTreeSet::new())[2].reason.as_deref(), Some("no_price"));
    }

    #[test]
    fn many_small_buys_that_nobody_made_are_not_the_same() {
        let names: Vec<String> = (1..=10).map(|n| format!("TQ_{n}")).collect();
        let watched = watched(&names.iter().map(|n| (n.as_str(), "TQQQ")).collect::<Vec<_>>());
        let verdict = |money: f64, executed: Executed| {
            let decided: Vec<Decided> = watched.iter().map(|w| decided(w, Some(TradeKind::Buy), money)).collect();
            let executed = BTreeMap::from([("TQQQ".to_owned(), executed)]);
            compare(&Evening { watched: &watched, decided: &decided, executed: &executed, outdated: &BTreeSet::new() }).remove(0).verdict
        };
        assert_eq!(verdict(125.0, Executed::default()), Verdict::Different);
        assert_eq!(verdict(125.0, buy(20, 60.0)), Verdict::Same);
        assert_eq!(verdict(125.0, buy(9, 60.0)), Verdict::Different);
        assert_eq!(verdict(61.0, Executed::default()), Verdict::Same, "hardly a share each");
        assert_eq!(verdict(50.0, Executed::default()), Verdict::Nothing);
    }

    #[test]
    fn a_closing_buy_adds_to_the_nights_buys() {
        let watched = watched(&[("TQ_1", "TQQQ")]);
        let mut both = decided(&watched[0], Some(TradeKind::Buy), 1_000.0);
        both.closing = Some(500.0);
        let verdict = |executed: Executed| {
            let executed = BTreeMap::from([("TQQQ".to_owned(), executed)]);
            let decided = [both.clone()];
            compare(&Evening { watched: &watched, decided: &decided, executed: &executed, outdated: &BTreeSet::new() }).remove(0).verdict
        };
        assert_eq!(verdict(buy(24, 60.0)), Verdict::Same);
        assert_eq!(verdict(buy(16, 60.0)), Verdict::Different);
    }

    proptest! {
        /// Whatever the old program's slices come to, they count as the same.
        #[test]
        fn slices_of_a_buy_are_recognised(money in 50.0_f64..5_000.0, price in 5.0_f64..300.0, slices in 1_i64..8) {
            let limit = crate::quant::egg::number::cents(price * 1.02);
            let (mut left, mut shares) = (money, 0_u64);
            for n in (1..=slices).rev() {
                let quantity = ((left * (1.0 / n as f64)).trunc() / limit).trunc();
                left -= quantity * price;
                shares += quantity as u64;
            }
            let watched = watched(&[("A", "X")]);
            let decided = [Decided { price: Some(price), ..decided(&watched[0], Some(TradeKind::Buy), money) }];
            let executed = BTreeMap::from([("X".to_owned(), buy(shares, price))]);
            let line = compare(&Evening { watched: &watched, decided: &decided, executed: &executed, outdated: &BTreeSet::new() }).remove(0);
            prop_assert!(line.verdict != Verdict::Different, "{line:?}");
        }
    }
}
