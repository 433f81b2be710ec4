//! Selling a share of a bot's position at once, on a person's word.

use crate::domain::bot::{Bot, Holding, SliceFill, TradeKind};
use crate::domain::order::Side;

use super::event::EggEvent;
use super::number::truncate;
use super::point::{Held, sell_limit, usable_price};
use super::slice::Request;

/// What a force sell does: perhaps a request, and what to tell either way.
#[derive(Clone, Debug, PartialEq)]
pub struct ForceSellPlan {
    pub request: Option<Request>,
    pub events: Vec<EggEvent>,
}

/// Shares of a force sell of `ratio_percent` (0 to 100).
pub fn quantity(holdings: &[Holding], ratio_percent: f64) -> i64 {
    truncate(Held::of(holdings).quantity * (ratio_percent / 100.0))
}

/// Plans the order.
pub fn plan(bot: &Bot, holdings: &[Holding], ratio_percent: f64, price: Option<f64>) -> ForceSellPlan {
    let (name, symbol) = (bot.name.clone(), bot.symbol.clone());
    let quantity = quantity(holdings, ratio_percent);
    if quantity <= 0 {
        let held = Held::of(holdings).quantity;
        return ForceSellPlan { request: None, events: vec![EggEvent::ForceSellNothing { bot: name, symbol, held, ratio_percent }] };
    }
    let start = EggEvent::ForceSellStart { bot: name.clone(), symbol: symbol.clone(), quantity, ratio_percent };
    match usable_price(price) {
        None => ForceSellPlan { request: None, events: vec![start, EggEvent::ForceSellNoPrice { bot: name, symbol }] },
        Some(price) => {
            ForceSellPlan { request: Some(Request { side: Side::Sell, quantity, limit: sell_limit(price) }), events: vec![start] }
        }
    }
}

/// The trade to record from the order's fill, and the event of its outcome. It counts as a full sell
/// only if the whole position was asked for and all of it was filled (H-16). Tell first, then record.
pub fn outcome(
    bot: &Bot,
    request: &Request,
    ratio_percent: f64,
    fill: Option<SliceFill>,
    reason: Option<String>,
) -> (Option<SliceFill>, EggEvent) {
    let (name, symbol) = (bot.name.clone(), bot.symbol.clone());
    match fill.filter(|fill| fill.quantity > 0.0) {
        Some(fill) => {
            let whole = ratio_percent == 100.0 && fill.quantity >= request.quantity as f64;
            let kind = if whole { TradeKind::Sell } else { TradeKind::SellPart };
            let event = EggEvent::ForceSellFilled {
                bot: name,
                symbol,
                wanted: request.quantity,
                quantity: fill.quantity,
                unit_price: fill.unit_price,
                total: fill.total,
            };
            (Some(SliceFill { kind, ..fill }), event)
        }
        None => (None, EggEvent::ForceSellFailed { bot: name, symbol, quantity: request.quantity, limit: request.limit, reason }),
    }
}
