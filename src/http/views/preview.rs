//! The preview as an answer, with its reasons in words.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::alert::Words;
use super::{ValueAt, amount, cents};
use crate::domain::bot::TradeKind;
use crate::domain::clock::kst_datetime;
use crate::trading::{BotPreview, Planned, Preview, PriceRange, Why};

/// What happens at the prices from `from` to `to`, both included.
/// What a bot does at a price.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionView {
    Buy,
    Sell,
    None,
    /// Only follows the price with its stop.
    Trail,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RangeView {
    /// `null`: from nothing up.
    pub from: Option<String>,
    /// `null`: without end.
    pub to: Option<String>,
    pub action: ActionView,
    pub kind: Option<TradeKind>,
    /// Shares of a sell.
    pub quantity: Option<String>,
    /// Dollars of a buy.
    pub amount: Option<String>,
    pub reason_code: &'static str,
    pub reason: Words,
    /// The last known price lies here.
    pub current: bool,
}

/// A closing rule: at or below this price the bot buys for this amount.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClosingLevelView {
    pub price: String,
    pub amount: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ClosingView {
    pub conditions: Vec<ClosingLevelView>,
}

/// What one bot will do.
#[derive(Debug, Serialize, ToSchema)]
pub struct BotPreviewView {
    pub bot_id: Uuid,
    pub bot_name: String,
    pub symbol: String,
    pub price: Option<ValueAt>,
    /// Lowest first.
    pub ranges: Vec<RangeView>,
    pub max_spend: String,
    /// `null` when no closing rule can act.
    pub closing: Option<ClosingView>,
}

/// What the active bots of an account will do next.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewView {
    pub session: String,
    pub decided_at: Timestamp,
    pub closing_at: Timestamp,
    pub items: Vec<BotPreviewView>,
    pub max_spend_total: String,
    pub cash: Option<ValueAt>,
}

impl From<&Preview> for PreviewView {
    fn from(preview: &Preview) -> Self {
        Self {
            session: preview.session.to_string(),
            decided_at: preview.decided_at,
            closing_at: preview.closing_at,
            items: preview.items.iter().map(BotPreviewView::from).collect(),
            max_spend_total: cents(preview.max_spend_total),
            cash: preview.cash.as_ref().map(ValueAt::known),
        }
    }
}

impl From<&BotPreview> for BotPreviewView {
    fn from(bot: &BotPreview) -> Self {
        let conditions: Vec<ClosingLevelView> =
            bot.closing.iter().map(|c| ClosingLevelView { price: amount(c.price), amount: cents(c.amount) }).collect();
        Self {
            bot_id: bot.bot_id.0,
            bot_name: bot.name.clone(),
            symbol: bot.symbol.clone(),
            price: bot.price.as_ref().map(ValueAt::quote),
            ranges: bot.ranges.iter().map(RangeView::from).collect(),
            max_spend: cents(bot.max_spend),
            closing: (!conditions.is_empty()).then_some(ClosingView { conditions }),
        }
    }
}

impl From<&PriceRange> for RangeView {
    fn from(range: &PriceRange) -> Self {
        let Planned { order, trailing, reason } = &range.planned;
        let buys = order.is_some_and(|o| o.kind.is_buy());
        Self {
            from: range.from.map(amount),
            to: range.to.map(amount),
            action: match order {
                Some(_) if buys => ActionView::Buy,
                Some(_) => ActionView::Sell,
                None if *trailing => ActionView::Trail,
                None => ActionView::None,
            },
            kind: order.map(|o| o.kind),
            quantity: order.filter(|_| !buys).map(|o| amount(o.value)),
            amount: order.filter(|_| buys).map(|o| cents(o.value)),
            reason_code: reason.code(),
            reason: words(*reason),
            current: range.current,
        }
    }
}

fn words(why: Why) -> Words {
    let (ko, en) = match why {
        Why::TakeProfitAndPoint => ("익절가와 별지점을 모두 넘으면 전량 매도", "above take profit and the point price: sells everything"),
        Why::TakeProfit => ("익절가만 넘으면 3/4 매도", "above take profit only: sells three quarters"),
        Why::Point => ("별지점만 넘으면 1/4 매도", "above the point price only: sells a quarter"),
        Why::TrailingStopHit => ("트레일링 스탑 아래로 내려와 전량 매도", "below the trailing stop: sells everything"),
        Why::TrailingAllTurnsUsed => ("트레일링 중 회차를 모두 써서 1/4 매도", "all turns are used while trailing: sells a quarter"),
        Why::TrailingBegins => {
            ("익절가를 넘어 트레일링 시작, 시드의 1/3 매수", "above take profit: trailing begins, buys a third of the seed")
        }
        Why::TrailingBuys => ("트레일링 중, 시드의 1/3 매수", "trailing: buys a third of the seed"),
        Why::TrailingHolds => ("트레일링 중, 예산을 다 써서 매수하지 않음", "trailing: nothing more to buy, the position is kept"),
        Why::FirstBuy => ("보유가 없어 시드 전액 매수", "no position yet: buys for the full seed"),
        Why::NeverSells => ("매도하지 않는 봇: 시드 전액 매수", "this bot never sells: buys for the full seed"),
        Why::BelowAverageAndPoint => ("평단과 별지점보다 낮음", "below the average and the point price"),
        Why::BelowAverage => ("평단보다 낮음", "below the average price"),
        Why::BelowPoint => ("별지점보다 낮음", "below the point price"),
        Why::NoCondition => ("매수·매도 조건에 들지 않음", "no buy or sell condition holds"),
        Why::SoldThisSession => ("이번 장에서 이미 매도하여 매수하지 않음", "sold in this session already: does not buy"),
        Why::BudgetUsed => ("예산을 다 써서 매수하지 않음", "the budget is used up: does not buy"),
        Why::NegativeAmount => ("추가 시드가 음수라 매수 금액이 없음", "the added seed is negative: there is nothing to buy for"),
        Why::Nothing => ("해당하는 규칙 없음", "no rule applies"),
        Why::Cooldown { until } => {
            let day = kst_datetime(until).strftime("%Y-%m-%d %H:%M").to_string();
            return Words {
                ko: format!("매도 후 쉬는 기간 ({day} KST까지)"), en: format!("pausing after a sell (until {day} KST)")
            };
        }
    };
    Words { ko: ko.to_owned(), en: en.to_owned() }
}
