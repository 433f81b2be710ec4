//! Care of an account's bots: the daily flag sync, the automatic start, and the renewal of all bots.

use crate::domain::bot::{Bot, ClosingCondition, Holding, PointCurve};
use crate::domain::id::{AccountId, BotId};
use crate::domain::instrument::{Instrument, Market};

use super::event::EggEvent;
use super::number::cents;
use super::point::{Held, Standing};

/// T of a bot with what it holds; 0 without a position.
pub fn turns_of(bot: &Bot, holdings: &[Holding]) -> f64 {
    let own: Vec<Holding> = holdings.iter().filter(|h| h.bot_id == Some(bot.id) && !h.reserve).cloned().collect();
    Standing::of(bot, &Held::of(&own)).t
}

/// A flag of a bot to set.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncChange {
    pub bot_id: BotId,
    /// New value of "buy below the average".
    pub buy_below_average: bool,
    pub event: EggEvent,
}

/// The daily sync: from a third of its turns on, an active bot buys below its average only.
/// `bots` in bot order, `holdings` of the account.
pub fn bot_sync(bots: &[Bot], holdings: &[Holding]) -> Vec<SyncChange> {
    bots.iter()
        .filter(|bot| bot.active)
        .filter_map(|bot| {
            let t = turns_of(bot, holdings);
            let limit_t = bot.max_tier as f64 * 1.0 / 3.0;
            let wanted = t >= limit_t;
            if wanted == bot.buy_below_average {
                return None;
            }
            let (name, symbol) = (bot.name.clone(), bot.symbol.clone());
            let event = if wanted {
                EggEvent::SyncAvrOn { bot: name, symbol, t, limit_t }
            } else {
                EggEvent::SyncAvrOff { bot: name, symbol, t, limit_t }
            };
            Some(SyncChange { bot_id: bot.id, buy_below_average: wanted, event })
        })
        .collect()
}

/// The bot of a symbol that would be started next: with no position in the symbol its first bot, else
/// its first inactive one.
pub fn next_to_start<'b>(bots: &'b [Bot], holdings: &[Holding], symbol: &str) -> Option<&'b Bot> {
    let mut of_symbol = bots.iter().filter(|bot| bot.symbol == symbol);
    if holdings.iter().any(|holding| holding.symbol == symbol && !holding.reserve) {
        of_symbol.find(|bot| !bot.active)
    } else {
        of_symbol.next()
    }
}

/// A bot to activate, with "buy below the point price" on.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoStart {
    pub bot_id: BotId,
    pub event: EggEvent,
}

/// The daily automatic start: at most one bot per symbol, in the alphabetical order of symbols.
/// `threshold` is the share of its turns (fraction) that the least filled active bot must have used.
pub fn auto_start(bots: &[Bot], holdings: &[Holding], threshold: f64) -> Vec<AutoStart> {
    let mut symbols: Vec<&str> = bots.iter().filter(|bot| bot.active).map(|bot| bot.symbol.as_str()).collect();
    symbols.sort_unstable();
    symbols.dedup();
    symbols
        .into_iter()
        .filter_map(|symbol| {
            let next = next_to_start(bots, holdings, symbol).filter(|bot| !bot.active)?;
            let active = bots.iter().filter(|bot| bot.active && bot.symbol == symbol);
            let (watched, t) =
                active.map(|bot| (bot, turns_of(bot, holdings))).reduce(|lowest, other| if other.1 < lowest.1 { other } else { lowest })?;
            let limit_t = watched.max_tier as f64 * threshold;
            if t < limit_t {
                return None;
            }
            let event = EggEvent::AutoStarted {
                symbol: symbol.to_owned(),
                bot: next.name.clone(),
                seed: next.seed,
                max_tier: next.max_tier,
                watched_bot: watched.name.clone(),
                t,
                limit_t,
            };
            Some(AutoStart { bot_id: next.id, event })
        })
        .collect()
}

/// What a renewal is asked for.
#[derive(Clone, Debug)]
pub struct RenewalRequest<'a> {
    /// Ticker and number of bots, in the order wanted.
    pub tickers: &'a [(String, i64)],
    /// USD for all bots together.
    pub total_budget: f64,
    /// The account's bots now; all of them would be replaced.
    pub existing: &'a [Bot],
    pub holdings: &'a [Holding],
    /// Names of bots with an open sheet.
    pub open_sheets: &'a [String],
}

/// A bot that a renewal makes.
#[derive(Clone, Debug, PartialEq)]
pub struct RenewedBot {
    pub name: String,
    pub symbol: String,
    /// USD.
    pub seed: f64,
    pub max_tier: i64,
    /// Taken over from the bot of the same name, USD.
    pub added_seed: f64,
}

/// A renewal that may be carried out, in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Renewal {
    /// In bot order.
    pub bots: Vec<RenewedBot>,
    /// Names of positions that would have no bot afterwards.
    pub orphans: Vec<String>,
}

/// Why a renewal is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RenewalError {
    #[error("the total budget must be more than 0 USD, it is {0}")]
    Budget(f64),
    #[error("choose at least one ticker")]
    NoTicker,
    #[error("{detail}")]
    Ticker {
        /// Index in the request, as in the other two.
        place: usize,
        detail: String,
    },
    #[error("{ticker} is chosen twice; give it once with the number of bots wanted")]
    TickerTwice { place: usize, ticker: String },
    #[error("{ticker}: {count} bots wanted, 1 to 3 are possible")]
    Count { place: usize, ticker: String, count: i64 },
    #[error("the budget of {budget} USD is too small: {bot} would buy for {seed} USD per turn; give at least {least} USD")]
    TooSmall { bot: String, budget: f64, seed: f64, least: f64 },
    #[error("bots with open orders cannot be replaced: {}; wait until the session is over", .0.join(", "))]
    OpenSheets(Vec<String>),
    #[error("{name} still holds {held}, it cannot become a bot for {wanted}; sell or remove that position first")]
    OtherSymbol { name: String, held: String, wanted: String },
}

/// Numbers of turns by number of bots per ticker.
fn tiers(count: i64) -> Option<&'static [i64]> {
    match count {
        1 => Some(&[40]),
        2 => Some(&[20, 40]),
        3 => Some(&[20, 30, 40]),
        _ => None,
    }
}

/// Plans the replacement of all bots of an account, after checking everything (H-12).
///
/// # Errors
/// [`RenewalError`] with what to mend.
pub fn renewal(request: &RenewalRequest<'_>) -> Result<Renewal, RenewalError> {
    let budget = request.total_budget;
    if !budget.is_finite() || budget <= 0.0 {
        return Err(RenewalError::Budget(budget));
    }
    if request.tickers.is_empty() {
        return Err(RenewalError::NoTicker);
    }
    if !request.open_sheets.is_empty() {
        return Err(RenewalError::OpenSheets(request.open_sheets.to_vec()));
    }
    let mut plans: Vec<(String, String, &'static [i64])> = Vec::new();
    for (place, (text, count)) in request.tickers.iter().enumerate() {
        let ticker = Instrument::parse_us_ticker(text).map_err(|detail| RenewalError::Ticker { place, detail })?;
        if plans.iter().any(|(other, _, _)| *other == ticker) {
            return Err(RenewalError::TickerTwice { place, ticker });
        }
        let Some(tiers) = tiers(*count) else { return Err(RenewalError::Count { place, ticker, count: *count }) };
        let prefix = free_prefix(&ticker, |prefix| plans.iter().any(|(_, taken, _)| taken == prefix));
        plans.push((ticker, prefix, tiers));
    }
    let total: usize = plans.iter().map(|(_, _, tiers)| tiers.len()).sum();
    let per_bot = budget / total as f64;
    // A cent per turn for the bot with the most turns.
    let most_turns = plans.iter().flat_map(|(_, _, tiers)| tiers.iter()).max().copied().unwrap_or(0);
    let least = cents(0.01 * most_turns as f64 * total as f64);
    let mut bots = Vec::with_capacity(total);
    for (symbol, prefix, tiers) in plans {
        for (number, max_tier) in (1_i64..).zip(tiers) {
            let name = format!("{prefix}_{number}");
            let seed = cents(per_bot / *max_tier as f64);
            if seed <= 0.0 {
                return Err(RenewalError::TooSmall { bot: name, budget, seed, least });
            }
            if let Some(held) = request.holdings.iter().find(|h| h.name == name && h.symbol != symbol && !h.reserve) {
                return Err(RenewalError::OtherSymbol { name, held: held.symbol.clone(), wanted: symbol });
            }
            let added_seed = request.existing.iter().find(|bot| bot.name == name).map_or(0.0, |bot| bot.added_seed);
            bots.push(RenewedBot { name, symbol: symbol.clone(), seed, max_tier: *max_tier, added_seed });
        }
    }
    let orphans = request
        .holdings
        .iter()
        .filter(|holding| !holding.reserve && !bots.iter().any(|bot| bot.name == holding.name))
        .map(|holding| holding.name.clone())
        .collect();
    Ok(Renewal { bots, orphans })
}

/// The first two letters of a ticker; more of them, then a digit, when others have taken those.
fn free_prefix(ticker: &str, taken: impl Fn(&str) -> bool) -> String {
    let letters = ticker.chars().count();
    let cut = (2..=letters.max(2)).map(|length| ticker.chars().take(length).collect::<String>());
    let numbered = (2_u32..).map(|number| format!("{ticker}{number}"));
    cut.chain(numbered).find(|prefix| !taken(prefix)).unwrap_or_else(|| ticker.to_owned())
}

impl RenewedBot {
    /// The bot, with the settings that every renewal gives.
    pub fn bot(&self, id: BotId, account_id: AccountId, position: u32) -> Bot {
        let condition = |drop_rate, seed_rate| ClosingCondition { drop_rate, seed_rate };
        Bot {
            id,
            account_id,
            name: self.name.clone(),
            market: Market::Us,
            symbol: self.symbol.clone(),
            position,
            version: 1,
            active: true,
            seed: self.seed,
            profit_rate: 0.10,
            t_div: 20,
            max_tier: self.max_tier,
            buy_below_average: true,
            buy_below_point: true,
            point_curve: PointCurve::P2Thirds,
            skip_sell: false,
            closing_conditions: vec![condition(0.05, 0.2), condition(0.07, 0.3), condition(0.10, 0.5)],
            sell_cooldown_days: 0,
            sell_cooldown_loss_only: false,
            trailing_enabled: false,
            trailing_t_threshold: 0.3,
            trailing_stop_pct: 0.10,
            trailing_floor_rate: 0.10,
            added_seed: self.added_seed,
            trailing_mode: false,
            trailing_high_watermark: 0.0,
            trailing_stop: 0.0,
            legacy: serde_json::Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{bot, holding};
    use super::*;

    fn plan(tickers: &[(&str, i64)], total_budget: f64) -> Result<Renewal, RenewalError> {
        let tickers: Vec<(String, i64)> = tickers.iter().map(|(ticker, count)| ((*ticker).to_owned(), *count)).collect();
        let existing = [Bot { added_seed: 12.5, ..bot() }];
        let holdings = [Holding { name: "OLD_1".to_owned(), ..holding(1, 5.0, 10.0) }];
        renewal(&RenewalRequest { tickers: &tickers, total_budget, existing: &existing, holdings: &holdings, open_sheets: &[] })
    }

    #[test]
    fn tickers_that_share_letters_get_names_of_their_own() {
        let renewal = plan(&[("SOXL", 2), ("SOXS", 1), ("so", 1), ("SOX", 1), ("TQQQ", 1)], 10_000.0).unwrap();
        let names: Vec<&str> = renewal.bots.iter().map(|bot| bot.name.as_str()).collect();
        assert_eq!(names, ["SO_1", "SO_2", "SOX_1", "SO2_1", "SOX2_1", "TQ_1"]);
        assert_eq!(renewal.bots[5].added_seed, 12.5, "the bot of the same name hands its added seed on");
        assert_eq!(renewal.orphans, ["OLD_1"]);
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_reason() {
        assert_eq!(plan(&[("TQQQ", 1)], 0.0), Err(RenewalError::Budget(0.0)));
        assert!(matches!(plan(&[("TQQQ", 1)], f64::NAN), Err(RenewalError::Budget(_))));
        assert_eq!(plan(&[], 100.0), Err(RenewalError::NoTicker));
        assert_eq!(plan(&[("TQQQ", 4)], 100.0), Err(RenewalError::Count { place: 0, ticker: "TQQQ".to_owned(), count: 4 }));
        assert_eq!(plan(&[("TQQQ", 1), (" tqqq", 1)], 100.0), Err(RenewalError::TickerTwice { place: 1, ticker: "TQQQ".to_owned() }));
        assert!(matches!(plan(&[("T QQ", 1)], 100.0), Err(RenewalError::Ticker { place: 0, .. })));
        let Err(RenewalError::TooSmall { least, .. }) = plan(&[("TQQQ", 2)], 0.1) else { panic!("10 cents are too little") };
        assert_eq!(least, 0.8);
        assert!(plan(&[("TQQQ", 2)], least).is_ok(), "what the message asks for is enough");
    }

    #[test]
    fn open_sheets_and_foreign_positions_stop_a_renewal() {
        let tickers = [("SOXL".to_owned(), 1)];
        let holdings = [Holding { name: "SO_1".to_owned(), ..holding(1, 5.0, 10.0) }];
        let open = ["TQ_1".to_owned()];
        let request = RenewalRequest { tickers: &tickers, total_budget: 1_000.0, existing: &[], holdings: &holdings, open_sheets: &open };
        assert_eq!(renewal(&request), Err(RenewalError::OpenSheets(open.to_vec())));
        let refused = renewal(&RenewalRequest { open_sheets: &[], ..request });
        assert!(matches!(refused, Err(RenewalError::OtherSymbol { name, .. }) if name == "SO_1"));
    }

    #[test]
    fn a_third_of_the_turns_is_the_limit_of_the_sync() {
        // Ten turns: the limit 3.333… is reached at T = 3.34.
        let sync = |shares: f64, flag: bool| {
            let bots = [Bot { buy_below_average: flag, max_tier: 10, ..bot() }];
            let changes = bot_sync(&bots, &[holding(1, shares, 10.0)]);
            changes.first().map(|change| change.buy_below_average)
        };
        assert_eq!(sync(333.0, false), None);
        assert_eq!(sync(334.0, false), Some(true));
        assert_eq!(sync(333.0, true), Some(false));
        assert_eq!(sync(334.0, true), None);
    }
}
