//! The capital-gains wash: selling a position and buying it back, to realise a gain within the year.
//! The strategy's books are not touched.

use serde::{Deserialize, Serialize};

use crate::domain::bot::{Holding, SliceFill};
use crate::domain::order::Side;

use super::event::EggEvent;
use super::number::{cents, round_to, sum, truncate};
use super::point::{buy_limit, sell_limit, traded_holding, usable_price};
use super::slice::Request;

/// Shares per order.
const BATCH: i64 = 30;
/// Fee of one trade, as a fraction of its value.
const FEE_RATE: f64 = 0.0009;

/// What a wash would cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub quantity: i64,
    pub symbol: String,
    /// USD.
    pub price: f64,
    /// Value of the sells and the buys together, USD.
    pub value: f64,
    /// USD.
    pub fee: f64,
    pub usd_krw: f64,
    pub fee_krw: f64,
}

/// Estimates the wash of a bot's holdings; `None` without whole shares or a price.
pub fn estimate(holdings: &[Holding], price: Option<f64>, usd_krw: f64) -> Option<Estimate> {
    let holding = traded_holding(holdings)?;
    let quantity = truncate(holding.quantity);
    let price = usable_price(price)?;
    if quantity <= 0 {
        return None;
    }
    let value = price * quantity as f64 * 2.0;
    let fee = value * FEE_RATE;
    Some(Estimate {
        quantity,
        symbol: holding.symbol.clone(),
        price,
        value: cents(value),
        fee: cents(fee),
        usd_krw,
        fee_krw: round_to(fee * usd_krw, 0),
    })
}

/// A wash under way: first every sell, then a buy for each of them that was filled (H-17).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wash {
    pub bot: String,
    pub symbol: String,
    /// Shares of the sells, in order.
    pub batches: Vec<i64>,
    /// Results of the sells done.
    pub sold: Vec<Option<SliceFill>>,
    /// Results of the buys done, one per filled sell.
    pub bought: Vec<Option<SliceFill>>,
}

/// What a wash does next.
#[derive(Clone, Debug, PartialEq)]
pub enum WashStep {
    /// Send this order, then report it with [`Wash::done`].
    Send(Request),
    /// There is no price for this batch: report it with [`Wash::skipped`].
    NoPrice(Side),
    Finished,
}

impl Wash {
    /// Begins a wash of a bot's holdings, or says why there is nothing to wash.
    pub fn start(bot: &str, holdings: &[Holding]) -> (Option<Wash>, EggEvent) {
        let Some(holding) = traded_holding(holdings) else { return (None, EggEvent::WashNoTrade { bot: bot.to_owned() }) };
        let quantity = truncate(holding.quantity);
        let symbol = holding.symbol.clone();
        if quantity <= 0 {
            return (None, EggEvent::WashZeroQty { bot: bot.to_owned(), symbol, held: holding.quantity });
        }
        let mut batches = vec![BATCH; usize::try_from(quantity / BATCH).unwrap_or(0)];
        if quantity % BATCH > 0 {
            batches.push(quantity % BATCH);
        }
        let event = EggEvent::WashStart { bot: bot.to_owned(), symbol: symbol.clone(), quantity, batches: batches.clone() };
        (Some(Wash { bot: bot.to_owned(), symbol, batches, sold: Vec::new(), bought: Vec::new() }), event)
    }

    /// Side and shares of the next order.
    pub fn next(&self) -> Option<(Side, i64)> {
        match self.batches.get(self.sold.len()) {
            Some(quantity) => Some((Side::Sell, *quantity)),
            None => self.sold.iter().flatten().nth(self.bought.len()).map(|sold| (Side::Buy, truncate(sold.quantity))),
        }
    }

    /// The next order at a price (USD).
    pub fn step(&self, price: Option<f64>) -> WashStep {
        let Some((side, quantity)) = self.next() else { return WashStep::Finished };
        match (usable_price(price), side) {
            (None, side) => WashStep::NoPrice(side),
            (Some(price), Side::Sell) => WashStep::Send(Request { side, quantity, limit: sell_limit(price) }),
            (Some(price), Side::Buy) => WashStep::Send(Request { side, quantity, limit: buy_limit(price) }),
        }
    }

    /// Takes the result of the order in hand.
    pub fn done(&mut self, fill: Option<SliceFill>) -> Option<EggEvent> {
        let (side, quantity) = self.next()?;
        let batch = self.batch_number(side);
        let (bot, symbol) = (self.bot.clone(), self.symbol.clone());
        let fill = fill.filter(|fill| fill.quantity > 0.0);
        self.results(side).push(fill);
        Some(match (side, fill) {
            (Side::Sell, Some(f)) => {
                EggEvent::WashSellDone { bot, symbol, batch, quantity: f.quantity, unit_price: f.unit_price, total: f.total }
            }
            (Side::Sell, None) => EggEvent::WashSellFailed { bot, symbol, batch, quantity },
            (Side::Buy, Some(f)) => {
                EggEvent::WashBuyDone { bot, symbol, batch, quantity: f.quantity, unit_price: f.unit_price, total: f.total }
            }
            (Side::Buy, None) => EggEvent::WashBuyFailed { bot, symbol, batch, quantity },
        })
    }

    /// Passes over the order in hand because there is no price.
    pub fn skipped(&mut self) -> Option<EggEvent> {
        let (side, quantity) = self.next()?;
        let batch = self.batch_number(side);
        let (bot, symbol) = (self.bot.clone(), self.symbol.clone());
        self.results(side).push(None);
        Some(match side {
            Side::Sell => EggEvent::WashSellNoPrice { bot, symbol, batch, quantity },
            Side::Buy => EggEvent::WashBuyNoPrice { bot, symbol, batch, quantity },
        })
    }

    /// Shares that were sold and not bought back.
    pub fn missing(&self) -> f64 {
        let shares = |fills: &[Option<SliceFill>]| fills.iter().flatten().fold(0.0, |sum, fill| sum + fill.quantity);
        shares(&self.sold) - shares(&self.bought)
    }

    /// What the wash came to.
    pub fn summary(&self, usd_krw: f64) -> WashSummary {
        let value = |fills: &[Option<SliceFill>]| sum(fills.iter().flatten().map(|fill| fill.total));
        let (sold, bought) = (value(&self.sold), value(&self.bought));
        let fee = (sold + bought) * FEE_RATE;
        let spread = bought - sold;
        let cost = spread + fee;
        WashSummary {
            quantity: self.batches.iter().sum(),
            sold_value: cents(sold),
            bought_value: cents(bought),
            fee: cents(fee),
            spread: cents(spread),
            cost: cents(cost),
            usd_krw,
            cost_krw: round_to(cost * usd_krw, 0),
        }
    }

    /// The closing event.
    pub fn finished_event(&self, usd_krw: f64) -> EggEvent {
        let summary = self.summary(usd_krw);
        let shares = |fills: &[Option<SliceFill>]| fills.iter().flatten().fold(0.0, |sum, fill| sum + fill.quantity);
        EggEvent::WashFinished {
            bot: self.bot.clone(),
            symbol: self.symbol.clone(),
            sold: shares(&self.sold),
            bought: shares(&self.bought),
            sold_value: summary.sold_value,
            bought_value: summary.bought_value,
            spread: summary.spread,
            fee: summary.fee,
            cost: summary.cost,
            usd_krw,
            cost_krw: summary.cost_krw,
        }
    }

    fn batch_number(&self, side: Side) -> i64 {
        let done = match side {
            Side::Sell => self.sold.len(),
            Side::Buy => self.bought.len(),
        };
        done as i64 + 1
    }

    fn results(&mut self, side: Side) -> &mut Vec<Option<SliceFill>> {
        match side {
            Side::Sell => &mut self.sold,
            Side::Buy => &mut self.bought,
        }
    }
}

/// Totals of a wash, USD in cents and KRW in won.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WashSummary {
    /// Shares that were to be washed.
    pub quantity: i64,
    pub sold_value: f64,
    pub bought_value: f64,
    pub fee: f64,
    pub spread: f64,
    pub cost: f64,
    pub usd_krw: f64,
    pub cost_krw: f64,
}

#[cfg(test)]
mod tests {
    use super::super::samples::{bought, holding};
    use super::*;

    #[test]
    fn only_what_was_sold_is_bought_back() {
        let (wash, _) = Wash::start("TQ_1", &[holding(1, 75.9, 10.0)]);
        let mut wash = wash.unwrap();
        assert_eq!(wash.batches, [30, 30, 15]);
        let mut bought_back = Vec::new();
        let mut fills = [Some(30.0), None, Some(4.0)].into_iter();
        while let WashStep::Send(request) = wash.step(Some(10.0)) {
            let filled = match request.side {
                Side::Sell => fills.next().unwrap(),
                Side::Buy => {
                    bought_back.push(request.quantity);
                    Some(request.quantity as f64)
                }
            };
            wash.done(filled.map(|quantity| bought(quantity, 10.0)));
        }
        assert_eq!(bought_back, [30, 4]);
        assert_eq!(wash.missing(), 0.0);
        assert_eq!(wash.done(None), None, "a finished wash takes no more results");
    }

    #[test]
    fn a_buy_that_fails_leaves_shares_missing() {
        let (wash, _) = Wash::start("TQ_1", &[holding(1, 20.0, 10.0)]);
        let mut wash = wash.unwrap();
        wash.done(Some(bought(20.0, 10.0)));
        assert_eq!(wash.step(None), WashStep::NoPrice(Side::Buy));
        wash.skipped();
        assert_eq!((wash.missing(), wash.step(Some(10.0))), (20.0, WashStep::Finished));
    }
}
