//! The order ticket: what a person or a program of theirs asks for, made into orders of the order
//! service. Everything that must be asked outside is asked before the journal.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::gate::{self, Seen, Window};
use super::paper::own_account_id;
use super::price_rules;
use super::reconcile::keep;
use super::service::{Placement, RequestKey};
use crate::brokers::{BrokerError, BuyingPower, Quote};
use crate::domain::account::Account;
use crate::domain::charges::{self, Trade};
use crate::domain::fact::Actor;
use crate::domain::id::{AccountId, OrderId, UserId};
use crate::domain::instrument::{Exchange, Instrument, Market};
use crate::domain::order::{Amendment, Environment, Order, OrderIntent, OrderKind, OrderOrigin, Reason, Side, Venue};
use crate::storage::tables::{ACCOUNTS, ORDERS};
use crate::storage::{StoreError, account_key};
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::night::slices::fresh_order_id;
use crate::trading::night::slots::calendar;
use crate::trading::tick::Trading;
use crate::trading::twin::running_twin;

/// What is asked for at the ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct NewOrder {
    /// The user's own paper account when absent.
    pub account: Option<AccountId>,
    /// Told from the symbol when absent.
    pub market: Option<Market>,
    pub symbol: String,
    pub side: Option<Side>,
    pub quantity: u64,
    pub kind: OrderKind,
    pub limit_price: Option<Decimal>,
    pub trigger_price: Option<Decimal>,
    pub venue: Venue,
}

/// What an order would come to, without placing it.
#[derive(Clone, Debug)]
pub struct TicketPreview {
    pub account: Account,
    pub market: Market,
    pub symbol: String,
    pub side: Side,
    pub session: Date,
    pub session_open: bool,
    pub last_price: Option<Quote>,
    /// At the limit, or the last trade; in the market's currency.
    pub worth: Decimal,
    pub fee: Decimal,
    pub tax: Decimal,
    /// What the account may spend, and whose money that counts.
    pub power: Option<BuyingPower>,
    /// Kinds of orders that the account's broker takes on this side of this market.
    pub kinds: Vec<OrderKind>,
    /// Where the account's broker routes orders of this market; empty where there is nothing to choose.
    pub venues: &'static [Venue],
    /// From when to when such an order of the session can be given.
    pub hours: (jiff::Timestamp, jiff::Timestamp),
    /// Why it would be refused.
    pub refusal: Option<Reason>,
}

/// Which orders a list shows.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    pub account: Option<AccountId>,
    pub open_only: bool,
    pub symbol: Option<String>,
    pub side: Option<Side>,
    /// Orders of this session and later.
    pub from: Option<Date>,
    /// Orders of this session and earlier.
    pub to: Option<Date>,
    pub bot: Option<crate::domain::id::BotId>,
}

impl OrderFilter {
    fn shows(&self, order: &Order) -> bool {
        let intent = &order.intent;
        !(self.open_only && order.state.is_final())
            && self.symbol.as_ref().is_none_or(|s| *s == intent.symbol)
            && self.side.is_none_or(|s| s == intent.side)
            && self.from.is_none_or(|d| intent.session >= d)
            && self.to.is_none_or(|d| intent.session <= d)
            && self.bot.is_none_or(|b| intent.bot_id == Some(b))
    }
}

/// An order made out, with what was seen outside.
struct MadeOut {
    line: Line,
    account: Account,
    placement: Placement,
}

/// Told from its form: six letters and digits that begin with a digit are a Korean code.
fn instrument(market: Option<Market>, symbol: &str) -> Result<Instrument, TradingError> {
    let text = symbol.trim().to_uppercase();
    let korean = |t: &str| {
        (t.len() == 6 && t.starts_with(|c: char| c.is_ascii_digit()) && t.bytes().all(|b| b.is_ascii_alphanumeric()))
            || (t.len() == 7 && t.starts_with('Q') && t[1..].bytes().all(|b| b.is_ascii_digit()))
    };
    let market = market.unwrap_or(if korean(&text) { Market::Krx } else { Market::Us });
    match market {
        Market::Krx if korean(&text) => Ok(Instrument { market, symbol: text }),
        Market::Krx => {
            let detail =
                format!("'{}' is no Korean stock code: it has six characters and begins with a digit, such as 005930", symbol.trim());
            Err(TradingError::field("/symbol", "unknown_symbol", detail))
        }
        Market::Us => Instrument::parse_us_ticker(&text)
            .map(|symbol| Instrument { market, symbol })
            .map_err(|detail| TradingError::field("/symbol", "unknown_symbol", detail)),
    }
}

impl Trading {
    /// Places an order for a person. A refusal is an order in that state.
    ///
    /// # Errors
    /// `Fields` about the request, `NotFound` for another's account, the broker's when what must be
    /// known before the order cannot be asked.
    pub async fn place_ticket(&self, user: UserId, new: NewOrder, key: Option<RequestKey>) -> Result<Order, TradingError> {
        let opened = self.ticket_line(user, &new).await?;
        if let Some(order) = self.service.replay(&opened.0, key.as_ref()).await? {
            return Ok(order);
        }
        let made = self.make_out(user, opened, new, key).await?;
        self.require_compared(&made.line, made.placement.intent.market).await?;
        if made.placement.intent.side == Side::Sell {
            self.book_late_sells(&made.line, &made.placement.intent).await?;
        }
        let order = self.service.place(&made.line, &*self.clock, made.placement).await?;
        if order.intent.environment == Environment::Own && !order.state.is_final() {
            // At the last trade, if its market is open: nobody should have to wait for a tick.
            keep(&mut None, self.try_paper(&made.line, &order).await);
        }
        Ok(order)
    }

    /// What an order would come to.
    ///
    /// # Errors
    /// As [`Trading::place_ticket`].
    pub async fn preview_ticket(&self, user: UserId, new: NewOrder) -> Result<TicketPreview, TradingError> {
        let MadeOut { line, account, placement } = self.make_out(user, self.ticket_line(user, &new).await?, new, None).await?;
        let (now, gateway) = (self.clock.now(), line.gateway.environment());
        let intent = placement.intent.clone();
        let (window, seen) = (placement.window, placement.seen.clone());
        let worth = gate::worth(&intent, seen.quote.as_ref());
        let kinds = seen.offer.map_or(&[] as &[OrderKind], |offer| offer.kinds(intent.side));
        let kinds = kinds.iter().copied().filter(|kind| intent.market != Market::Krx || intent.venue.takes(*kind)).collect();
        let venues = seen.offer.map_or(&[] as &[Venue], |offer| offer.venues);
        let hours = gate::hours(&intent, window);
        let trade = Trade { market: intent.market, side: intent.side, session: intent.session, is_fund: seen.is_etf == Some(true) };
        let charges = charges::rates(trade, account.settings.commission(intent.market)).on(worth);
        let shown = (intent.clone(), seen.clone());
        let product = self.listed.product(intent.market, &intent.symbol);
        let refusal = line
            .user
            .write(move |tx| {
                let candidate = gate::Candidate { intent: &intent, gateway, window, seen: &seen, last_second: 0, product, now };
                gate::check(tx, &candidate)
            })
            .await?;
        let (intent, seen) = shown;
        Ok(TicketPreview {
            account,
            market: intent.market,
            symbol: intent.symbol,
            side: intent.side,
            session: window.session,
            session_open: window.open <= now && now < window.close,
            last_price: seen.quote,
            worth,
            fee: charges.fee,
            tax: charges.tax,
            power: seen.power,
            kinds,
            venues,
            hours,
            refusal,
        })
    }

    /// A line to the account that the ticket names, or to the user's own paper.
    async fn ticket_line(&self, user: UserId, new: &NewOrder) -> Result<(Line, Account), TradingError> {
        let account = match new.account {
            Some(id) => self.account(user, id)?,
            None => match self.account(user, own_account_id(user)) {
                Err(TradingError::Store(StoreError::NotFound { .. })) => self.account(user, self.own_account(user).await?)?,
                account => account?,
            },
        };
        Ok((self.line_of(user, &account).await?, account))
    }

    async fn make_out(
        &self,
        user: UserId,
        (line, account): (Line, Account),
        new: NewOrder,
        key: Option<RequestKey>,
    ) -> Result<MadeOut, TradingError> {
        let account_id = line.account_id;
        let named = new.account.is_some();
        let side = match new.side {
            Some(side) => side,
            None if !named || account.environment == Environment::Own => Side::Buy,
            None => return Err(TradingError::field("/side", "missing_field", "say whether to buy or to sell: side is 'buy' or 'sell'")),
        };
        let Instrument { market, symbol } = instrument(new.market, &new.symbol)?;
        if side == Side::Buy && self.listed.is_complete(market) && self.listed.get(market, &symbol).is_none() {
            let detail = format!("'{symbol}' is not listed on the {} market: look it up by its name or code", market.code());
            return Err(TradingError::field("/symbol", "unknown_symbol", detail));
        }
        let now = self.clock.now();
        let open = self.calendar_of(market).session_at(now).map_err(calendar)?;
        let session = match open {
            Some(session) => session,
            None => self.next_session(market, now)?,
        };
        let window = Window { session: session.date, open: session.open, close: session.close };
        let own = account.environment == Environment::Own;
        let capabilities = line.gateway.capabilities();
        let Some(offer) = capabilities.offer(market).copied() else {
            let detail = format!("this account cannot trade {} instruments", market.code());
            return Err(TradingError::field("/symbol", "market_not_offered", detail));
        };
        let intent = OrderIntent {
            order_id: fresh_order_id(now),
            account_id,
            bot_id: None,
            bot_name: String::new(),
            environment: account.environment,
            market,
            symbol,
            side,
            quantity: new.quantity,
            kind: new.kind,
            limit_price: new.limit_price,
            trigger_price: new.trigger_price,
            venue: new.venue,
            origin: OrderOrigin::Ticket,
            session: session.date,
            expires_at: session.close,
        };
        let mut seen = Seen { offer: Some(offer), ..Seen::default() };
        let mut exchange = Exchange::Krx;
        let (from, to) = gate::hours(&intent, window);
        let open_now = from <= now && now < to;
        if own {
            seen.quote = self.paper_quote(&line, market, &intent.symbol).await;
        } else {
            exchange = self.exchange_of(&line, market, &intent.symbol).await.map_err(unknown_symbol)?;
            self.watched.put(account_id, exchange, &intent.symbol, now);
            if open_now {
                let quote = self.price_in(&line, market, &intent.symbol).await?;
                seen.quote = Some(quote.ok_or_else(|| unknown_symbol(BrokerError::UnknownInstrument(intent.symbol.clone()).into()))?);
            }
        }
        // The quote may have told what kind of instrument it is.
        seen.is_etf = self.is_fund(market, &intent.symbol);
        // The broker is not asked about a price that the gate will refuse.
        if side == Side::Buy && own {
            seen.power = self.paper_power(&line, market)?;
        } else if side == Side::Buy && open_now && price_rules::check(&intent, &seen).is_none() {
            let price = intent.limit_price.or(seen.quote.as_ref().map(|q| q.last));
            seen.power = Some(self.power(&line, exchange, &intent.symbol, price).await?);
        }
        let placement = Placement { intent, exchange, window, seen, actor: Actor::User(user), key, premise: None };
        Ok(MadeOut { line, account, placement })
    }

    /// The session that comes next.
    fn next_session(&self, market: Market, now: jiff::Timestamp) -> Result<crate::domain::calendar::Session, TradingError> {
        let days = self.calendar_of(market);
        let today = days.local_date(now);
        let mut session = days.session_from(today).map_err(calendar)?;
        if session.close <= now {
            session = days.next_session(session.date).map_err(calendar)?;
        }
        Ok(session)
    }

    /// Asks for the cancel of one of the user's orders.
    ///
    /// # Errors
    /// `NotFound`; `Refused` with `order_not_open`; the broker's, when it did not take the request.
    pub async fn cancel_ticket(&self, user: UserId, id: OrderId) -> Result<Order, TradingError> {
        let order = self.find_order(user, id)?;
        if order.state.is_final() {
            return Err(TradingError::refused("order_not_open", "the order has ended already: there is nothing to cancel"));
        }
        if self.is_past_auction(&order) {
            return Err(past_auction());
        }
        let line = self.line(user, order.intent.account_id).await?;
        let exchange = self.exchange_of_order(&line, &order).await?;
        self.service.cancel(&line, &*self.clock, exchange, &order, Actor::User(user)).await?;
        if order.intent.environment != Environment::Own && self.refresh_orders(&line, true).await.is_ok() {
            keep(&mut None, self.settle(&line).await);
        }
        self.find_order(user, id)
    }

    /// Asks for the cancel of every open order of the user, or of one account; gives the orders that
    /// were asked for. One that fails keeps no other from it.
    ///
    /// # Errors
    /// `NotFound` for another's account.
    pub async fn cancel_all(&self, user: UserId, account: Option<AccountId>) -> Result<Vec<Order>, TradingError> {
        let accounts: Vec<AccountId> = match account {
            Some(id) => vec![self.account(user, id)?.id],
            None => self.store.user(user).read(|v| v.accounts())?.into_iter().map(|a| a.id).collect(),
        };
        let mut asked = Vec::new();
        for account in accounts {
            let open: Vec<Order> = self.store.user(user).read(|v| v.open_orders(account))?;
            for order in open.into_iter().filter(|o| !o.state.is_final()) {
                let id = order.intent.order_id;
                match self.cancel_ticket(user, id).await {
                    Ok(order) => asked.push(order),
                    Err(error) => tracing::warn!(order_id = %id, %error, "an order could not be cancelled"),
                }
            }
        }
        Ok(asked)
    }

    /// New quantity (what is filled included) or price for one of the user's open orders.
    ///
    /// # Errors
    /// `NotFound`, `Refused`, `Fields`, `Gate` with what would refuse an order of the new terms, the
    /// broker's refusal.
    pub async fn amend_ticket(
        &self,
        user: UserId,
        id: OrderId,
        quantity: Option<u64>,
        limit_price: Option<Decimal>,
    ) -> Result<Order, TradingError> {
        let order = self.find_order(user, id)?;
        if self.is_past_auction(&order) {
            return Err(past_auction());
        }
        let line = self.line(user, order.intent.account_id).await?;
        let can_amend = line.gateway.capabilities().offer(order.intent.market).is_some_and(|o| o.can_amend);
        if !can_amend {
            return Err(TradingError::refused("amend_not_offered", "this broker cannot change orders: cancel it and place another"));
        }
        let exchange = self.exchange_of_order(&line, &order).await?;
        if let Some(price) = limit_price {
            let seen = Seen { is_etf: self.is_fund(order.intent.market, &order.intent.symbol), ..Seen::default() };
            if let Some(fault) = price_rules::fault(order.intent.market, "price", price, &seen) {
                return Err(TradingError::field("/price", fault.code, fault.message));
            }
        }
        // An amendment names what is to be left open, so what is filled by now must be known as well as
        // can be. A list that cannot be read is no reason to refuse: what it hides is met afterwards.
        if order.intent.environment != Environment::Own && self.refresh_orders(&line, true).await.is_ok() {
            keep(&mut None, self.settle(&line).await);
        }
        let terms = Amendment {
            quantity: quantity.unwrap_or(order.intent.quantity),
            limit_price: limit_price.or(order.intent.limit_price),
            asked_at: self.clock.now(),
        };
        let seen = self.seen_for_terms(&line, exchange, &order.intent, terms.limit_price).await?;
        self.service.amend(&line, &*self.clock, exchange, id, (terms, seen), Actor::User(user)).await
    }

    /// What must be known outside before a buy gets dearer; nothing for other new terms.
    async fn seen_for_terms(
        &self,
        line: &Line,
        exchange: Exchange,
        intent: &OrderIntent,
        price: Option<Decimal>,
    ) -> Result<Seen, TradingError> {
        let (market, symbol) = (intent.market, intent.symbol.as_str());
        let mut seen = Seen { is_etf: self.is_fund(market, symbol), ..Seen::default() };
        if intent.side == Side::Sell || price <= intent.limit_price {
            return Ok(seen);
        }
        if intent.environment == Environment::Own {
            seen.quote = self.paper_quote(line, market, symbol).await;
            seen.power = self.paper_power(line, market)?;
        } else {
            seen.quote = self.price_in(line, market, symbol).await?;
            seen.power = Some(self.power(line, exchange, symbol, price).await?);
        }
        Ok(seen)
    }

    fn find_order(&self, user: UserId, id: OrderId) -> Result<Order, TradingError> {
        Ok(self.store.user(user).read(|v| {
            for account in v.accounts()? {
                if let Some(order) = v.get(&ORDERS, &account_key(account.id).id(id.as_bytes()))? {
                    return Ok(order);
                }
            }
            Err(StoreError::not_found("order"))
        })?)
    }

    /// Orders, newest first, after `after`.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's.
    pub fn list_orders(
        &self,
        user: UserId,
        filter: &OrderFilter,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, TradingError> {
        // A page is what is asked for; a filter may need many.
        let pages = limit.clamp(20, 200);
        Ok(self.store.user(user).read(|v| {
            let accounts: Vec<AccountId> = match filter.account {
                Some(id) => vec![v.require(&ACCOUNTS, &account_key(id))?.id],
                None => v.accounts()?.into_iter().map(|a| a.id).collect(),
            };
            let mut found: Vec<Order> = Vec::new();
            for account in accounts {
                let (mut before, mut of_account) = (after, 0);
                'pages: loop {
                    let key = before.map(|o| account_key(account).id(o.as_bytes()));
                    let page: Vec<Order> = v.list_latest(&ORDERS, &account_key(account), key.as_ref(), pages)?;
                    before = page.last().map(|o| o.intent.order_id);
                    let whole = page.len() == pages;
                    for order in page.into_iter().filter(|o| filter.shows(o)) {
                        found.push(order);
                        of_account += 1;
                        if of_account == limit {
                            break 'pages;
                        }
                    }
                    if !whole {
                        break;
                    }
                }
            }
            found.sort_by_key(|o| std::cmp::Reverse(o.intent.order_id));
            found.truncate(limit);
            Ok::<_, StoreError>(found)
        })?)
    }

    /// Forgets request keys that nobody can mean any more. Part of the daily housekeeping.
    pub async fn forget_old_requests(&self) {
        let users = self.store.read(|v| v.user_ids()).unwrap_or_default();
        for user in users {
            if let Err(error) = super::service::forget_old_keys(&self.store.user(user), self.clock.now()).await {
                tracing::warn!(user_id = %user, %error, "old request keys cannot be removed");
            }
        }
    }

    /// Asks for the cancel of everything that a kill switch concerns. What cannot be cancelled now is
    /// tried again with every tick.
    pub async fn cancel_halted(&self, scope: super::rules::HaltScope) {
        use super::rules::HaltScope;
        let users = match scope {
            HaltScope::Installation => self.store.read(|v| v.user_ids()).unwrap_or_default(),
            HaltScope::User(user) | HaltScope::Account(user, _) => vec![user],
        };
        let accounts = match scope {
            HaltScope::Account(user, account) => {
                let twin = self.store.user(user).read(|v| running_twin(v, account)).ok().flatten();
                [Some(account)].into_iter().chain(twin.map(|twin| Some(twin.id))).collect()
            }
            _ => vec![None],
        };
        let cancels = users.into_iter().flat_map(|user| accounts.iter().map(move |account| self.cancel_all(user, *account)));
        futures_util::future::join_all(cancels).await;
    }
}

fn past_auction() -> TradingError {
    TradingError::refused("auction_over", "the auction of this order is over: it only waits for the price to be published")
}

fn unknown_symbol(error: TradingError) -> TradingError {
    match error {
        TradingError::Broker(BrokerError::UnknownInstrument(symbol)) => {
            TradingError::field("/symbol", "unknown_symbol", format!("the broker knows no instrument '{symbol}': check the code"))
        }
        other => other,
    }
}
