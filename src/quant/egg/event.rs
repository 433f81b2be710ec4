//! What the engine and those who drive it have to tell: typed, with the data that a message needs.
//! The codes are those of the original's messages; rendering to a language happens elsewhere.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::bot::TradeKind;

macro_rules! egg_events {
    ($($(#[$doc:meta])* $variant:ident = $code:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })+) => {
        /// One event. Money is USD, `*_percent` is percent, `*_rate` a fraction, unless a field says otherwise.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "code")]
        pub enum EggEvent {
            $($(#[$doc])* #[serde(rename = $code)] $variant { $($(#[$field_doc])* $field: $type),* },)+
        }

        impl EggEvent {
            /// Every code there is.
            pub const CODES: &'static [&'static str] = &[$($code),+];

            /// The stable code of this event.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)+
                }
            }
        }
    };
}

/// One buy condition of a bot and how it came out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    pub enabled: bool,
    /// Price under which it holds, USD.
    pub below: f64,
    pub hit: bool,
}

/// One sell of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CycleSell {
    pub at: Timestamp,
    pub kind: TradeKind,
    pub profit: f64,
}

/// A book transfer between two bots of one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    pub symbol: String,
    pub buyer: String,
    pub seller: String,
    pub quantity: i64,
    pub price: f64,
}

/// Why a trailing mode ended without its stop being hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrailingEnd {
    /// Trailing was switched off while the mode ran.
    Disabled,
    /// The position is gone.
    PositionClosed,
}

egg_events! {
    // Sheets of earlier days
    /// Sheets of earlier sessions were removed.
    OldOrdersFound = "OLD_ORDERS_FOUND" { names: Vec<String> }

    // Decision: sell
    /// The normal sell check wants to sell.
    SellCheckOrder = "SELL_CHECK_ORDER" {
        bot: String, symbol: String, price: f64, average: f64, profit_percent: f64,
        take_profit_price: f64, take_profit_hit: bool, point_price: f64, point_rate: f64, point_hit: bool,
        kind: TradeKind, quantity: i64,
    }
    /// The normal sell check wants nothing.
    SellCheckNone = "SELL_CHECK_NONE" {
        bot: String, symbol: String, price: f64, average: f64, profit_percent: f64,
        take_profit_price: f64, point_price: f64, point_rate: f64,
    }
    SellNoPrice = "SELL_NO_PRICE" { bot: String, symbol: String }

    // Decision: trailing stop
    TrailingNoPrice = "TRAILING_NO_PRICE" { bot: String, symbol: String }
    TrailingEntryNoPrice = "TRAILING_ENTRY_NO_PRICE" { bot: String, symbol: String }
    /// The trailing stop begins.
    TrailingEntered = "TRAILING_ENTERED" {
        bot: String, symbol: String, price: f64, t: f64, threshold_t: f64, threshold_rate: f64, stop: f64,
    }
    TrailingStopUpdated = "TRAILING_STOP_UPDATED" {
        bot: String, symbol: String, high_profit_percent: f64, stop_profit_percent: f64, distance_rate: f64,
        candidate: f64, floor: f64, stop: f64,
    }
    TrailingStatus = "TRAILING_STATUS" {
        bot: String, symbol: String, price: f64, profit_percent: f64, stop: f64, watermark: f64,
    }
    TrailingStopHit = "TRAILING_STOP_HIT" { bot: String, symbol: String, price: f64, stop: f64, quantity: i64 }
    /// Every turn is used up while trailing: a quarter is sold.
    TrailingSeedFullSell = "TRAILING_SEED_FULL_SELL" { bot: String, symbol: String, t: f64, limit_t: f64, quantity: i64 }
    TrailingBuy = "TRAILING_BUY" { bot: String, symbol: String, amount: f64 }
    /// A trailing mode that could no longer do its work was ended.
    TrailingEnded = "TRAILING_ENDED" { bot: String, symbol: String, reason: TrailingEnd, watermark: f64, stop: f64 }

    // Decision: cooldown and buy
    Cooldown = "COOLDOWN" {
        bot: String, symbol: String, after_loss: bool, days: i64, elapsed_days: i64, resumes_at: Timestamp,
    }
    MaxBalanceExceeded = "MAX_BALANCE_EXCEEDED" { bot: String, symbol: String, invested: f64, limit: f64 }
    MaxBalanceBlocked = "MAX_BALANCE_BLOCKED" { bot: String, symbol: String, invested: f64, limit: f64 }
    BuyNoPrice = "BUY_NO_PRICE" { bot: String, symbol: String }
    BuyFullSeed = "BUY_FULL_SEED" { bot: String, symbol: String, seed: f64 }
    BuyNoCondition = "BUY_NO_CONDITION" {
        bot: String, symbol: String, price: f64, average: Condition, point: Condition,
    }
    BuyCheck = "BUY_CHECK" {
        bot: String, symbol: String, price: f64, average_price: f64, profit_percent: f64,
        conditions: u32, average: Condition, point: Condition, seed_percent: f64, seed: f64, added_seed: f64, amount: f64,
    }

    // Sheets
    OrderCreatedBuy = "ORDER_CREATED_BUY" { bot: String, symbol: String, kind: TradeKind, slices: i64, amount: f64 }
    OrderCreatedSell = "ORDER_CREATED_SELL" { bot: String, symbol: String, kind: TradeKind, slices: i64, quantity: f64 }
    /// The decision gave a negative amount; nothing is bought.
    OrderCreateFailedBuy = "ORDER_CREATE_FAILED_BUY" { bot: String, symbol: String, wanted: f64, added_seed: f64 }
    OrderCreateFailedSell = "ORDER_CREATE_FAILED_SELL" { bot: String, symbol: String, wanted: f64 }
    OrderNotToday = "ORDER_NOT_TODAY" { bot: String, symbol: String, session: Date, today: Date }
    OrderResultsComplete = "ORDER_RESULTS_COMPLETE" { bot: String, symbol: String, results: i64, slices: i64 }
    OrderNoCount = "ORDER_NO_COUNT" { bot: String, symbol: String, results: i64, slices: i64 }

    // Netting
    NettingSearch = "NETTING_SEARCH" { sheets: i64 }
    NettingNone = "NETTING_NONE" {}
    NettingNoPrice = "NETTING_NO_PRICE" { symbol: String }
    NettingFound = "NETTING_FOUND" { transfers: Vec<Transfer> }
    NettingPairStart = "NETTING_PAIR_START" { transfer: Transfer, value: f64 }
    NettingPairDone = "NETTING_PAIR_DONE" { transfer: Transfer, value: f64 }
    NettingBuyOrderUpdated = "NETTING_BUY_ORDER_UPDATED" { bot: String, symbol: String, remaining: f64 }
    NettingSellOrderUpdated = "NETTING_SELL_ORDER_UPDATED" { bot: String, symbol: String, remaining: f64 }
    NettingOrderDeleted = "NETTING_ORDER_DELETED" { bot: String, symbol: String, kind: TradeKind }
    NettingBotMissing = "NETTING_BOT_MISSING" { transfer: Transfer, missing: Vec<String> }
    /// A pair was left alone: nothing is booked, both sheets stay.
    NettingPairFailed = "NETTING_PAIR_FAILED" { transfer: Transfer, reason: String }
    NettingFinished = "NETTING_FINISHED" { booked: i64 }

    // Slices
    TwapNoPrice = "TWAP_NO_PRICE" { bot: String, symbol: String, slice: i64, slices: i64 }
    TwapSliceError = "TWAP_SLICE_ERROR" { bot: String, symbol: String, slice: i64, slices: i64, reason: String }
    TwapLastTimePassed = "TWAP_LAST_TIME_PASSED" { bot: String, symbol: String, slices_left: i64 }
    TwapPartialFill = "TWAP_PARTIAL_FILL" { bot: String, symbol: String, wanted: f64, filled: f64, missing: f64 }
    TwapMerged = "TWAP_MERGED" {
        bot: String, symbol: String, kind: TradeKind, quantity: f64, unit_price: f64, total: f64, valid_slices: i64,
    }
    TwapNoValidResult = "TWAP_NO_VALID_RESULT" { bot: String, symbol: String, kind: TradeKind, slices: i64 }
    CompleteBotMissing = "COMPLETE_BOT_MISSING" { bot: String, symbol: String }

    // Books
    SellRecorded = "SELL_RECORDED" { bot: String, symbol: String, kind: TradeKind, quantity: f64, unit_price: f64, total: f64 }
    SellProfit = "SELL_PROFIT" { bot: String, symbol: String, profit: f64, profit_rate: f64 }
    /// The position is closed; the bot starts anew.
    CycleFinished = "CYCLE_FINISHED" {
        bot: String, symbol: String, started: Timestamp, profit: f64, sells: Vec<CycleSell>, trailing_ended: bool,
    }
    /// More was sold than the bot held; the books took what it held, the rest needs a person.
    SellExceedsHolding = "SELL_EXCEEDS_HOLDING" { bot: String, symbol: String, sold: f64, held: f64, total: f64 }

    // Closing-drop buy
    ClosingSkipTrailing = "CLOSING_SKIP_TRAILING" { bot: String, symbol: String }
    ClosingSkipMaxT = "CLOSING_SKIP_MAX_T" { bot: String, symbol: String, t: f64, limit_t: f64 }
    ClosingNoPrevPrice = "CLOSING_NO_PREV_PRICE" { bot: String, symbol: String }
    ClosingNoPrice = "CLOSING_NO_PRICE" { bot: String, symbol: String }
    ClosingTriggered = "CLOSING_TRIGGERED" {
        bot: String, symbol: String, previous_close: f64, price: f64, drop_rate: f64, rule_drop_rate: f64, rule_seed_rate: f64, amount: f64,
    }
    ClosingNotTriggered = "CLOSING_NOT_TRIGGERED" {
        bot: String, symbol: String, previous_close: f64, price: f64, drop_rate: f64, limits: Vec<f64>,
    }
    ClosingBuyNoPrice = "CLOSING_BUY_NO_PRICE" { bot: String, symbol: String }
    ClosingBuyZeroQty = "CLOSING_BUY_ZERO_QTY" { bot: String, symbol: String, amount: f64, limit: f64 }
    ClosingBuyFailed = "CLOSING_BUY_FAILED" { bot: String, symbol: String, quantity: i64, limit: f64 }
    ClosingBuyDone = "CLOSING_BUY_DONE" { bot: String, symbol: String, quantity: f64, unit_price: f64, total: f64 }
    ClosingBuyError = "CLOSING_BUY_ERROR" { bot: String, symbol: String, reason: String }

    // Force sell
    ForceSellNothing = "FORCE_SELL_NOTHING" { bot: String, symbol: String, held: f64, ratio_percent: f64 }
    ForceSellStart = "FORCE_SELL_START" { bot: String, symbol: String, quantity: i64, ratio_percent: f64 }
    ForceSellNoPrice = "FORCE_SELL_NO_PRICE" { bot: String, symbol: String }
    ForceSellFilled = "FORCE_SELL_FILLED" { bot: String, symbol: String, wanted: i64, quantity: f64, unit_price: f64, total: f64 }
    ForceSellFailed = "FORCE_SELL_FAILED" { bot: String, symbol: String, quantity: i64, limit: f64, reason: Option<String> }

    // Capital-gains wash
    WashNoTrade = "WASH_NO_TRADE" { bot: String }
    WashZeroQty = "WASH_ZERO_QTY" { bot: String, symbol: String, held: f64 }
    WashStart = "WASH_START" { bot: String, symbol: String, quantity: i64, batches: Vec<i64> }
    WashSellNoPrice = "WASH_SELL_NO_PRICE" { bot: String, symbol: String, batch: i64, quantity: i64 }
    WashSellDone = "WASH_SELL_DONE" { bot: String, symbol: String, batch: i64, quantity: f64, unit_price: f64, total: f64 }
    WashSellFailed = "WASH_SELL_FAILED" { bot: String, symbol: String, batch: i64, quantity: i64 }
    WashBuyNoPrice = "WASH_BUY_NO_PRICE" { bot: String, symbol: String, batch: i64, quantity: i64 }
    WashBuyDone = "WASH_BUY_DONE" { bot: String, symbol: String, batch: i64, quantity: f64, unit_price: f64, total: f64 }
    WashBuyFailed = "WASH_BUY_FAILED" { bot: String, symbol: String, batch: i64, quantity: i64 }
    WashFinished = "WASH_FINISHED" {
        bot: String, symbol: String, sold: f64, bought: f64, sold_value: f64, bought_value: f64,
        spread: f64, fee: f64, cost: f64, usd_krw: f64, cost_krw: f64,
    }

    // Management
    SyncAvrOn = "SYNC_AVR_ON" { bot: String, symbol: String, t: f64, limit_t: f64 }
    SyncAvrOff = "SYNC_AVR_OFF" { bot: String, symbol: String, t: f64, limit_t: f64 }
    AutoStarted = "AUTO_STARTED" {
        symbol: String, bot: String, seed: f64, max_tier: i64, watched_bot: String, t: f64, limit_t: f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_in_json_is_the_code_of_the_event() {
        let event = EggEvent::SyncAvrOn { bot: "TQ_1".to_owned(), symbol: "TQQQ".to_owned(), t: 7.0, limit_t: 6.67 };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["code"], event.code());
        assert_eq!(serde_json::from_value::<EggEvent>(json).unwrap(), event);
    }

    #[test]
    fn codes_are_unique() {
        let unique: std::collections::BTreeSet<_> = EggEvent::CODES.iter().collect();
        assert_eq!(unique.len(), EggEvent::CODES.len());
    }
}
