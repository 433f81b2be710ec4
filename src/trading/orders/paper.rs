//! Our own paper trading: orders of `own` accounts are filled here, at the last trade, while their
//! market is open and the price is fresh. What it needs to know comes from the user's own broker.

use jiff::SignedDuration;
use rust_decimal::{Decimal, RoundingStrategy};
use sha2::{Digest, Sha256};

use crate::brokers::Quote;
use crate::domain::account::{Account, AccountMode, AccountSettings, UsFunds};
use crate::domain::charges::{self, Charges, Trade};
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, UserId};
use crate::domain::instrument::Market;
use crate::domain::money::Currency;
use crate::domain::order::{Environment, Fill, Order, OrderKind, OrderState, Reason, Side};
use crate::storage::tables::{ACCOUNTS, CASH, EXPOSURE, ORDERS, POSITIONS};
use crate::storage::{StoreError, UserTx, account_key};
use crate::trading::bus::LiveEvent;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::tick::Trading;

/// What a paper account begins with, in won.
const OPENING_CASH: i64 = 100_000_000;
/// A price that is older fills nothing.
const FRESH: SignedDuration = SignedDuration::from_secs(10);

/// The one paper account that every user has: its id follows from the user's, so that it is never made twice.
pub fn own_account_id(user: UserId) -> AccountId {
    AccountId(derived(user))
}

fn derived(user: UserId) -> uuid::Uuid {
    let digest = Sha256::new().chain_update(b"own paper account").chain_update(user.as_bytes()).finalize();
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// What an open paper order does at a price.
#[derive(Clone, Debug, PartialEq)]
enum Match {
    Waits,
    Fills(Decimal),
    /// The exchange would have ended it.
    Ends,
}

/// Whether the last trade fills an order. Pure.
fn matches(order: &Order, last: Decimal) -> Match {
    let intent = &order.intent;
    let good = |limit: Decimal| if intent.side == Side::Buy { last <= limit } else { last >= limit };
    match (intent.kind, intent.limit_price) {
        (OrderKind::StopLimit, Some(limit)) => {
            let woken = intent.trigger_price.is_some_and(|t| if intent.side == Side::Buy { last >= t } else { last <= t });
            if woken && good(limit) { Match::Fills(last) } else { Match::Waits }
        }
        (kind, Some(limit)) if !good(limit) => {
            if kind.is_immediate() {
                Match::Ends
            } else {
                Match::Waits
            }
        }
        _ => Match::Fills(last),
    }
}

impl Trading {
    /// The user's own paper account, made when it is missing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn own_account(&self, user: UserId) -> Result<AccountId, TradingError> {
        let id = own_account_id(user);
        let store = self.store.user(user);
        if store.read(|v| v.get(&ACCOUNTS, &account_key(id)))?.is_some() {
            return Ok(id);
        }
        let now = self.clock.now();
        store
            .write(move |tx| -> Result<(), StoreError> {
                if tx.get(&ACCOUNTS, &account_key(id))?.is_some() {
                    return Ok(());
                }
                let taken: Vec<String> = tx.view().accounts()?.into_iter().map(|a| a.name.to_lowercase()).collect();
                let name =
                    ["paper", "paper (own)", "own paper"].into_iter().find(|n| !taken.contains(&(*n).to_owned())).unwrap_or("paper ₩");
                let account = Account {
                    id,
                    name: name.to_owned(),
                    environment: Environment::Own,
                    mode: AccountMode::Trading,
                    settings: AccountSettings::new(),
                    version: 1,
                    created_at: now,
                    started_at: Some(now),
                    unsettled: Vec::new(),
                    imported: None,
                    going_live: Default::default(),
                    twin: None,
                };
                tx.put(&ACCOUNTS, &account_key(id), &account)?;
                let cash = Event::OpeningCash { currency: Currency::Krw, amount: OPENING_CASH.into(), note: String::new() };
                tx.record(id, now, Actor::Bot, vec![cash])?;
                tx.audit(now, None, "account.created", serde_json::json!({ "account": name, "environment": "own" }))
            })
            .await?;
        Ok(id)
    }

    /// A fresh price for paper trading: known already, or asked of one of the user's own brokers. A twin
    /// asks through its live account.
    pub(in crate::trading) async fn paper_quote(&self, line: &Line, market: Market, symbol: &str) -> Option<Quote> {
        let now = self.clock.now();
        if let Some(known) = self.quotes.get(symbol).filter(|q| now.duration_since(q.at) <= FRESH) {
            return Some(known);
        }
        for line in self.lines_for(line, market).await {
            if let Ok(Some(quote)) = self.price_in(&line, market, symbol).await {
                return Some(quote);
            }
        }
        None
    }

    /// Lines to the user's accounts at brokers that know a market, for an account of our own paper; for a
    /// twin that is its live account's alone.
    pub(super) async fn lines_for(&self, paper: &Line, market: Market) -> Vec<Line> {
        let Ok(twinned) = self.twinned(paper) else { return Vec::new() };
        let accounts = paper.user.read(|v| v.accounts()).unwrap_or_default();
        let reads = |a: &&Account| twinned.map_or(a.environment != Environment::Own, |live| a.id == live);
        let mut lines = Vec::new();
        for account in accounts.iter().filter(reads) {
            let Ok(gateway) = self.connector.connect(paper.user.id(), account).await else { continue };
            if gateway.capabilities().offer(market).is_some() {
                lines.push(Line { user: paper.user.clone(), account_id: account.id, gateway });
            }
        }
        lines
    }

    /// Fills, and at the end of the session ends, what is open in an own-paper account.
    pub(in crate::trading) async fn fill_paper(&self, line: &Line) -> Result<(), TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        let exposed = line.user.read(|v| v.list(&EXPOSURE, &account_key(account)))?;
        let mut may_fill = false;
        for open in &exposed {
            let trades = self.calendar_of(open.market).session_at(now).is_ok_and(|session| session.is_some());
            may_fill = may_fill || (trades && self.paper_quote(line, open.market, &open.symbol).await.is_some());
        }
        // Nothing fills in a closed market or without a price; what a close has ended can wait a moment.
        if exposed.is_empty() || !(may_fill || self.searches.is_paper_due(account, now)) {
            return Ok(());
        }
        let open: Vec<Order> = line.user.read(|v| v.open_orders(account))?;
        for order in open.iter().filter(|o| !o.state.is_final()) {
            self.try_paper(line, order).await?;
        }
        Ok(())
    }

    /// Fills one open order of an own-paper account, or ends it, if it is time to.
    pub(in crate::trading) async fn try_paper(&self, line: &Line, order: &Order) -> Result<(), TradingError> {
        let (market, now) = (order.intent.market, self.clock.now());
        let window = self.window_of(market, order.intent.session);
        if let Some((auction, window)) = order.intent.kind.auction().zip(window) {
            return self.try_auction(line, order, auction, window).await;
        }
        if window.is_some_and(|w| now >= w.close) || now >= order.intent.expires_at {
            return self.end_paper(line, order, None).await;
        }
        if window.is_none_or(|w| now < w.open) {
            return Ok(());
        }
        let Some(quote) = self.paper_quote(line, market, &order.intent.symbol).await else { return Ok(()) };
        match matches(order, quote.last) {
            Match::Waits => Ok(()),
            Match::Ends => self.end_paper(line, order, None).await,
            Match::Fills(price) => self.fill_at(line, order, price).await,
        }
    }

    /// Ends an order unfilled, as `end` says or as its kind ends.
    pub(super) async fn end_paper(&self, line: &Line, order: &Order, end: Option<Event>) -> Result<(), TradingError> {
        let (account, order_id, now) = (line.account_id, order.intent.order_id, self.clock.now());
        let immediate = order.intent.kind.is_immediate();
        let after = line
            .user
            .write(move |tx| -> Result<Order, StoreError> {
                let key = account_key(account).id(order_id.as_bytes());
                let order: Order = tx.require(&ORDERS, &key)?;
                if matches!(order.state, OrderState::Accepted | OrderState::PartiallyFilled) {
                    let by_kind = if immediate { Event::OrderCancelled { order_id } } else { Event::OrderExpired { order_id } };
                    tx.record(account, now, Actor::Broker, vec![end.clone().unwrap_or(by_kind)])?;
                }
                tx.require(&ORDERS, &key)
            })
            .await?;
        self.bus.order(line, &after);
        Ok(())
    }

    pub(super) async fn fill_at(&self, line: &Line, order: &Order, price: Decimal) -> Result<(), TradingError> {
        let (account, order_id, now) = (line.account_id, order.intent.order_id, self.clock.now());
        let rate = self.quotes.usd_krw().map(|known| known.value);
        let is_fund = self.is_fund(order.intent.market, &order.intent.symbol) == Some(true);
        let (after, filled) = line
            .user
            .write(move |tx| -> Result<(Order, u64), StoreError> {
                let key = account_key(account).id(order_id.as_bytes());
                let order: Order = tx.require(&ORDERS, &key)?;
                if !matches!(order.state, OrderState::Accepted | OrderState::PartiallyFilled) {
                    return Ok((order, 0));
                }
                let quantity = order.intent.quantity - order.filled_quantity;
                let Some(events) = paper_fill(tx, &order, quantity, price, rate, is_fund)? else { return Ok((order, 0)) };
                tx.record(account, now, Actor::Broker, events)?;
                let after: Order = tx.require(&ORDERS, &key)?;
                super::service::announce_end(tx, &after, now)?;
                Ok((after.clone(), if after.state == OrderState::Filled { quantity } else { 0 }))
            })
            .await?;
        self.bus.order(line, &after);
        if filled > 0 {
            let (symbol, bot_name, side) = (after.intent.symbol, after.intent.bot_name, after.intent.side);
            let event = LiveEvent::Fill { account_id: account, order_id, symbol, side, quantity: filled, price, bot_name };
            self.bus.publish(line.user.id(), event);
        }
        Ok(())
    }
}

/// The facts of a paper fill; `None` while its cash cannot be changed into the market's currency. An
/// order that the account cannot pay or deliver is rejected as a broker would.
fn paper_fill(
    tx: &UserTx<'_>,
    order: &Order,
    quantity: u64,
    price: Decimal,
    usd_krw: Option<Decimal>,
    is_fund: bool,
) -> Result<Option<Vec<Event>>, StoreError> {
    let (intent, order_id) = (&order.intent, order.intent.order_id);
    let currency = intent.market.currency();
    let account = tx.require(&ACCOUNTS, &account_key(intent.account_id))?;
    let gross = (price * Decimal::from(quantity)).round_dp(currency.scale());
    let trade = Trade { market: intent.market, side: intent.side, session: intent.session, is_fund };
    let Charges { fee, tax } =
        charges::rates(trade, account.settings.commission(intent.market)).on_growth(order.filled_amount, order.filled_amount + gross);
    let fill = Event::OrderFilled { fill: Fill { order_id, quantity, price, gross, fee, tax, currency } };
    if intent.side == Side::Sell {
        let key = account_key(intent.account_id).text(intent.market.code()).text(&intent.symbol);
        let held = tx.get(&POSITIONS, &key)?.map_or(Decimal::ZERO, |p| p.quantity);
        return Ok(Some(if held < Decimal::from(quantity) {
            vec![refused(order_id, "insufficient_holdings", "the paper account does not hold so many shares")]
        } else {
            vec![fill]
        }));
    }
    let cash = |currency: Currency| -> Result<Decimal, StoreError> {
        let key = account_key(intent.account_id).text(currency.code());
        Ok(tx.get(&CASH, &key)?.map_or(Decimal::ZERO, |c| c.amount))
    };
    let missing = gross + fee - cash(currency)?;
    if missing <= Decimal::ZERO {
        return Ok(Some(vec![fill]));
    }
    if currency == Currency::Krw {
        return Ok(Some(vec![refused(order_id, "insufficient_cash", "the paper account has not enough won")]));
    }
    if account.settings.us_funds == UsFunds::DollarsOnly {
        let message = "the paper account has not enough dollars, and is set to spend dollars only";
        return Ok(Some(vec![refused(order_id, "insufficient_cash", message)]));
    }
    // Dollars are bought with the account's won, at the rate of the day.
    let Some(rate) = usd_krw else { return Ok(None) };
    let won = (missing * rate).round_dp_with_strategy(0, RoundingStrategy::AwayFromZero);
    if won > cash(Currency::Krw)? {
        return Ok(Some(vec![refused(order_id, "insufficient_cash", "the paper account has not enough cash")]));
    }
    let exchange = Event::CashExchanged { from: Currency::Krw, paid: won, to: Currency::Usd, received: missing };
    Ok(Some(vec![exchange, fill]))
}

pub(super) fn refused(order_id: crate::domain::id::OrderId, code: &str, message: &str) -> Event {
    Event::OrderRejected { order_id, reason: Reason::new(code, message) }
}
