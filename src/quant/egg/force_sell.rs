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

#[cfg(test)]
mod tests {
    use super::super::samples::{bot, bought, holding};
    use super::*;

    #[test]
    fn a_full_sell_needs_every_share_to_be_filled() {
        let bot = bot();
        let held = [holding(1, 10.0, 100.0)];
        let kind = |ratio: f64, filled: f64| {
            let request = plan(&bot, &held, ratio, Some(100.0)).request.unwrap();
            outcome(&bot, &request, ratio, Some(bought(filled, 100.0)), None).0.map(|trade| trade.kind)
        };
        assert_eq!(kind(100.0, 10.0), Some(TradeKind::Sell));
        assert_eq!(kind(100.0, 9.0), Some(TradeKind::SellPart));
        assert_eq!(kind(99.9, 9.0), Some(TradeKind::SellPart));
        assert_eq!(kind(100.0, 0.0), None);
    }

    #[test]
    fn less_than_one_share_is_nothing() {
        let plan = plan(&bot(), &[holding(1, 10.0, 100.0)], 9.9, Some(100.0));
        assert_eq!(plan.request, None);
        assert_eq!(plan.events[0].code(), "FORCE_SELL_NOTHING");
    }
}
