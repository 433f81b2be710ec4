//! The double as the broker's port: what it answers to each call.

use async_trait::async_trait;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::broker::{ScriptedBroker, new_york_date, silence};
use super::script::{Does, Sabotage, Sent};
use crate::brokers::error::RejectionKind;
use crate::brokers::{
    Broker, BrokerError, BrokerOrder, BrokerPosition, BuyingPower, Capabilities, Cash, DailyBar, DayInfo, MarketOffer, MarketReader,
    MinuteBar, OrderAck, OrderBook, OrderGateway, Period, PowerBasis, PresentBalance, Quote,
};
use crate::domain::account::AccountSettings;
use crate::domain::charges::{self, Trade};
use crate::domain::clock::Clock;
use crate::domain::instrument::{Exchange, Market};
use crate::domain::order::{Amendment, Environment, JournalledOrder, Order, OrderKind, OrderOrigin, Side, Venue};

#[async_trait]
impl MarketReader for ScriptedBroker {
    async fn quote(&self, exchange: Exchange, symbol: &str) -> Result<Quote, BrokerError> {
        let call = self.enter().await?;
        let quote = {
            let state = self.state();
            state.require_listing(exchange, symbol)?;
            let last = *state.prices.get(symbol).ok_or_else(|| BrokerError::UnknownInstrument(symbol.to_owned()))?;
            let previous_close = state.previous_closes.get(symbol).copied();
            Quote { last, previous_close, limits: None, is_etf: None, at: self.clock.now() }
        };
        self.leave(call).await;
        Ok(quote)
    }

    async fn find_listing(&self, symbol: &str) -> Result<Option<Exchange>, BrokerError> {
        let call = self.enter().await?;
        let found = {
            let mut state = self.state();
            state.searches += 1;
            state.prices.contains_key(symbol).then(|| state.listing(symbol))
        };
        self.leave(call).await;
        Ok(found)
    }

    async fn daily_bars(&self, _: Exchange, symbol: &str, _: Option<Date>, _: usize) -> Result<Vec<DailyBar>, BrokerError> {
        Ok(self.state().day_bars.get(symbol).cloned().unwrap_or_default())
    }

    async fn bars(&self, _: Exchange, _: &str, _: Period, _: Date, _: usize) -> Result<Vec<DailyBar>, BrokerError> {
        Ok(Vec::new())
    }

    async fn minute_bars(&self, _: Exchange, _: &str, _: usize) -> Result<Vec<MinuteBar>, BrokerError> {
        Ok(Vec::new())
    }

    async fn order_book(&self, _: Exchange, _: &str) -> Result<OrderBook, BrokerError> {
        Ok(OrderBook::default())
    }

    async fn krx_days(&self, _: Date) -> Result<Vec<DayInfo>, BrokerError> {
        Ok(Vec::new())
    }

    async fn usd_krw(&self) -> Result<Decimal, BrokerError> {
        Ok(Decimal::from(1_400))
    }

    async fn usd_krw_closes(&self, _: Date, _: Date) -> Result<Vec<(Date, Decimal)>, BrokerError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Broker for ScriptedBroker {
    fn environment(&self) -> Environment {
        self.environment
    }

    fn capabilities(&self) -> Capabilities {
        const KINDS: &[OrderKind] = &[OrderKind::Limit, OrderKind::Market, OrderKind::Loc, OrderKind::Loo, OrderKind::Moo];
        let offer = |market| MarketOffer { market, buy: KINDS, sell: KINDS, venues: &[Venue::Krx, Venue::Nxt], can_amend: true };
        Capabilities { offers: vec![offer(Market::Krx), offer(Market::Us)] }
    }

    fn clock_drift(&self) -> Option<i64> {
        None
    }

    async fn check_token(&self) -> Result<(), BrokerError> {
        let call = self.enter().await?;
        self.leave(call).await;
        Ok(())
    }

    async fn orders(&self, _: Market, from: Date, to: Date, _: Option<&str>) -> Result<Vec<BrokerOrder>, BrokerError> {
        let call = self.enter().await?;
        self.settle_time();
        let now = self.clock.now();
        if self.state().lists_down {
            return Err(silence());
        }
        let listed = {
            let state = self.state();
            let visible = state.placed.iter().filter(|p| p.visible_from <= now && (from..=to).contains(&p.listed.order_date));
            let short = u64::from(state.sabotage == Some(Sabotage::Miscounts));
            visible.map(|p| BrokerOrder { filled_quantity: p.listed.filled_quantity.saturating_sub(short), ..p.listed.clone() }).collect()
        };
        self.leave(call).await;
        Ok(listed)
    }

    async fn open_orders(&self, market: Market) -> Result<Vec<BrokerOrder>, BrokerError> {
        let today = new_york_date(self.clock.now());
        Ok(self.orders(market, today, today, None).await?.into_iter().filter(|o| o.open_quantity > 0).collect())
    }

    async fn positions(&self, market: Market) -> Result<Vec<BrokerPosition>, BrokerError> {
        let call = self.enter().await?;
        self.settle_time();
        let positions = {
            let state = self.state();
            let korean = |symbol: &str| symbol.starts_with(|c: char| c.is_ascii_digit());
            let shares = state.shares().into_iter().filter(|(s, q)| !q.is_zero() && korean(s) == (market == Market::Krx));
            let shown = |(symbol, quantity): (String, Decimal)| {
                let last_price = state.prices.get(&symbol).copied().unwrap_or_default();
                BrokerPosition { exchange: None, quantity, sellable: quantity, average_price: last_price, last_price, symbol }
            };
            shares.map(shown).collect()
        };
        self.leave(call).await;
        Ok(positions)
    }

    async fn cash(&self, market: Market) -> Result<Cash, BrokerError> {
        self.settle_time();
        let state = self.state();
        let korean = |symbol: &str| symbol.starts_with(|c: char| c.is_ascii_digit());
        let moved = state.cash_moved.get(&market.currency()).copied().unwrap_or_default();
        let traded = state.placed.iter().map(|p| &p.listed).filter(|l| korean(&l.symbol) == (market == Market::Krx));
        let paid = traded.map(|listed| {
            let gross = listed.filled_amount;
            let trade = Trade { market, side: listed.side, session: listed.order_date, is_fund: true };
            let charges = charges::rates(trade, AccountSettings::new().commission(market)).on(gross);
            let charges = charges.fee + charges.tax;
            if listed.side == Side::Buy { -gross - charges } else { gross - charges }
        });
        let amount = Decimal::from(50_000) + moved + paid.sum::<Decimal>();
        Ok(Cash { currency: market.currency(), amount })
    }

    async fn sellable(&self, _: Exchange, _: &str) -> Result<Decimal, BrokerError> {
        Ok(Decimal::ZERO)
    }

    async fn buying_power(&self, _: Exchange, _: &str, _: Option<Decimal>) -> Result<BuyingPower, BrokerError> {
        let call = self.enter().await?;
        self.leave(call).await;
        Ok(BuyingPower { amount: Decimal::from(50_000), basis: PowerBasis::DollarsOnly, other: None, usd_krw: None })
    }

    async fn present_balance(&self) -> Result<PresentBalance, BrokerError> {
        Ok(PresentBalance { usd_cash: None, usd_krw: Some(Decimal::from(1_400)), total_assets_krw: None })
    }
}

#[async_trait]
impl OrderGateway for ScriptedBroker {
    async fn send_order(&self, order: JournalledOrder<'_>, exchange: Exchange) -> Result<OrderAck, BrokerError> {
        let intent = order.intent();
        let call = self.enter().await?;
        self.look_into_journal(intent.order_id);
        let does = {
            let mut state = self.state();
            state.require_listing(exchange, &intent.symbol)?;
            let does = state.script.pop_front().unwrap_or(Does::Fill);
            let slice = match &intent.origin {
                OrderOrigin::Slice { sheet_id, slice } => Some((sheet_id.0, *slice)),
                _ => None,
            };
            let sent = Sent {
                order_id: intent.order_id,
                bot: intent.bot_name.clone(),
                symbol: intent.symbol.clone(),
                side: intent.side,
                quantity: intent.quantity,
                limit: intent.limit_price.unwrap_or_default(),
                at: self.clock.now(),
                slice,
            };
            if state.sabotage == Some(Sabotage::SendsAgain) && matches!(does, Does::TakeSilently | Does::Lose) {
                state.sent.push(sent.clone());
            }
            state.sent.push(sent);
            does
        };
        let answer = match does {
            Does::Panic => panic!("the client panics because the test wants it"),
            Does::Refuse => Err(BrokerError::Rejected {
                code: "APBK0952".to_owned(),
                message: "증거금 부족".to_owned(),
                kind: RejectionKind::InsufficientFunds,
            }),
            Does::Unreachable => Err(BrokerError::Unreachable("connection refused".to_owned())),
            Does::Lose => Err(silence()),
            Does::TakeSilently | Does::TakeSilentlyAndListLate(_) => {
                self.take(intent, &does);
                if self.state().sabotage == Some(Sabotage::SendsAgain) {
                    self.take(intent, &does);
                }
                Err(silence())
            }
            taken => Ok(self.take(intent, &taken)),
        };
        self.leave(call).await;
        answer
    }

    async fn send_amend(&self, order: &Order, terms: &Amendment, _: Exchange) -> Result<OrderAck, BrokerError> {
        let call = self.enter().await?;
        self.settle_time();
        let ack = self.replace(order, terms);
        self.leave(call).await;
        ack
    }

    async fn send_cancel(&self, order: &Order, _: Exchange) -> Result<(), BrokerError> {
        let call = self.enter().await?;
        self.settle_time();
        let now = self.clock.now();
        let number = order.broker_order_no.clone().unwrap_or_default();
        let answer = {
            let mut state = self.state();
            state.cancels.push(number.clone());
            let bare = number.trim_start_matches('0');
            if state.ignores_cancels {
                return Ok(());
            }
            match state.placed.iter_mut().find(|p| p.listed.broker_order_no == bare && p.listed.open_quantity > 0) {
                Some(placed) => {
                    placed.listed.open_quantity = 0;
                    placed.to_come = placed.late.map(|(after, late)| (now + after, late));
                    Ok(())
                }
                None => {
                    let message = "취소가능수량 없음".to_owned();
                    Err(BrokerError::Rejected { code: "APBK0400".to_owned(), message, kind: RejectionKind::Other })
                }
            }
        };
        self.leave(call).await;
        answer
    }
}
