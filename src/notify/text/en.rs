//! English wording.

use super::super::notice_text::krw;
use super::{day, lines, list, percent, plain, rate, share, turns, usd};
use crate::domain::bot::TradeKind;
use crate::quant::egg::event::{Condition, EggEvent, TrailingEnd, Transfer};

fn kind_name(kind: TradeKind) -> &'static str {
    match kind {
        TradeKind::Sell => "sell all",
        TradeKind::SellQuarter => "sell 1/4",
        TradeKind::SellThreeQuarters => "sell 3/4",
        TradeKind::SellPart => "sell a part",
        TradeKind::Buy => "buy",
        TradeKind::BuyForce => "forced buy",
        TradeKind::Hold => "hold",
    }
}

fn hit(reached: bool) -> &'static str {
    if reached { "reached" } else { "not reached" }
}

fn condition(name: &str, condition: Condition) -> String {
    let state = match (condition.enabled, condition.hit) {
        (false, _) => "switched off",
        (true, true) => "met",
        (true, false) => "not met",
    };
    format!("below {name} {}: {state}", usd(condition.below))
}

/// `1 share`, `12 shares`.
fn shares(quantity: f64) -> String {
    let unit = if quantity == 1.0 { "share" } else { "shares" };
    format!("{} {unit}", plain(quantity))
}

/// The same for a whole count.
fn whole(quantity: i64) -> String {
    let unit = if quantity == 1 { "share" } else { "shares" };
    format!("{quantity} {unit}")
}

fn transfer(t: &Transfer) -> String {
    format!("{} {} @ {} ({} → {})", t.symbol, whole(t.quantity), usd(t.price), t.seller, t.buyer)
}

pub(super) fn render(event: &EggEvent) -> String {
    use EggEvent as E;
    match event {
        E::OldOrdersFound { names } => {
            format!("🧹 Removed {} sliced orders of earlier sessions: {}", names.len(), list(names, String::clone))
        }

        E::SellCheckOrder {
            bot,
            symbol,
            price,
            average,
            profit_percent,
            take_profit_price,
            take_profit_hit,
            point_price,
            point_rate,
            point_hit,
            kind,
            quantity,
        } => format!(
            "📤 [{bot}] {symbol} decision: {}, {}\nPrice {} · average {} ({})\nTake profit {} {} · point {} ({}) {}",
            kind_name(*kind),
            whole(*quantity),
            usd(*price),
            usd(*average),
            percent(*profit_percent),
            usd(*take_profit_price),
            hit(*take_profit_hit),
            usd(*point_price),
            rate(*point_rate),
            hit(*point_hit)
        ),
        E::SellCheckNone { bot, symbol, price, average, profit_percent, take_profit_price, point_price, point_rate } => format!(
            "[{bot}] {symbol} sells nothing today\nPrice {} · average {} ({})\nTake profit {} · point {} ({})",
            usd(*price),
            usd(*average),
            percent(*profit_percent),
            usd(*take_profit_price),
            usd(*point_price),
            rate(*point_rate)
        ),
        E::SellNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol}: no price, the sell check was skipped"),

        E::TrailingNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol}: no price, the trailing stop could not be checked"),
        E::TrailingEntryNoPrice { bot, symbol } => {
            format!("⚠️ [{bot}] {symbol}: no price, whether trailing begins could not be checked")
        }
        E::TrailingEntered { bot, symbol, price, t, threshold_t, threshold_rate, stop } => format!(
            "🎯 [{bot}] {symbol}: the trailing stop begins\nPrice {} · T {} (from {}, {} of the turns)\nStop {}",
            usd(*price),
            turns(*t),
            turns(*threshold_t),
            share(*threshold_rate),
            usd(*stop)
        ),
        E::TrailingStopUpdated { bot, symbol, high_profit_percent, stop_profit_percent, distance_rate, candidate, floor, stop } => {
            format!(
                "[{bot}] {symbol}: trailing stop recalculated\nHighest profit {} · stop profit {} (distance {})\nCandidate {} · floor {} → stop {}",
                percent(*high_profit_percent),
                percent(*stop_profit_percent),
                share(*distance_rate),
                usd(*candidate),
                usd(*floor),
                usd(*stop)
            )
        }
        E::TrailingStatus { bot, symbol, price, profit_percent, stop, watermark } => format!(
            "[{bot}] {symbol} trailing: price {} ({}) · stop {} · high {}",
            usd(*price),
            percent(*profit_percent),
            usd(*stop),
            usd(*watermark)
        ),
        E::TrailingStopHit { bot, symbol, price, stop, quantity } => format!(
            "🔔 [{bot}] {symbol}: trailing stop hit, price {} is below the stop {}; selling all, {}",
            usd(*price),
            usd(*stop),
            whole(*quantity)
        ),
        E::TrailingSeedFullSell { bot, symbol, t, limit_t, quantity } => format!(
            "[{bot}] {symbol}: all turns are used while trailing (T {} > {}); selling a quarter, {}",
            turns(*t),
            turns(*limit_t),
            whole(*quantity)
        ),
        E::TrailingBuy { bot, symbol, amount } => format!("[{bot}] {symbol}: buys for {} while trailing", usd(*amount)),
        E::TrailingEnded { bot, symbol, reason, watermark, stop } => {
            let why = match reason {
                TrailingEnd::Disabled => "it was switched off",
                TrailingEnd::PositionClosed => "nothing is held any more",
            };
            format!("[{bot}] {symbol}: trailing ended because {why} (high {} · stop {})", usd(*watermark), usd(*stop))
        }

        E::Cooldown { bot, symbol, after_loss, days, elapsed_days, resumes_at } => format!(
            "⏸ [{bot}] {symbol} rests after a sell with a {}: day {elapsed_days} of {days}, trading again from {}",
            if *after_loss { "loss" } else { "gain" },
            day(*resumes_at)
        ),
        E::MaxBalanceExceeded { bot, symbol, invested, limit } => {
            format!("⚠️ [{bot}] {symbol}: invested {} is over the limit of {}", usd(*invested), usd(*limit))
        }
        E::MaxBalanceBlocked { bot, symbol, invested, limit } => {
            format!("⛔ [{bot}] {symbol}: no buy today, over the limit ({} / {})", usd(*invested), usd(*limit))
        }
        E::BuyNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol}: no price, the buy check was skipped"),
        E::BuyFullSeed { bot, symbol, seed } => format!("📥 [{bot}] {symbol}: buys a full turn of {}, without conditions", usd(*seed)),
        E::BuyNoCondition { bot, symbol, price, average, point } => format!(
            "[{bot}] {symbol}: no buy, the conditions are not met (price {})\n{}\n{}",
            usd(*price),
            condition("average", *average),
            condition("point", *point)
        ),
        E::BuyCheck {
            bot,
            symbol,
            price,
            average_price,
            profit_percent,
            conditions,
            average,
            point,
            seed_percent,
            seed,
            added_seed,
            amount,
        } => format!(
            "📥 [{bot}] {symbol} decision: buy for {}\nPrice {} · average {} ({})\n{}\n{}\nconditions on: {conditions} · (seed {} + added seed {}) × {}%",
            usd(*amount),
            usd(*price),
            usd(*average_price),
            percent(*profit_percent),
            condition("average", *average),
            condition("point", *point),
            usd(*seed),
            usd(*added_seed),
            plain(*seed_percent)
        ),

        E::OrderCreatedBuy { bot, symbol, kind, slices, amount } => {
            format!("📝 [{bot}] {symbol}: planned to {} for {} in {slices} slices", kind_name(*kind), usd(*amount))
        }
        E::OrderCreatedSell { bot, symbol, kind, slices, quantity } => {
            format!("📝 [{bot}] {symbol}: planned to {}, {} in {slices} slices", kind_name(*kind), shares(*quantity))
        }
        E::OrderCreateFailedBuy { bot, symbol, wanted, added_seed } => {
            format!("⚠️ [{bot}] {symbol}: no buy, the amount came out as {} (added seed {})", usd(*wanted), usd(*added_seed))
        }
        E::OrderCreateFailedSell { bot, symbol, wanted } => {
            format!("⚠️ [{bot}] {symbol}: no sell, the quantity came out as {}", plain(*wanted))
        }
        E::OrderNotToday { bot, symbol, session, today } => {
            format!("[{bot}] {symbol}: the sliced order is for the session of {session}, not for today ({today})")
        }
        E::OrderResultsComplete { bot, symbol, results, slices } => {
            format!("[{bot}] {symbol}: all slices have run already ({results} of {slices})")
        }
        E::OrderNoCount { bot, symbol, results, slices } => {
            format!("[{bot}] {symbol}: no slices are left ({results} results, {slices} planned)")
        }

        E::NettingSearch { sheets } => format!("🔁 Looking for buys and sells that cancel out among {sheets} sliced orders"),
        E::NettingNone {} => "🔁 No buys and sells to net".to_owned(),
        E::NettingNoPrice { symbol } => format!("⚠️ {symbol}: no price, not netted"),
        E::NettingFound { transfers } => format!("🔁 {} transfers to net{}", transfers.len(), lines(transfers, transfer)),
        E::NettingPairStart { transfer: t, value } => format!("🔁 Netting: {} = {}", transfer(t), usd(*value)),
        E::NettingPairDone { transfer: t, value } => format!("✅ Netted: {} = {}", transfer(t), usd(*value)),
        E::NettingBuyOrderUpdated { bot, symbol, remaining } => {
            format!("[{bot}] {symbol}: {} left to buy after netting", usd(*remaining))
        }
        E::NettingSellOrderUpdated { bot, symbol, remaining } => {
            format!("[{bot}] {symbol}: {} left to sell after netting", shares(*remaining))
        }
        E::NettingOrderDeleted { bot, symbol, kind } => {
            format!("[{bot}] {symbol}: the order to {} is netted in full, nothing goes to the market", kind_name(*kind))
        }
        E::NettingBotMissing { transfer: t, missing } => {
            format!("⚠️ Not netted, these bots do not exist ({}): {}", list(missing, String::clone), transfer(t))
        }
        E::NettingPairFailed { transfer: t, reason } => {
            format!("⚠️ Not netted, both orders stay as they are: {} — {reason}", transfer(t))
        }
        E::NettingFinished { booked } => format!("🔁 Netting is done: {booked} booked"),

        E::TwapNoPrice { bot, symbol, slice, slices } => {
            format!("⚠️ [{bot}] {symbol}: no price for slice {slice} of {slices}, it passes empty")
        }
        E::TwapSliceError { bot, symbol, slice, slices, reason } => {
            format!("❌ [{bot}] {symbol}: slice {slice} of {slices} failed: {reason}")
        }
        E::TwapLastTimePassed { bot, symbol, slices_left } => {
            format!("⏱ [{bot}] {symbol}: the last slice time has passed, closing without the {slices_left} that are left")
        }
        E::TwapPartialFill { bot, symbol, wanted, filled, missing } => {
            format!("⚠️ [{bot}] {symbol}: {} of {} filled, {} missing", plain(*filled), shares(*wanted), plain(*missing))
        }
        E::TwapMerged { bot, symbol, kind, quantity, unit_price, total, valid_slices } => format!(
            "✅ [{bot}] {symbol} filled ({}): {} @ {} = {} in {valid_slices} slices",
            kind_name(*kind),
            shares(*quantity),
            usd(*unit_price),
            usd(*total)
        ),
        E::TwapNoValidResult { bot, symbol, kind, slices } => {
            format!("[{bot}] {symbol}: none of the {slices} slices was filled ({})", kind_name(*kind))
        }
        E::CompleteBotMissing { bot, symbol } => {
            format!("⚠️ [{bot}] {symbol}: the bot does not exist, so its sliced order was not closed and stays")
        }

        E::SellRecorded { bot, symbol, kind, quantity, unit_price, total } => {
            format!("📤 [{bot}] {symbol} booked ({}): {} @ {} = {}", kind_name(*kind), shares(*quantity), usd(*unit_price), usd(*total))
        }
        E::SellProfit { bot, symbol, profit, profit_rate } => {
            format!("💰 [{bot}] {symbol}: realised {} ({}, before fees and tax)", usd(*profit), rate(*profit_rate))
        }
        E::CycleFinished { bot, symbol, started, profit, sells, trailing_ended } => format!(
            "🎉 [{bot}] {symbol}: cycle finished, begun {}, profit {}{}{}",
            day(*started),
            usd(*profit),
            if *trailing_ended { " · trailing ended" } else { "" },
            lines(sells, |sell| format!("{} {} {}", day(sell.at), kind_name(sell.kind), usd(sell.profit)))
        ),
        E::SellExceedsHolding { bot, symbol, sold, held, total } => format!(
            "🛑 [{bot}] {symbol}: {} ({}) were sold, but the bot held {}. The books took what it held; please check the broker's balance.",
            shares(*sold),
            usd(*total),
            plain(*held)
        ),

        E::ClosingSkipTrailing { bot, symbol } => format!("[{bot}] {symbol}: no closing-drop buy while trailing"),
        E::ClosingSkipMaxT { bot, symbol, t, limit_t } => {
            format!("[{bot}] {symbol}: no closing-drop buy, T {} is over the limit of {}", turns(*t), turns(*limit_t))
        }
        E::ClosingNoPrevPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol}: no previous close, the closing-drop buy was skipped"),
        E::ClosingNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol}: no price, the closing-drop buy was skipped"),
        E::ClosingTriggered { bot, symbol, previous_close, price, drop_rate, rule_drop_rate, rule_seed_rate, amount } => format!(
            "📉 [{bot}] {symbol} has dropped: {} → {} ({})\nThe rule for {} buys {} of the seed, {}",
            usd(*previous_close),
            usd(*price),
            rate(-*drop_rate),
            share(*rule_drop_rate),
            share(*rule_seed_rate),
            usd(*amount)
        ),
        E::ClosingNotTriggered { bot, symbol, previous_close, price, drop_rate, limits } => format!(
            "[{bot}] {symbol}: no closing drop: {} → {} ({}) · limits {}",
            usd(*previous_close),
            usd(*price),
            rate(-*drop_rate),
            list(limits, |limit| share(*limit))
        ),
        E::ClosingBuyNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol}: no limit price, the closing-drop buy was not sent"),
        E::ClosingBuyZeroQty { bot, symbol, amount, limit } => {
            format!("[{bot}] {symbol}: {} buys not even one share at {}", usd(*amount), usd(*limit))
        }
        E::ClosingBuyFailed { bot, symbol, quantity, limit } => {
            format!("⚠️ [{bot}] {symbol}: closing-drop buy of {} @ {} was not filled", whole(*quantity), usd(*limit))
        }
        E::ClosingBuyDone { bot, symbol, quantity, unit_price, total } => {
            format!("✅ [{bot}] {symbol} closing-drop buy filled: {} @ {} = {}", shares(*quantity), usd(*unit_price), usd(*total))
        }
        E::ClosingBuyError { bot, symbol, reason } => format!("❌ [{bot}] {symbol}: closing-drop buy failed: {reason}"),

        E::ForceSellNothing { bot, symbol, held, ratio_percent } => {
            format!("[{bot}] {symbol}: nothing to sell, {}% of {} is less than one", plain(*ratio_percent), shares(*held))
        }
        E::ForceSellStart { bot, symbol, quantity, ratio_percent } => {
            format!("📤 [{bot}] {symbol}: force sell of {} begins ({}%)", whole(*quantity), plain(*ratio_percent))
        }
        E::ForceSellNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol}: no price, the force sell was not sent"),
        E::ForceSellFilled { bot, symbol, wanted, quantity, unit_price, total } => format!(
            "✅ [{bot}] {symbol} force sell filled: {} of {} @ {} = {}",
            plain(*quantity),
            whole(*wanted),
            usd(*unit_price),
            usd(*total)
        ),
        E::ForceSellFailed { bot, symbol, quantity, limit, reason } => format!(
            "⚠️ [{bot}] {symbol}: force sell of {} @ {} was not filled{}",
            whole(*quantity),
            usd(*limit),
            reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default()
        ),

        E::WashNoTrade { bot } => format!("[{bot}]: nothing is held, no tax sale"),
        E::WashZeroQty { bot, symbol, held } => format!("[{bot}] {symbol}: no tax sale is possible with {}", shares(*held)),
        E::WashStart { bot, symbol, quantity, batches } => format!(
            "🧾 [{bot}] {symbol}: tax sale begins, {} sold and bought back in {} batches ({})",
            whole(*quantity),
            batches.len(),
            list(batches, i64::to_string)
        ),
        E::WashSellNoPrice { bot, symbol, batch, quantity } => {
            format!("⚠️ [{bot}] {symbol}: no price for tax sale {batch} of {}, skipped", whole(*quantity))
        }
        E::WashSellDone { bot, symbol, batch, quantity, unit_price, total } => {
            format!("[{bot}] {symbol} tax sale {batch} filled: {} @ {} = {}", shares(*quantity), usd(*unit_price), usd(*total))
        }
        E::WashSellFailed { bot, symbol, batch, quantity } => {
            format!("⚠️ [{bot}] {symbol}: tax sale {batch} of {} was not filled", whole(*quantity))
        }
        E::WashBuyNoPrice { bot, symbol, batch, quantity } => {
            format!("⚠️ [{bot}] {symbol}: no price for buying back batch {batch} of {}, skipped", whole(*quantity))
        }
        E::WashBuyDone { bot, symbol, batch, quantity, unit_price, total } => {
            format!("[{bot}] {symbol} bought back batch {batch}: {} @ {} = {}", shares(*quantity), usd(*unit_price), usd(*total))
        }
        E::WashBuyFailed { bot, symbol, batch, quantity } => {
            format!("⚠️ [{bot}] {symbol}: buying back batch {batch} of {} was not filled", whole(*quantity))
        }
        E::WashFinished { bot, symbol, sold, bought, sold_value, bought_value, spread, fee, cost, usd_krw, cost_krw } => format!(
            "🧾 [{bot}] {symbol}: tax sale done\nSold {} for {} · bought back {} for {}\nSpread {} + fees {} = cost {} ({} at {:.2})",
            shares(*sold),
            usd(*sold_value),
            shares(*bought),
            usd(*bought_value),
            usd(*spread),
            usd(*fee),
            usd(*cost),
            krw(*cost_krw),
            usd_krw
        ),

        E::SyncAvrOn { bot, symbol, t, limit_t } => {
            format!("🔧 [{bot}] {symbol}: T {} is at or over {}, buying below average is on", turns(*t), turns(*limit_t))
        }
        E::SyncAvrOff { bot, symbol, t, limit_t } => {
            format!("🔧 [{bot}] {symbol}: T {} is under {}, buying below average is off", turns(*t), turns(*limit_t))
        }
        E::AutoStarted { symbol, bot, seed, max_tier, watched_bot, t, limit_t } => format!(
            "🚀 {symbol}: started the next bot {bot} with {} per turn and {max_tier} turns\n{watched_bot} is at T {}, over {}",
            usd(*seed),
            turns(*t),
            turns(*limit_t)
        ),
    }
}
