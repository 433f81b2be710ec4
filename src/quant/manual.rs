//! What a person may change by hand in a bot's books.

use jiff::Timestamp;

use super::egg::number::cents;
use super::egg::point::profit_percent;
use crate::domain::bot::{HistoryRow, Holding, TradeKind};
use crate::domain::id::{BotId, HistoryId, HoldingId};
use crate::domain::instrument::Market;

/// Why a manual change is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ManualError {
    #[error("{field} is {value}: give a number of 0 or more")]
    Amount { field: &'static str, value: f64 },
    #[error("{field} is empty")]
    Empty { field: &'static str },
    #[error("a sale needs the price that was paid: the buy price is 0")]
    NoBuyPrice,
    #[error("'{0}' is no kind of trade here: choose a buy or a sell")]
    Kind(&'static str),
    #[error("{0} already has a position: change that one")]
    Occupied(String),
    #[error("{0} has no position")]
    NoPosition(String),
}

/// Whose row it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// The bot; `None` for the reserve.
    pub bot_id: Option<BotId>,
    pub name: String,
    pub market: Market,
    pub symbol: String,
}

/// The kind that an unknown text means for a new position.
pub const DEFAULT_POSITION_KIND: TradeKind = TradeKind::Buy;
/// The kind that an unknown text means for a new history row.
pub const DEFAULT_HISTORY_KIND: TradeKind = TradeKind::Sell;

/// A holding with a corrected average price and quantity. The cost is their product, not rounded;
/// the cycle, the kind and the owner stay.
///
/// # Errors
/// [`ManualError::Amount`].
pub fn edit_holding(holding: &Holding, price: f64, quantity: f64) -> Result<Holding, ManualError> {
    Ok(Holding {
        average_price: amount("price", price)?,
        quantity: amount("quantity", quantity)?,
        total_cost: price * quantity,
        ..holding.clone()
    })
}

/// A new holding; price and cost are rounded to cents, the cost from the price as given.
///
/// # Errors
/// [`ManualError`] naming the field.
pub fn new_holding(
    id: HoldingId,
    owner: &Owner,
    price: f64,
    quantity: f64,
    kind: TradeKind,
    now: Timestamp,
) -> Result<Holding, ManualError> {
    trade_kind(kind)?;
    let (name, symbol) = (text("name", &owner.name)?, text("symbol", &owner.symbol)?);
    let (price, quantity) = (amount("price", price)?, amount("quantity", quantity)?);
    Ok(Holding {
        id,
        bot_id: owner.bot_id,
        reserve: owner.bot_id.is_none() && is_reserve(name),
        name: name.to_owned(),
        market: owner.market,
        symbol: symbol.to_owned(),
        quantity,
        average_price: cents(price),
        total_cost: cents(price * quantity),
        last_kind: kind,
        cycle_start: now,
        last_trade_at: now,
    })
}

/// The name under which a reserve (repurchase agreement) is kept.
pub fn is_reserve(name: &str) -> bool {
    name == "RP"
}

/// Adds a new holding to those of an account, where its name has none yet: one position per bot.
///
/// # Errors
/// [`ManualError::Occupied`].
pub fn add_holding(holdings: &[Holding], new: Holding) -> Result<Vec<Holding>, ManualError> {
    if holdings.iter().any(|h| h.name == new.name) {
        return Err(ManualError::Occupied(new.name));
    }
    Ok(holdings.iter().cloned().chain([new]).collect())
}

/// The holdings without those of a name.
///
/// # Errors
/// [`ManualError::NoPosition`] when there is none to remove.
pub fn remove_holdings(holdings: &[Holding], name: &str) -> Result<Vec<Holding>, ManualError> {
    let left: Vec<Holding> = holdings.iter().filter(|h| h.name != name).cloned().collect();
    if left.len() == holdings.len() { Err(ManualError::NoPosition(name.to_owned())) } else { Ok(left) }
}

/// Prices and quantity of a history row written by hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ManualTrade {
    pub kind: TradeKind,
    pub buy_price: f64,
    /// Not used for a buy.
    pub sell_price: f64,
    pub quantity: f64,
}

/// A new history row. Profit and rate come from the prices as given; no position changes.
///
/// # Errors
/// [`ManualError`] naming the field.
pub fn new_history_row(id: HistoryId, owner: &Owner, trade: &ManualTrade, now: Timestamp) -> Result<HistoryRow, ManualError> {
    trade_kind(trade.kind)?;
    let symbol = text("symbol", &owner.symbol)?.to_uppercase();
    let buy = amount("buy_price", trade.buy_price)?;
    let sell = amount("sell_price", trade.sell_price)?;
    let quantity = amount("quantity", trade.quantity)?;
    let (sell_price, profit, profit_rate) = if trade.kind.is_buy() {
        (0.0, 0.0, 0.0)
    } else if buy == 0.0 {
        return Err(ManualError::NoBuyPrice);
    } else {
        (cents(sell), cents((sell - buy) * quantity), profit_percent(Some(sell), Some(buy)) / 100.0)
    };
    Ok(HistoryRow {
        id,
        bot_id: owner.bot_id,
        name: text("name", &owner.name)?.to_owned(),
        market: owner.market,
        symbol,
        kind: trade.kind,
        cycle_start: now,
        traded_at: now,
        quantity: Some(quantity),
        quantity_derived: false,
        buy_price: cents(buy),
        sell_price,
        profit,
        profit_rate,
        original_cycle_start: None,
    })
}

fn amount(field: &'static str, value: f64) -> Result<f64, ManualError> {
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(ManualError::Amount { field, value }) }
}

fn text<'t>(field: &'static str, value: &'t str) -> Result<&'t str, ManualError> {
    let trimmed = value.trim();
    if trimmed.is_empty() { Err(ManualError::Empty { field }) } else { Ok(trimmed) }
}

fn trade_kind(kind: TradeKind) -> Result<(), ManualError> {
    if kind.is_buy() || kind.is_sell() { Ok(()) } else { Err(ManualError::Kind(kind.name())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn owner() -> Owner {
        Owner { bot_id: Some(BotId(Uuid::from_u128(1))), name: " TQ_1 ".to_owned(), market: Market::Us, symbol: "tqqq".to_owned() }
    }

    fn trade(kind: TradeKind, buy_price: f64, sell_price: f64, quantity: f64) -> Result<HistoryRow, ManualError> {
        let trade = ManualTrade { kind, buy_price, sell_price, quantity };
        new_history_row(HistoryId(Uuid::from_u128(2)), &owner(), &trade, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_new_position_rounds_and_an_edited_one_does_not() {
        let new = new_holding(HoldingId(Uuid::from_u128(3)), &owner(), 41.2249, 120.0, TradeKind::Buy, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((new.average_price, new.total_cost, new.name.as_str()), (41.22, 4946.99, "TQ_1"));
        let edited = edit_holding(&new, 10.123, 2.5).unwrap();
        assert_eq!((edited.average_price, edited.quantity, edited.total_cost, edited.id), (10.123, 2.5, 10.123 * 2.5, new.id));
        assert_eq!(edit_holding(&new, -1.0, 1.0), Err(ManualError::Amount { field: "price", value: -1.0 }));
        assert!(edit_holding(&new, 1.0, f64::NAN).is_err());
        assert_eq!(add_holding(std::slice::from_ref(&new), new.clone()), Err(ManualError::Occupied("TQ_1".to_owned())));
        assert_eq!(remove_holdings(&[new], "TQ_2"), Err(ManualError::NoPosition("TQ_2".to_owned())));
    }

    #[test]
    fn a_sale_counts_with_the_prices_as_given() {
        let row = trade(TradeKind::Sell, 149.6014, 33.495, 2.5).unwrap();
        assert_eq!((row.buy_price, row.sell_price, row.profit, row.symbol.as_str()), (149.6, 33.49, -290.27, "TQQQ"));
        assert_eq!(row.profit_rate, -77.61 / 100.0, "not cut to whole percents");
        let buy = trade(TradeKind::Buy, 10.0, 12.0, 3.0).unwrap();
        assert_eq!((buy.sell_price, buy.profit, buy.profit_rate), (0.0, 0.0, 0.0));
        assert_eq!(trade(TradeKind::Sell, 0.0, 12.0, 3.0), Err(ManualError::NoBuyPrice));
        assert_eq!(trade(TradeKind::Hold, 1.0, 12.0, 3.0), Err(ManualError::Kind("HOLD")));
        let nameless = Owner { name: "  ".to_owned(), ..owner() };
        let any = ManualTrade { kind: TradeKind::Buy, buy_price: 1.0, sell_price: 0.0, quantity: 1.0 };
        let refused = new_history_row(HistoryId(Uuid::from_u128(2)), &nameless, &any, Timestamp::UNIX_EPOCH);
        assert_eq!(refused, Err(ManualError::Empty { field: "name" }));
    }
}
