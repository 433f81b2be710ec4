//! The closing-drop buy: a bot buys shortly before the close when its price fell far enough.

use crate::domain::bot::{Bot, Holding, SliceFill, TradeKind};
use crate::domain::order::Side;

use super::event::EggEvent;
use super::point::{Held, Standing, buy_limit, shares_for, usable_price};
use super::slice::Request;

/// What the check looks at. "Today" is the caller's: the live system means the US session.
#[derive(Clone, Copy, Debug)]
pub struct ClosingInput<'a> {
    pub bot: &'a Bot,
    pub holdings: &'a [Holding],
    pub sold_today: bool,
    pub sell_sheet_today: bool,
    /// USD.
    pub previous_close: Option<f64>,
    /// USD.
    pub price: Option<f64>,
}

/// Outcome of the check: the money to buy for (USD, 0 buys nothing), or `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClosingCheck {
    pub money: Option<f64>,
    pub events: Vec<EggEvent>,
}

/// Checks an active bot's closing conditions.
pub fn check(input: &ClosingInput<'_>) -> ClosingCheck {
    let bot = input.bot;
    let only = |event: EggEvent| ClosingCheck { money: None, events: vec![event] };
    let (name, symbol) = (bot.name.clone(), bot.symbol.clone());
    if bot.closing_conditions.is_empty() {
        return ClosingCheck::default();
    }
    if bot.trailing_mode {
        return only(EggEvent::ClosingSkipTrailing { bot: name, symbol });
    }
    if input.sold_today || input.sell_sheet_today {
        return ClosingCheck::default();
    }
    let t = Standing::of(bot, &Held::of(input.holdings)).t;
    let limit_t = bot.max_tier as f64 - 1.0;
    if t > limit_t {
        return only(EggEvent::ClosingSkipMaxT { bot: name, symbol, t, limit_t });
    }
    let Some(previous_close) = usable_price(input.previous_close) else {
        return only(EggEvent::ClosingNoPrevPrice { bot: name, symbol });
    };
    let Some(price) = usable_price(input.price) else {
        return only(EggEvent::ClosingNoPrice { bot: name, symbol });
    };
    let drop_rate = (previous_close - price) / previous_close;
    let mut conditions = bot.closing_conditions.clone();
    conditions.sort_by(|a, b| b.drop_rate.total_cmp(&a.drop_rate));
    match conditions.iter().find(|condition| drop_rate >= condition.drop_rate) {
        Some(condition) => {
            let amount = bot.seed * condition.seed_rate;
            let event = EggEvent::ClosingTriggered {
                bot: name,
                symbol,
                previous_close,
                price,
                drop_rate,
                rule_drop_rate: condition.drop_rate,
                rule_seed_rate: condition.seed_rate,
                amount,
            };
            ClosingCheck { money: Some(amount), events: vec![event] }
        }
        None => {
            let limits = conditions.iter().map(|condition| condition.drop_rate).collect();
            only(EggEvent::ClosingNotTriggered { bot: name, symbol, previous_close, price, drop_rate, limits })
        }
    }
}

/// What the check's money comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum ClosingPlan {
    /// There is no money to spend.
    Nothing,
    /// Nothing is sent; the event says why.
    NotSent(EggEvent),
    Send(Request),
}

/// Plans the one order of a check that gave money (USD), at a price asked for anew.
pub fn plan(bot: &Bot, money: f64, price: Option<f64>) -> ClosingPlan {
    if money <= 0.0 {
        return ClosingPlan::Nothing;
    }
    let (name, symbol) = (bot.name.clone(), bot.symbol.clone());
    let Some(price) = usable_price(price) else {
        return ClosingPlan::NotSent(EggEvent::ClosingBuyNoPrice { bot: name, symbol });
    };
    let limit = buy_limit(price);
    let quantity = shares_for(money, limit);
    if quantity <= 0 {
        return ClosingPlan::NotSent(EggEvent::ClosingBuyZeroQty { bot: name, symbol, amount: money, limit });
    }
    ClosingPlan::Send(Request { side: Side::Buy, quantity, limit })
}

/// The trade to record from the order's fill, and the event of its outcome. Record first, then tell.
pub fn outcome(bot: &Bot, request: &Request, fill: Option<SliceFill>) -> (Option<SliceFill>, EggEvent) {
    let (name, symbol) = (bot.name.clone(), bot.symbol.clone());
    match fill.filter(|fill| fill.quantity > 0.0) {
        Some(fill) => {
            let event =
                EggEvent::ClosingBuyDone { bot: name, symbol, quantity: fill.quantity, unit_price: fill.unit_price, total: fill.total };
            (Some(SliceFill { kind: TradeKind::Buy, ..fill }), event)
        }
        None => (None, EggEvent::ClosingBuyFailed { bot: name, symbol, quantity: request.quantity, limit: request.limit }),
    }
}
