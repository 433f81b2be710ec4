//! The decision slot: every active bot decides, sheets are opened, the account's bots net among
//! themselves. Everything it changes is one transaction with the slot's own record.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::nightly::note_decision;
use super::settle::{BookedAt, book_ids, end_sheet, post_events, store_booked};
use super::slices::fresh_sheet_id;
use super::slots::{HELD, Outcome, mark, run_of};
use crate::brokers::BrokerError;
use crate::domain::account::AccountMode;
use crate::domain::bot::{Bot, Holding, Sheet};
use crate::domain::calendar::Calendar;
use crate::domain::fact::{Actor, Event, SheetEnd};
use crate::domain::id::AccountId;
use crate::domain::message::Notice;
use crate::domain::money::f64_from_decimal;
use crate::domain::night::Decided;
use crate::domain::schedule::{SessionPlan, Slot};
use crate::domain::slot::RunState;
use crate::quant::egg::cooldown::LatestSell;
use crate::quant::egg::decide::{Decision, Input, Wanted, decide};
use crate::quant::egg::netting::{self, SheetAfter};
use crate::quant::egg::sheet::{Opening, open, outdated};
use crate::quant::egg::slice;
use crate::quant::egg::turn;
use crate::storage::tables::BOTS;
use crate::storage::{StoreError, UserTx, UserView, account_key};
use crate::trading::books::{Books, sell_history};
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::reconciliation::differences::{held_notice, open_question};
use crate::trading::tick::Trading;

/// How long a decision waits for the result of an earlier session's order.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Prices by symbol, USD; `None` where the broker has none.
pub(in crate::trading) type Prices = BTreeMap<String, Option<f64>>;

/// What a decision looks at besides bot, price and time; slot and preview build it the same way.
#[derive(Clone, Debug)]
pub(in crate::trading) struct Basis {
    pub holdings: Vec<Holding>,
    pub sold_today: bool,
    pub sell_sheet_today: bool,
    pub latest_sell: Option<LatestSell>,
}

impl Basis {
    pub fn read(
        view: &UserView<'_>,
        calendar: &Calendar,
        books: &Books,
        bot: &Bot,
        session: jiff::civil::Date,
    ) -> Result<Self, StoreError> {
        let sells = sell_history(view, books.account.id, bot.id, session, calendar)?;
        Ok(Self {
            holdings: books.holdings_of(bot.id),
            sold_today: sells.sold_this_session,
            sell_sheet_today: books.sheet_of(bot.id).is_some_and(|s| s.session == session && s.kind.is_sell()),
            latest_sell: sells.latest.as_ref().map(|r| LatestSell { at: r.traded_at, profit: r.profit }),
        })
    }

    /// Decides at a price, USD.
    pub fn decide(&self, bot: &Bot, price: Option<f64>, now: jiff::Timestamp) -> Decision {
        decide(&Input {
            bot,
            holdings: &self.holdings,
            sold_today: self.sold_today,
            sell_sheet_today: self.sell_sheet_today,
            latest_sell: self.latest_sell,
            price,
            now,
        })
    }
}

impl Trading {
    /// Fresh prices for the symbols of an account's active bots and open sheets.
    pub(in crate::trading) async fn prices(&self, line: &Line) -> Result<Prices, TradingError> {
        let books = line.user.read(|v| Books::read(v, line.account_id))?;
        let symbols = books.bots.iter().filter(|b| b.active).map(|b| &b.symbol).chain(books.sheets.iter().map(|s| &s.symbol));
        let mut prices = Prices::new();
        for symbol in symbols {
            if !prices.contains_key(symbol) {
                let quote = match self.price(line, symbol).await {
                    // Refused for this ticker: its bots have no price, the others go on.
                    Err(TradingError::Broker(BrokerError::Rejected { code, message, .. })) => {
                        tracing::warn!(%symbol, %code, %message, "the broker refuses a price");
                        None
                    }
                    quote => quote?,
                };
                prices.insert(symbol.clone(), quote.map(|q| f64_from_decimal(q.last)));
            }
        }
        Ok(prices)
    }

    pub(in crate::trading) async fn decide(&self, line: &Line, plan: &SessionPlan, slot: Slot) -> Result<Outcome, TradingError> {
        let account = line.account_id;
        let books = line.user.read(|v| Books::read(v, account))?;
        let patience = slot.at.saturating_add(PATIENCE).is_ok_and(|until| self.clock.now() < until);
        if patience && books.account.mode == AccountMode::Trading && books.sheets.iter().any(|s| books.sheet_waits(s)) {
            // Yesterday's last order is not settled yet: its bot could not decide now.
            return Ok(Outcome::Later);
        }
        let prices = self.prices(line).await?;
        for bot in turn::bots(&books.bots) {
            let quote = prices.get(&bot.symbol).copied().flatten().and_then(|_| self.quotes.get(&bot.symbol));
            if self.held(line, slot.session, bot.market, &bot.symbol, quote.as_ref()).await?.is_some() {
                // The decision itself tells, with the figures of then.
                self.holds.is_news(bot.id, slot.session);
            }
        }
        let (now, calendar, slices) = (self.clock.now(), self.calendar.clone(), plan.slices.len());
        let noted = line
            .user
            .write(move |tx| -> Result<&str, StoreError> {
                if run_of(&tx.view(), account, &slot)?.is_some_and(|r| r.state != RunState::Running) {
                    return Ok("");
                }
                let mut deciding = Deciding { tx, account, calendar: &calendar, prices: &prices, slot, slices: slices as i64, now };
                let trading = deciding.close_outdated()?;
                let noted = if deciding.open_sheets(trading)? { HELD } else { "" };
                if trading {
                    deciding.net()?;
                }
                mark(tx, account, slot, RunState::Done, now, noted)?;
                Ok(noted)
            })
            .await?;
        Ok(Outcome::Done(noted.to_owned()))
    }
}

struct Deciding<'t, 'b> {
    tx: &'t mut UserTx<'b>,
    account: AccountId,
    calendar: &'t Calendar,
    prices: &'t Prices,
    slot: Slot,
    slices: i64,
    now: jiff::Timestamp,
}

impl Deciding<'_, '_> {
    fn books(&self) -> Result<Books, StoreError> {
        Books::read(&self.tx.view(), self.account)
    }

    fn price(&self, symbol: &str) -> Option<f64> {
        self.prices.get(symbol).copied().flatten()
    }

    /// Ends sheets of earlier sessions, booking what they filled. Tells whether the account trades.
    fn close_outdated(&mut self) -> Result<bool, StoreError> {
        let books = self.books()?;
        let trading = books.account.mode == AccountMode::Trading;
        if !trading {
            return Ok(false);
        }
        if let Some((ids, event)) = outdated(&books.sheets, self.slot.session) {
            post_events(self.tx, self.account, self.now, &[event])?;
            for sheet in books.sheets.iter().filter(|s| ids.contains(&s.id) && !books.sheet_waits(s)) {
                self.end(sheet, SheetEnd::Outdated)?;
            }
        }
        Ok(true)
    }

    /// A sheet's trades were made before its session closed.
    fn booked_at(&self, sheet: &Sheet) -> BookedAt {
        let session = self.calendar.session_on(sheet.session).ok().flatten();
        BookedAt::until(session.map(|s| s.close), self.now)
    }

    /// Books what a sheet filled and closes it.
    fn end(&mut self, sheet: &Sheet, reason: SheetEnd) -> Result<(), StoreError> {
        let books = self.books()?;
        let bot_exists = sheet.bot_id.is_some_and(|id| books.bot(id).is_some());
        match slice::complete(sheet, bot_exists) {
            Some(completion) => end_sheet(self.tx, self.account, sheet, completion, reason, self.booked_at(sheet)),
            None => self.tx.record(self.account, self.now, Actor::Bot, vec![Event::SheetClosed { sheet_id: sheet.id, reason }]).map(drop),
        }
    }

    /// Lets every bot decide; tells whether a question held one.
    fn open_sheets(&mut self, trading: bool) -> Result<bool, StoreError> {
        let mut held = false;
        for bot in turn::bots(&self.books()?.bots) {
            // Each bot decides on books that hold what the bots before it have changed.
            let books = self.books()?;
            let acts = trading && books.account.acts(bot.id);
            if acts && books.sheet_of(bot.id).is_some_and(|s| books.sheet_waits(s)) {
                let detail = format!("{} does not trade tonight: the outcome of its earlier order is still not known", bot.name);
                let notice = Notice::SlotFailed { job: self.slot.job.name().to_owned(), detail };
                self.tx.post(self.account, self.now, notice.level(), &notice)?;
                continue;
            }
            if let Some(question) = open_question(&self.tx.view(), self.account, bot.market, &bot.symbol)? {
                let notice = held_notice(&bot.name, &question);
                self.tx.post(self.account, self.now, notice.level(), &notice)?;
                held = true;
                continue;
            }
            let price = self.price(&bot.symbol);
            let decision = Basis::read(&self.tx.view(), self.calendar, &books, bot, self.slot.session)?.decide(bot, price, self.now);
            post_events(self.tx, self.account, self.now, &decision.events)?;
            if acts {
                self.carry_out(bot, &books, &decision)?;
                continue;
            }
            if books.account.twin.is_some() {
                // What it would have done is told in its live account.
                continue;
            }
            let wanted = decision.order;
            let decided = Decided {
                bot_id: bot.id,
                bot: bot.name.clone(),
                symbol: bot.symbol.clone(),
                kind: wanted.map(|w| w.kind),
                value: wanted.map_or(0.0, |w| w.value),
                price,
                closing: None,
            };
            note_decision(self.tx, self.account, self.slot.session, decided, self.now)?;
            if let Some(Wanted { kind, value }) = wanted {
                let notice = Notice::WouldOrder { bot: bot.name.clone(), symbol: bot.symbol.clone(), kind: kind.name().to_owned(), value };
                self.tx.post(self.account, self.now, notice.level(), &notice)?;
            }
        }
        Ok(held)
    }

    fn carry_out(&mut self, bot: &Bot, books: &Books, decision: &Decision) -> Result<(), StoreError> {
        if let Some(state) = decision.trailing {
            let mut changed = bot.clone();
            state.put(&mut changed);
            if changed != *bot {
                changed.version += 1;
                self.tx.put(&BOTS, &account_key(self.account).id(bot.id.as_bytes()), &changed)?;
            }
        }
        let Some(wanted) = decision.order else { return Ok(()) };
        let opening = Opening { id: fresh_sheet_id(self.now, bot.position), session: self.slot.session, at: self.now, slices: self.slices };
        let (sheet, event) = open(bot, wanted, opening);
        if let Some(sheet) = sheet {
            if let Some(old) = books.sheet_of(bot.id) {
                self.end(old, SheetEnd::Replaced)?;
            }
            self.tx.record(self.account, self.now, Actor::Bot, vec![Event::SheetPut { sheet }])?;
        }
        post_events(self.tx, self.account, self.now, &[event])
    }

    /// Book transfers between the account's own bots, each pair all or nothing.
    fn net(&mut self) -> Result<(), StoreError> {
        let books = self.books()?;
        let mut sheets = Vec::new();
        for sheet in books.sheets.iter().filter(|s| !books.sheet_waits(s) && !books.is_imported(s)) {
            if open_question(&self.tx.view(), self.account, sheet.market, &sheet.symbol)?.is_none() {
                sheets.push(sheet.clone());
            }
        }
        let mut netted = netting::Books { bots: books.bots, holdings: books.holdings, sheets, history: Vec::new() };
        let now = self.now;
        let outcome = netting::net(&mut netted, |symbol| self.price(symbol), &mut || book_ids(now), now);
        for pair in outcome.booked {
            for booked in [pair.buy, pair.sell] {
                let Some(bot_id) = booked.booking.as_ref().map(|b| b.bot_id) else { continue };
                let bot: Bot = self.tx.require(&BOTS, &account_key(self.account).id(bot_id.as_bytes()))?;
                // Events of all pairs come in their own order below.
                let silent = crate::quant::egg::book::Booked { events: Vec::new(), ..booked };
                store_booked(self.tx, self.account, &bot, silent, now)?;
            }
            let sheets = pair
                .sheets
                .into_iter()
                .map(|after| match after {
                    SheetAfter::Changed(sheet) => Event::SheetPut { sheet },
                    SheetAfter::UsedUp(sheet_id) => Event::SheetClosed { sheet_id, reason: SheetEnd::Netted },
                })
                .collect();
            self.tx.record(self.account, now, Actor::Bot, sheets)?;
        }
        post_events(self.tx, self.account, now, &outcome.events)
    }
}
