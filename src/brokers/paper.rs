//! The gateway of own-paper accounts. The order service fills their orders itself, so nothing is ever
//! sent: whatever asks this gateway to send is a mistake and is told so.

use async_trait::async_trait;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{
    Broker, BrokerError, BrokerOrder, BrokerPosition, BuyingPower, Capabilities, Cash, DailyBar, DayInfo, MarketOffer, MarketReader,
    MinuteBar, OrderAck, OrderBook, OrderGateway, Period, PresentBalance, Quote,
};
use crate::domain::instrument::{Exchange, Market};
use crate::domain::order::{Amendment, Environment, JournalledOrder, Order, OrderKind, Venue};

const KRX: &[OrderKind] = &[
    OrderKind::Limit,
    OrderKind::Market,
    OrderKind::IocLimit,
    OrderKind::FokLimit,
    OrderKind::IocMarket,
    OrderKind::FokMarket,
    OrderKind::StopLimit,
];
const US: &[OrderKind] = &[OrderKind::Limit, OrderKind::Market, OrderKind::Loc, OrderKind::Moc, OrderKind::Loo, OrderKind::Moo];

/// The gateway of accounts that stay inside this server.
#[derive(Clone, Copy, Debug, Default)]
pub struct PaperBroker;

fn nothing(what: &str) -> BrokerError {
    BrokerError::Forbidden(format!("a paper account inside this server has no {what} of its own"))
}

#[async_trait]
impl MarketReader for PaperBroker {
    async fn quote(&self, _: Exchange, _: &str) -> Result<Quote, BrokerError> {
        Err(nothing("prices"))
    }

    async fn find_listing(&self, _: &str) -> Result<Option<Exchange>, BrokerError> {
        Err(nothing("listings"))
    }

    async fn daily_bars(&self, _: Exchange, _: &str, _: Option<Date>, _: usize) -> Result<Vec<DailyBar>, BrokerError> {
        Err(nothing("price history"))
    }

    async fn bars(&self, _: Exchange, _: &str, _: Period, _: Date, _: usize) -> Result<Vec<DailyBar>, BrokerError> {
        Err(nothing("price history"))
    }

    async fn minute_bars(&self, _: Exchange, _: &str, _: usize) -> Result<Vec<MinuteBar>, BrokerError> {
        Err(nothing("price history"))
    }

    async fn order_book(&self, _: Exchange, _: &str) -> Result<OrderBook, BrokerError> {
        Err(nothing("order book"))
    }

    async fn krx_days(&self, _: Date) -> Result<Vec<DayInfo>, BrokerError> {
        Err(nothing("calendar"))
    }

    async fn usd_krw_closes(&self, _: Date, _: Date) -> Result<Vec<(Date, Decimal)>, BrokerError> {
        Err(nothing("exchange rate"))
    }

    async fn usd_krw(&self) -> Result<Decimal, BrokerError> {
        Err(nothing("exchange rate"))
    }
}

#[async_trait]
impl Broker for PaperBroker {
    fn environment(&self) -> Environment {
        Environment::Own
    }

    fn capabilities(&self) -> Capabilities {
        let offer = |market, kinds, venues| MarketOffer { market, buy: kinds, sell: kinds, venues, can_amend: true };
        Capabilities { offers: vec![offer(Market::Krx, KRX, &[Venue::Krx]), offer(Market::Us, US, &[])] }
    }

    fn clock_drift(&self) -> Option<i64> {
        None
    }

    async fn check_token(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn orders(&self, _: Market, _: Date, _: Date, _: Option<&str>) -> Result<Vec<BrokerOrder>, BrokerError> {
        Err(nothing("order list"))
    }

    async fn open_orders(&self, _: Market) -> Result<Vec<BrokerOrder>, BrokerError> {
        Err(nothing("order list"))
    }

    async fn positions(&self, _: Market) -> Result<Vec<BrokerPosition>, BrokerError> {
        Err(nothing("balance"))
    }

    async fn cash(&self, _: Market) -> Result<Cash, BrokerError> {
        Err(nothing("balance"))
    }

    async fn buying_power(&self, _: Exchange, _: &str, _: Option<Decimal>) -> Result<BuyingPower, BrokerError> {
        Err(nothing("balance"))
    }

    async fn sellable(&self, _: Exchange, _: &str) -> Result<Decimal, BrokerError> {
        Err(nothing("balance"))
    }

    async fn present_balance(&self) -> Result<PresentBalance, BrokerError> {
        Err(nothing("balance"))
    }
}

#[async_trait]
impl OrderGateway for PaperBroker {
    async fn send_order(&self, _: JournalledOrder<'_>, _: Exchange) -> Result<OrderAck, BrokerError> {
        Err(nothing("server to send orders to"))
    }

    async fn send_amend(&self, _: &Order, _: &Amendment, _: Exchange) -> Result<OrderAck, BrokerError> {
        Err(nothing("server to send orders to"))
    }

    async fn send_cancel(&self, _: &Order, _: Exchange) -> Result<(), BrokerError> {
        Err(nothing("server to send orders to"))
    }
}
