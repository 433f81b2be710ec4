//! The closing slot: the closing-drop check and its one buy per bot and session. And the force sell,
//! which is the other order that stands outside sheets.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::nightly::note_closing;
use super::settle::post_events;
use super::slices::{Asked, fresh_order_id, once_per_session, order_deadline};
use super::slots::{HALTED, HELD, Outcome, calendar, handle, run_of};
use crate::domain::account::AccountMode;
use crate::domain::bot::Bot;
use crate::domain::fact::Actor;
use crate::domain::id::{AccountId, BotId, UserId};
use crate::domain::message::Notice;
use crate::domain::money::{decimal_from_f64, f64_from_decimal};
use crate::domain::order::{Order, OrderOrigin, Side};
use crate::domain::schedule::{SessionPlan, Slot};
use crate::quant::egg::closing::{self, ClosingInput, ClosingPlan};
use crate::quant::egg::event::EggEvent;
use crate::quant::egg::number::truncate;
use crate::quant::egg::slice::Request;
use crate::quant::egg::{force_sell, turn};
use crate::storage::tables::{BOTS, ORDERS};
use crate::storage::{StoreError, account_key};
use crate::trading::books::{Books, sell_history};
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::orders::reconcile::keep;
use crate::trading::orders::service::RequestKey;
use crate::trading::reconciliation::differences::held_notice;
use crate::trading::tick::Trading;

/// What became of one bot in the closing slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    Gone,
    /// An order stands in the way and must end first.
    Waits,
    /// A question to the owner keeps the buy back.
    Held,
}

impl Trading {
    pub(in crate::trading) async fn closing_buys(&self, line: &Line, plan: &SessionPlan, slot: Slot) -> Result<Outcome, TradingError> {
        if self.is_halted(line.user.id(), line.account_id)? {
            return Ok(Outcome::Done(HALTED.to_owned()));
        }
        let books = line.user.read(|v| Books::read(v, line.account_id))?;
        let (mut waits, mut held, mut problem) = (false, false, None);
        for bot in turn::bots(&books.bots).into_iter().filter(|b| !b.closing_conditions.is_empty()) {
            // One bot's trouble keeps no other from its buy.
            let outcome = keep(&mut problem, self.closing_buy(line, plan, slot, bot.id).await);
            waits |= outcome == Some(Closing::Waits);
            held |= outcome == Some(Closing::Held);
        }
        if self.refresh_orders(line, true).await.is_ok() {
            self.settle(line).await?;
        }
        match problem {
            Some(error) => Err(error),
            None if waits => Ok(Outcome::Later),
            None => Ok(Outcome::Done(if held { HELD } else { "" }.to_owned())),
        }
    }

    async fn closing_buy(&self, line: &Line, plan: &SessionPlan, slot: Slot, bot_id: BotId) -> Result<Closing, TradingError> {
        let account = line.account_id;
        let order_id = once_per_session(account, bot_id, plan, b"closing");
        let (books, run, sent, sells) = line.user.read(|v| {
            let sent = v.get(&ORDERS, &account_key(account).id(order_id.as_bytes()))?.is_some();
            let sells = sell_history(v, account, bot_id, slot.session, &self.calendar)?;
            Ok::<_, StoreError>((Books::read(v, account)?, run_of(v, account, &slot)?, sent, sells))
        })?;
        let Some(bot) = books.bot(bot_id).filter(|b| b.active) else { return Ok(Closing::Gone) };
        if sent || run.is_some_and(|r| r.handled.contains(&bot_id.0)) {
            return Ok(Closing::Gone);
        }
        if books.stands_in_the_way(&bot.symbol, Side::Buy) {
            return Ok(Closing::Waits);
        }
        let quote = self.price(line, &bot.symbol).await?;
        if let Some(question) = self.held(line, plan.session, bot.market, &bot.symbol, quote.as_ref()).await? {
            let now = self.clock.now();
            let notice = self.holds.is_news(bot_id, plan.session).then(|| held_notice(&bot.name, &question));
            line.user
                .write(move |tx| -> Result<(), StoreError> {
                    let first = handle(tx, account, slot, bot_id.0, now)?;
                    match notice.as_ref().filter(|_| first) {
                        Some(notice) => tx.post(account, now, notice.level(), notice).map(drop),
                        None => Ok(()),
                    }
                })
                .await?;
            return Ok(Closing::Held);
        }
        let price = quote.as_ref().map(|q| f64_from_decimal(q.last));
        let holdings = books.holdings_of(bot.id);
        let check = closing::check(&ClosingInput {
            bot,
            holdings: &holdings,
            sold_today: sells.sold_this_session,
            sell_sheet_today: books.sheet_of(bot.id).is_some_and(|s| s.session == slot.session && s.kind.is_sell()),
            previous_close: quote.and_then(|q| q.previous_close).map(f64_from_decimal),
            price,
        });
        let mut events = check.events;
        let mut would = None;
        if let Some(money) = check.money {
            if !books.account.acts(bot.id) {
                let notice = Notice::WouldOrder { bot: bot.name.clone(), symbol: bot.symbol.clone(), kind: "BUY".to_owned(), value: money };
                would = Some((notice, money));
            } else {
                match closing::plan(bot, money, price) {
                    ClosingPlan::Nothing => {}
                    ClosingPlan::NotSent(event) => events.push(event),
                    ClosingPlan::Send(request) => {
                        let expires_at = order_deadline(self.clock.now(), None, plan.close);
                        let asked = Asked {
                            order_id,
                            bot: Some(bot.id),
                            bot_name: &bot.name,
                            market: bot.market,
                            symbol: &bot.symbol,
                            request,
                            origin: OrderOrigin::Closing,
                            actor: Actor::Bot,
                            key: None,
                            premise: None,
                        };
                        self.ask(line, plan, expires_at, asked).await?;
                    }
                }
            }
        }
        // Told together with the note that this bot is done: going on after a failure repeats neither.
        let now = self.clock.now();
        line.user
            .write(move |tx| -> Result<(), StoreError> {
                if !handle(tx, account, slot, bot_id.0, now)? {
                    return Ok(());
                }
                post_events(tx, account, now, &events)?;
                match &would {
                    Some((notice, money)) => {
                        note_closing(tx, account, slot.session, bot_id, *money)?;
                        tx.post(account, now, notice.level(), notice).map(drop)
                    }
                    None => Ok(()),
                }
            })
            .await?;
        Ok(Closing::Gone)
    }

    /// Stores events for the owner.
    pub(in crate::trading) async fn tell(&self, line: &Line, events: Vec<EggEvent>) -> Result<(), TradingError> {
        if events.is_empty() {
            return Ok(());
        }
        let (account, now) = (line.account_id, self.clock.now());
        line.user.write(move |tx| post_events(tx, account, now, &events)).await?;
        Ok(())
    }

    /// Sells a share of a bot's position at once. `ratio_percent` is above 0 and at most 100.
    ///
    /// # Errors
    /// `Refused` with the reason when nothing was sent; `books_changed` when the bot's shares changed
    /// while the order was made out, as by a second click.
    pub async fn force_sell(
        &self,
        user: UserId,
        account: AccountId,
        bot_id: BotId,
        ratio_percent: f64,
        key: Option<RequestKey>,
    ) -> Result<Order, TradingError> {
        if !(ratio_percent > 0.0 && ratio_percent <= 100.0) {
            return Err(TradingError::invalid("/ratio_percent", "the share to sell must be above 0 and at most 100 percent"));
        }
        let line = self.line(user, account).await?;
        if let Some(order) = self.service.replay(&line, key.as_ref()).await? {
            return Ok(order);
        }
        let books = line.user.read(|v| Books::read(v, account))?;
        let bot: Bot = line.user.read(|v| v.require(&BOTS, &account_key(account).id(bot_id.as_bytes())))?;
        if books.account.mode != AccountMode::Trading {
            return Err(TradingError::refused("observing", "the account only observes; start it before selling"));
        }
        let now = self.clock.now();
        let session = self.calendar.session_at(now).map_err(calendar)?;
        let Some(session) = session else {
            return Err(TradingError::refused("market_closed", "the US market is closed; a force sell needs a session"));
        };
        let plan = books.account.settings.schedule.plan(&session);
        let of_bot = books.open_orders.iter().any(|o| o.intent.bot_id == Some(bot_id) && !o.state.is_final());
        if of_bot || books.stands_in_the_way(&bot.symbol, Side::Sell) {
            let detail = format!("an order of this bot or a buy of {} is still open; wait until it has ended", bot.symbol);
            return Err(TradingError::refused("order_open", detail));
        }
        let price = self.price(&line, &bot.symbol).await?.map(|q| f64_from_decimal(q.last));
        // What an ended sell left is there only when the broker's list says so.
        let known = self.unsold(&line, bot_id, session.date, truncate(books.unsold_of(bot_id))).await?;
        let books = line.user.read(|v| Books::read(v, account))?;
        let holdings = books.holdings_of(bot.id);
        // What a sheet sold already or an order may still sell is not there to be sold again.
        let unsold = books.unsold_of(bot.id);
        let planned = force_sell::plan(&bot, &holdings, ratio_percent, price);
        self.tell(&line, planned.events).await?;
        let most = truncate(unsold);
        let request = planned.request.map(|r| Request { quantity: r.quantity.min(most), ..r }).filter(|r| r.quantity > 0);
        let Some(request) = request else {
            return Err(if price.is_none() {
                TradingError::refused("no_price", format!("the broker gives no price for {}", bot.symbol))
            } else {
                TradingError::refused("nothing_to_sell", "that share of the position is less than one share")
            });
        };
        if known.is_doubtful(request.quantity) {
            let detail =
                format!("a sell of {} ended a moment ago and may have sold more than is known; try again in three minutes", bot.name);
            return Err(TradingError::refused("order_open", detail));
        }
        let asked = Asked {
            order_id: fresh_order_id(now),
            bot: Some(bot.id),
            bot_name: &bot.name,
            market: bot.market,
            symbol: &bot.symbol,
            request,
            origin: OrderOrigin::ForceSell { ratio_percent: decimal_from_f64(ratio_percent).unwrap_or(Decimal::ONE_HUNDRED) },
            actor: Actor::User(user),
            key,
            premise: Some(unsold),
        };
        let order = self.ask(&line, &plan, order_deadline(now, None, plan.close), asked).await?;
        // The order is out: a failure from here on must not look like one of the order. The next tick
        // meets it again and tells.
        if self.refresh_orders(&line, true).await.is_ok() {
            keep(&mut None, self.settle(&line).await);
        }
        let id = order.intent.order_id;
        Ok(line.user.read(|v| v.require(&ORDERS, &account_key(account).id(id.as_bytes())))?)
    }

    /// Reads prices, cash and the exchange rate for the pages, at most every minute of a session and
    /// every half hour outside.
    pub(in crate::trading) async fn refresh_prices(&self, line: &Line) -> Result<(), TradingError> {
        let now = self.clock.now();
        let open = self.calendar.session_at(now).map_err(calendar)?.is_some();
        let every = jiff::SignedDuration::from_secs(if open { 60 } else { 1_800 });
        {
            let mut refreshed = crate::trading::tick::lock(&self.refreshed);
            let due = refreshed
                .get(&(line.user.id(), line.account_id))
                .is_none_or(|at: &Timestamp| at.saturating_add(every).is_ok_and(|next| now >= next));
            if !due {
                return Ok(());
            }
            refreshed.insert((line.user.id(), line.account_id), now);
        }
        let books = line.user.read(|v| Books::read(v, line.account_id))?;
        let symbols: std::collections::BTreeSet<&String> =
            books.bots.iter().map(|b| &b.symbol).chain(books.holdings.iter().filter(|h| !h.reserve).map(|h| &h.symbol)).collect();
        for symbol in &symbols {
            self.price(line, symbol).await?;
        }
        self.refresh_cash(line, symbols.first().map(|s| s.as_str())).await?;
        self.remember_rate(line).await?;
        self.fill_month_rates(line).await?;
        self.bus.publish(line.user.id(), crate::trading::bus::LiveEvent::Portfolio { account_id: line.account_id });
        Ok(())
    }

    /// Orderable dollars and the exchange rate, by the rule: present balance, else currency chart.
    async fn refresh_cash(&self, line: &Line, symbol: Option<&str>) -> Result<(), TradingError> {
        let now = self.clock.now();
        let symbol = symbol.unwrap_or("TQQQ");
        let exchange = match self.exchange(line, symbol).await {
            Ok(exchange) => exchange,
            Err(TradingError::Broker(crate::brokers::BrokerError::UnknownInstrument(_))) => return Ok(()),
            Err(error) => return Err(error),
        };
        let price = self.quotes.get(symbol).map_or(Decimal::ONE_HUNDRED, |q| q.last);
        let power = self.power(line, exchange, symbol, Some(price)).await?;
        self.quotes.put_cash(line.user.id(), line.account_id, power.amount, now);
        let balance = line.gateway.present_balance().await;
        match balance.ok().and_then(|b| b.usd_krw).filter(|rate| *rate > Decimal::ZERO) {
            Some(rate) => self.quotes.put_usd_krw(rate, now, "present_balance"),
            None => {
                if let Ok(rate) = line.gateway.usd_krw().await {
                    self.quotes.put_usd_krw(rate, now, "chart");
                }
            }
        }
        Ok(())
    }

    /// Stores an event that only says what happened.
    pub(in crate::trading) async fn notify(&self, line: &Line, notice: Notice) -> Result<(), TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        line.user.write(move |tx| -> Result<(), StoreError> { tx.post(account, now, notice.level(), &notice).map(drop) }).await?;
        Ok(())
    }
}
