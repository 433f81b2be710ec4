//! The broker's positions against the books: before an account's first order after a start, after an
//! unknown outcome, from time to time and on demand. What differs becomes a question to the owner
//! (`differences`); nothing is changed here, so looking twice finds the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use rust_decimal::Decimal;

use super::compare::{Moving, Sides, Verdict, judge, looks_like_a_bots, share_ratio};
use super::differences::{market_key, question_key, recent_split};
use crate::brokers::{BrokerOrder, BrokerPosition};
use crate::domain::account::AccountMode;
use crate::domain::bot::{Bot, Sheet};
use crate::domain::difference::{Checked, Difference, DifferenceKind, OutsideExecution, OutsideSeen, Proposal, SplitRatio};
use crate::domain::id::{AccountId, DifferenceId};
use crate::domain::instrument::Market;
use crate::domain::message::Notice;
use crate::domain::money::{decimal_from_f64, f64_from_decimal};
use crate::domain::order::{Environment, Order, Side};
use crate::storage::tables::{
    ACCOUNTS, CASH_CHECKED, CASH_DIFFERENCES, CHECKED, DIFFERENCES, KNOWN_PRICES, OUTSIDE_SEEN, POSITIONS, UserTable,
};
use crate::storage::{Key, Record, StoreError, UserTx, UserView, account_key, time_ordered};
use crate::trading::books::Books;
use crate::trading::bus::LiveEvent;
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::night::slots::calendar;
use crate::trading::orders::evidence::OwnNumbers;
use crate::trading::orders::reconcile::{keep, orders_from};
use crate::trading::orders::rules;
use crate::trading::tick::{Trading, lock};

/// Between two comparisons of one market while it is open, and while it is closed.
const EVERY_OPEN: SignedDuration = SignedDuration::from_mins(10);
const EVERY_CLOSED: SignedDuration = SignedDuration::from_hours(1);
/// Before a comparison is repeated that orders under way left undecided, or that failed.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// So long after an order changed, the broker's lists of orders and of positions may disagree.
const FRESH: SignedDuration = SignedDuration::from_secs(60);
/// Executions outside are looked for at most so many days back, …
const LONGEST: i64 = 7;
/// … and so many when the data came back from an earlier time since the last look: brokers list no more.
const LONGEST_AFTER_RETURN: i64 = 90;

#[derive(Clone, Copy, Debug)]
struct Pace {
    at: Timestamp,
    /// The last one was complete.
    done: bool,
    again: bool,
    /// Not later than then, whatever the pace.
    look_at: Option<Timestamp>,
}

/// When each account's markets were compared since the process started.
#[derive(Debug, Default)]
pub(in crate::trading) struct Comparisons(Mutex<HashMap<(AccountId, Market), Pace>>);

impl Comparisons {
    /// An outcome that was not known is known now: look again.
    pub fn repeat(&self, account: AccountId, market: Market) {
        if let Some(pace) = lock(&self.0).get_mut(&(account, market)) {
            pace.again = true;
        }
    }

    /// An order ended after the close: executions may come into the broker's list for some time yet.
    pub fn look_by(&self, account: AccountId, market: Market, at: Timestamp) {
        if let Some(pace) = lock(&self.0).get_mut(&(account, market)) {
            pace.look_at = Some(at);
        }
    }

    fn is_done(&self, account: AccountId, market: Market) -> bool {
        lock(&self.0).get(&(account, market)).is_some_and(|pace| pace.done)
    }

    /// An account that only observes is not compared: the next order waits for a new comparison.
    fn forget(&self, account: AccountId) {
        lock(&self.0).retain(|(of, _), _| *of != account);
    }

    fn is_due(&self, account: AccountId, market: Market, every: SignedDuration, now: Timestamp) -> bool {
        lock(&self.0).get(&(account, market)).is_none_or(|pace| {
            let wait = if pace.again || !pace.done { AGAIN } else { every };
            let wanted = pace.look_at.is_some_and(|at| now >= at);
            wanted || pace.at.saturating_add(wait).is_ok_and(|next| now >= next)
        })
    }

    fn last_at(&self, account: AccountId, market: Market) -> Option<Timestamp> {
        lock(&self.0).get(&(account, market)).map(|pace| pace.at)
    }

    fn note(&self, account: AccountId, market: Market, at: Timestamp, complete: bool, again: bool) {
        let mut all = lock(&self.0);
        let before = all.get(&(account, market));
        let done = complete || before.is_some_and(|pace| pace.done);
        let look_at = before.and_then(|pace| pace.look_at).filter(|wanted| *wanted > at || !complete);
        all.insert((account, market), Pace { at, done, again, look_at });
    }
}

/// What the broker showed in one reading of one market.
struct Snapshot {
    market: Market,
    listed: Vec<BrokerOrder>,
    held: BTreeMap<String, BrokerPosition>,
    today: Date,
    at: Timestamp,
}

fn seen_key(account: AccountId, market: Market, execution: &OutsideExecution) -> Key {
    let number = execution.broker_order_no.trim_start_matches('0');
    market_key(account, market).text(&execution.date.to_string()).text(number)
}

/// Notes that the books know of these executions now.
pub(in crate::trading) fn mark_seen(
    tx: &mut UserTx<'_>,
    account: AccountId,
    market: Market,
    executions: &[OutsideExecution],
) -> Result<(), StoreError> {
    for execution in executions {
        let key = seen_key(account, market, execution);
        let before = tx.get(&OUTSIDE_SEEN, &key)?;
        let (quantity, gross) = before.map_or((0, Decimal::ZERO), |seen| (seen.quantity, seen.gross));
        let seen = OutsideSeen { quantity: quantity.saturating_add(execution.quantity), gross: gross + execution.gross };
        tx.put(&OUTSIDE_SEEN, &key, &seen)?;
    }
    Ok(())
}

/// Drops what comparisons with one broker account have found, for the next one is another.
///
/// # Errors
/// The store's.
pub fn forget_broker_account(tx: &mut UserTx<'_>, account: AccountId) -> Result<(), StoreError> {
    forget_rows(tx, &CHECKED, account)?;
    forget_rows(tx, &CASH_CHECKED, account)?;
    forget_rows(tx, &CASH_DIFFERENCES, account)?;
    forget_rows(tx, &KNOWN_PRICES, account)?;
    forget_rows(tx, &OUTSIDE_SEEN, account)?;
    forget_rows(tx, &DIFFERENCES, account)
}

fn forget_rows<R: Record>(tx: &mut UserTx<'_>, table: &UserTable<R>, account: AccountId) -> Result<(), StoreError> {
    for key in tx.view().keys(table, &account_key(account))? {
        tx.remove(table, &Key::new().raw(&key))?;
    }
    Ok(())
}

impl Trading {
    /// The next order of an account waits for a new comparison with its broker.
    pub fn forget_comparison(&self, account: AccountId) {
        self.comparisons.forget(account);
    }

    /// Compares every market of a trading account whose time has come. One that the broker offers and
    /// nothing used so far is looked at, too: once compared it is one of the account's. While an account
    /// observes, whatever moves its shares is nobody's
    /// business here: it is compared when its owner asks, and before its first order.
    ///
    /// # Errors
    /// The first failure; the other market is compared all the same.
    pub(in crate::trading) async fn compare_due(&self, line: &Line) -> Result<(), TradingError> {
        let (account, now) = (line.account_id, self.clock.now());
        let mode = line.user.read(|v| v.get(&ACCOUNTS, &account_key(account)))?.map(|a| a.mode);
        if mode != Some(AccountMode::Trading) {
            self.comparisons.forget(account);
            return Ok(());
        }
        let mut problem = None;
        let used = line.user.read(|v| markets_of(v, account))?;
        for market in used.iter().copied() {
            let open = self.calendar_of(market).session_at(now).map_err(calendar)?.is_some();
            let every = if open { EVERY_OPEN } else { EVERY_CLOSED };
            if self.comparisons.is_due(account, market, every, now) {
                keep(&mut problem, self.compare_market(line, market, false).await);
            }
        }
        for market in offered(line).filter(|m| !used.contains(m) && !self.comparisons.is_done(account, *m)) {
            if self.comparisons.last_at(account, market).is_none_or(|at| now.duration_since(at) >= EVERY_CLOSED) {
                // Nothing of ours depends on this market.
                if let Err(error) = self.compare_market(line, market, false).await {
                    tracing::warn!(account_id = %account, market = market.code(), %error, "a market without bots cannot be compared");
                }
            }
        }
        problem.map_or(Ok(()), Err)
    }

    /// Compares every market of an account now, as its owner asks.
    ///
    /// # Errors
    /// As [`Trading::compare_due`].
    pub(in crate::trading) async fn compare_all(&self, line: &Line) -> Result<(), TradingError> {
        let (account, mut problem) = (line.account_id, None);
        let markets: BTreeSet<Market> = line.user.read(|v| markets_of(v, account))?.into_iter().chain(offered(line)).collect();
        for market in markets {
            keep(&mut problem, self.compare_market(line, market, true).await);
        }
        problem.map_or(Ok(()), Err)
    }

    /// An order waits until its account's market was compared once since the start.
    ///
    /// # Errors
    /// The broker's: then nothing may be sent.
    pub(in crate::trading) async fn require_compared(&self, line: &Line, market: Market) -> Result<(), TradingError> {
        if line.gateway.environment() == Environment::Own || self.comparisons.is_done(line.account_id, market) {
            return Ok(());
        }
        self.compare_market(line, market, false).await
    }

    /// Compares one market now.
    ///
    /// # Errors
    /// The broker's, when it could not be read; nothing is concluded then.
    async fn compare_market(&self, line: &Line, market: Market, demanded: bool) -> Result<(), TradingError> {
        let account = line.account_id;
        let read = self.read_snapshot(line, market).await;
        let now = self.clock.now();
        let snapshot = match read {
            Ok(snapshot) => std::sync::Arc::new(snapshot),
            Err(error) => {
                self.comparisons.note(account, market, now, false, true);
                return Err(error);
            }
        };
        let compared = line.user.write(move |tx| Comparing::new(tx, account, &snapshot)?.run()).await?;
        self.comparisons.note(account, market, now, true, compared.undecided);
        let cash = self.compare_cash(line, market, demanded).await.unwrap_or_else(|error| {
            // Nothing that trades waits for it.
            tracing::warn!(account_id = %account, market = market.code(), %error, "the cash cannot be compared");
            false
        });
        if compared.changed || cash {
            self.bus.publish(line.user.id(), LiveEvent::Account { account_id: account });
        }
        Ok(())
    }

    /// Lists first, then positions: an execution between the two shows as one that is under way.
    async fn read_snapshot(&self, line: &Line, market: Market) -> Result<Snapshot, TradingError> {
        self.adopt_interrupted(line).await?;
        let account = line.account_id;
        let today = self.calendar_of(market).local_date(self.clock.now());
        let checked = line.user.read(|v| v.get(&CHECKED, &market_key(account, market)))?;
        let returned = self.install_rules()?.returned;
        let from = checked.map_or(today, |c| {
            let longest = if returned.is_some_and(|r| c.at < r.at) { LONGEST_AFTER_RETURN } else { LONGEST };
            c.listed_from.max(today.saturating_sub(longest.days()))
        });
        let open: Vec<Order> = line.user.read(|v| v.open_orders(account))?;
        let of_market = |o: &&Order| o.intent.market == market && !o.state.is_final() && !self.service.is_sending(o.intent.order_id);
        let open: Vec<&Order> = open.iter().filter(of_market).collect();
        let evidence = self.refresh_market(line, market, &open, Some(from)).await?;
        let mut held: BTreeMap<String, BrokerPosition> = BTreeMap::new();
        for position in line.gateway.positions(market).await? {
            match held.get_mut(&position.symbol) {
                Some(known) => known.quantity += position.quantity,
                None => {
                    held.insert(position.symbol.clone(), position);
                }
            }
        }
        let at = self.clock.now();
        self.heard_from_broker(line.user.id(), account, at);
        Ok(Snapshot { market, listed: evidence.reading.listed.clone(), held, today, at })
    }
}

/// The markets that the account's broker offers.
fn offered(line: &Line) -> impl Iterator<Item = Market> {
    line.gateway.capabilities().offers.into_iter().map(|offer| offer.market)
}

/// The markets that an account has something to do with; the bots' where there is nothing yet.
fn markets_of(view: &UserView<'_>, account: AccountId) -> Result<BTreeSet<Market>, StoreError> {
    let books = Books::read(view, account)?;
    let positions = view.list(&POSITIONS, &account_key(account))?;
    let checked = view.list(&CHECKED, &account_key(account))?;
    let markets = books.bots.iter().map(|b| b.market);
    let markets = markets.chain(positions.iter().map(|p| p.market)).chain(checked.iter().map(|c| c.market));
    let mut markets: BTreeSet<Market> = markets.chain(books.open_orders.iter().map(|o| o.intent.market)).collect();
    if markets.is_empty() {
        markets.insert(Market::Us);
    }
    Ok(markets)
}

/// What a comparison came to.
struct Compared {
    undecided: bool,
    changed: bool,
}

/// One comparison, inside its transaction: the books as they stand, the broker as it was read.
struct Comparing<'t, 'b> {
    tx: &'t mut UserTx<'b>,
    account: AccountId,
    snapshot: &'t Snapshot,
    books: Books,
    /// Our orders that may be moving shares.
    orders: Vec<Order>,
    first: bool,
    outside: BTreeMap<String, Vec<OutsideExecution>>,
    surplus: Vec<(String, f64)>,
    result: Compared,
}

impl<'t, 'b> Comparing<'t, 'b> {
    fn new(tx: &'t mut UserTx<'b>, account: AccountId, snapshot: &'t Snapshot) -> Result<Self, StoreError> {
        let (view, market) = (tx.view(), snapshot.market);
        let books = Books::read(&view, account)?;
        let earliest = snapshot.listed.iter().map(|b| b.order_date).min().unwrap_or(snapshot.today).min(snapshot.today);
        let mut orders: Vec<Order> = orders_from(&view, account, earliest.saturating_sub(2.days()))?;
        let known: BTreeSet<_> = orders.iter().map(|o| o.intent.order_id).collect();
        orders.extend(books.open_orders.iter().filter(|o| !known.contains(&o.intent.order_id)).cloned());
        orders.retain(|o| o.intent.market == market);
        let own: OwnNumbers = orders.iter().collect();
        let mut outside: BTreeMap<String, Vec<OutsideExecution>> = BTreeMap::new();
        for listed in snapshot.listed.iter().filter(|b| b.filled_quantity > 0 && !own.contain(b)) {
            if let Some(execution) = unseen(&view, account, market, listed)? {
                outside.entry(listed.symbol.clone()).or_default().push(execution);
            }
        }
        let first = view.get(&CHECKED, &market_key(account, market))?.is_none();
        let result = Compared { undecided: false, changed: false };
        Ok(Self { tx, account, snapshot, books, orders, first, outside, surplus: Vec::new(), result })
    }

    fn run(mut self) -> Result<Compared, StoreError> {
        let (account, market, now) = (self.account, self.snapshot.market, self.snapshot.at);
        let positions = self.tx.list(&POSITIONS, &market_key(account, market))?;
        let questions = self.tx.list(&DIFFERENCES, &market_key(account, market))?;
        let ours: BTreeMap<String, Decimal> = positions.into_iter().map(|p| (p.symbol, p.quantity)).collect();
        let asked: BTreeMap<String, Difference> = questions.into_iter().map(|d| (d.symbol.clone(), d)).collect();
        let symbols: BTreeSet<String> =
            ours.keys().chain(self.snapshot.held.keys()).chain(asked.keys()).chain(self.outside.keys()).cloned().collect();
        for symbol in symbols {
            self.instrument(&symbol, ours.get(&symbol).copied().unwrap_or_default(), asked.get(&symbol))?;
        }
        if !self.surplus.is_empty() {
            let notice = Notice::FirstConnection { surplus: std::mem::take(&mut self.surplus) };
            self.tx.post(account, now, notice.level(), &notice)?;
        }
        let key = market_key(account, market);
        let first_at = self.tx.get(&CHECKED, &key)?.map_or(now, |c| c.first_at);
        let checked = Checked { market, first_at, at: now, listed_from: self.snapshot.today.saturating_sub(1.day()) };
        self.tx.put(&CHECKED, &key, &checked)?;
        Ok(self.result)
    }

    fn instrument(&mut self, symbol: &str, ours: Decimal, asked: Option<&Difference>) -> Result<(), StoreError> {
        let (market, now) = (self.snapshot.market, self.snapshot.at);
        let held = self.snapshot.held.get(symbol);
        let brokers = held.map_or(Decimal::ZERO, |p| p.quantity);
        if let Some(asked) = asked.filter(|d| d.price.is_some()) {
            // Whether the price shows a split is answered first: the shares follow it, and tell the ratio.
            return self.show_shares(asked, ours, brokers);
        }
        let outside = self.executions(symbol, asked);
        let mut moving = Moving::default();
        for order in self.orders.iter().filter(|o| o.intent.symbol == symbol) {
            moving.add(order, now.duration_since(order.updated_at) < FRESH);
        }
        let split_denied = asked.is_some_and(|d| d.split_denied && d.ours == ours && d.brokers == brokers);
        let split = recent_split(&self.tx.view(), self.account, market, symbol, now)?;
        let first = self.first || asked.is_some_and(|d| d.kind == DifferenceKind::FirstSurplus);
        let (kind, ratio) = match judge(&Sides { ours, brokers, first, outside: &outside, split_denied, split, moving }) {
            Verdict::Equal => return self.agreed(symbol, asked, &outside),
            Verdict::Undecided => {
                self.result.undecided = true;
                return Ok(());
            }
            Verdict::Differs(kind, ratio) => (kind, ratio),
        };
        let mut difference = Difference {
            id: DifferenceId(time_ordered(now)),
            market,
            symbol: symbol.to_owned(),
            ours,
            brokers,
            average_price: held.map(|p| p.average_price).filter(|price| *price > Decimal::ZERO),
            kind,
            proposal: None,
            executions: outside,
            price: None,
            split_denied,
            since: now,
        };
        difference.proposal = self.proposal(&difference, ratio)?;
        if asked.is_some_and(|before| before.asks_the_same(&difference)) {
            return Ok(());
        }
        self.tx.put(&DIFFERENCES, &question_key(self.account, market, symbol), &difference)?;
        self.result.changed = true;
        self.announce(&difference, ratio)?;
        self.suspect_another_program(&difference)
    }

    /// A question about a price shows both sides' shares.
    fn show_shares(&mut self, asked: &Difference, ours: Decimal, brokers: Decimal) -> Result<(), StoreError> {
        let of_shares = share_ratio(ours, brokers).map(|ratio| Proposal::Split { ratio });
        let proposal = of_shares.or_else(|| asked.proposal.clone());
        let shown = Difference { ours, brokers, proposal, ..asked.clone() };
        if shown == *asked {
            return Ok(());
        }
        let shown = Difference { id: DifferenceId(time_ordered(self.snapshot.at)), ..shown };
        self.tx.put(&DIFFERENCES, &question_key(self.account, asked.market, &asked.symbol), &shown)?;
        self.result.changed = true;
        Ok(())
    }

    /// Unknown executions of the list, and those of the open question that the list has dropped.
    fn executions(&self, symbol: &str, asked: Option<&Difference>) -> Vec<OutsideExecution> {
        let mut found = self.outside.get(symbol).cloned().unwrap_or_default();
        let number = |e: &OutsideExecution| (e.date, e.broker_order_no.clone());
        for earlier in asked.map(|d| d.executions.as_slice()).unwrap_or_default() {
            if !found.iter().any(|e| number(e) == number(earlier)) && !self.orders_have(earlier) {
                found.push(earlier.clone());
            }
        }
        found.sort_by_key(number);
        found
    }

    /// It turned out to be an order of ours.
    fn orders_have(&self, execution: &OutsideExecution) -> bool {
        let bare = execution.broker_order_no.trim_start_matches('0');
        let same = |date: Option<Date>, number: Option<&String>| {
            date == Some(execution.date) && number.is_some_and(|n| n.trim_start_matches('0') == bare)
        };
        self.orders.iter().any(|o| same(o.broker_order_date, o.broker_order_no.as_ref()))
    }

    /// Both sides show the same: an open question is over, trades outside that cancel out are done with.
    fn agreed(&mut self, symbol: &str, asked: Option<&Difference>, outside: &[OutsideExecution]) -> Result<(), StoreError> {
        let (account, market, now) = (self.account, self.snapshot.market, self.snapshot.at);
        if self.first || outside.iter().map(OutsideExecution::signed).sum::<Decimal>().is_zero() {
            mark_seen(self.tx, account, market, outside)?;
        }
        if asked.is_some() {
            self.tx.remove(&DIFFERENCES, &question_key(account, market, symbol))?;
            self.result.changed = true;
            let notice = Notice::DifferenceEnded { symbol: symbol.to_owned() };
            self.tx.post(account, now, notice.level(), &notice)?;
        }
        Ok(())
    }

    /// Whose the shares most likely are. What the person does not own, only a bot can have sold.
    fn proposal(&self, difference: &Difference, ratio: Option<SplitRatio>) -> Result<Option<Proposal>, StoreError> {
        if let Some(ratio) = ratio {
            return Ok((difference.kind == DifferenceKind::SplitSuspected).then_some(Proposal::Split { ratio }));
        }
        let gained = difference.brokers - difference.ours;
        let of_bots = decimal_from_f64(self.books.held_by_bots(&difference.symbol)).unwrap_or_default();
        let of_a_bot = difference.executions.iter().any(looks_like_a_bots);
        if !of_a_bot && gained >= -(difference.ours - of_bots).max(Decimal::ZERO) {
            return Ok(Some(Proposal::Person));
        }
        let able = |b: &&Bot| {
            let held: f64 = self.books.holdings_of(b.id).iter().map(|h| h.quantity).sum();
            b.symbol == difference.symbol
                && b.market == difference.market
                && (gained > Decimal::ZERO || decimal_from_f64(held).unwrap_or_default() >= -gained)
        };
        let able: Vec<&Bot> = self.books.bots.iter().filter(able).collect();
        let by_slot: Vec<&Bot> = able.iter().copied().filter(|bot| self.had_these_slices(bot, difference)).collect();
        Ok(match (able.as_slice(), by_slot.as_slice()) {
            ([bot], _) | (_, [bot]) => Some(Proposal::Bot { bot_id: bot.id, name: bot.name.clone() }),
            _ => None,
        })
    }

    /// Whether the executions are what the slices of a bot's open sheet come to: the same side, and each so many
    /// shares as one slice.
    fn had_these_slices(&self, bot: &Bot, difference: &Difference) -> bool {
        let of_a_slice = |sheet: &Sheet, execution: &OutsideExecution| {
            let planned = sheet.total / sheet.slices_total.max(1) as f64;
            let quantity = execution.quantity as f64;
            let (same_side, shares) = match execution.side {
                Side::Buy => (sheet.kind.is_buy(), planned * quantity / f64_from_decimal(execution.gross)),
                Side::Sell => (sheet.kind.is_sell(), planned),
            };
            same_side && (shares - quantity).abs() <= 1.0
        };
        let mut sheets = self.books.sheets.iter().filter(|s| s.bot_id == Some(bot.id));
        !difference.executions.is_empty() && sheets.any(|sheet| difference.executions.iter().all(|e| of_a_slice(sheet, e)))
    }

    fn announce(&mut self, difference: &Difference, ratio: Option<SplitRatio>) -> Result<(), StoreError> {
        let symbol = difference.symbol.clone();
        let (ours, brokers) = (f64_from_decimal(difference.ours), f64_from_decimal(difference.brokers));
        let trades = self.books.account.mode == AccountMode::Trading;
        let holds = trades && self.books.bots.iter().any(|b| b.active && b.symbol == symbol && b.market == difference.market);
        let notice = match (difference.kind, ratio) {
            (DifferenceKind::FirstSurplus, _) => {
                self.surplus.push((symbol, brokers - ours));
                return Ok(());
            }
            // The owner has answered; there is nothing to ask.
            (DifferenceKind::SplitAwaited, _) => return Ok(()),
            (_, Some(SplitRatio { new, old })) => Notice::SplitSuspected { symbol, new, old, ours, brokers, price: None, holds },
            _ => {
                let executions = u32::try_from(difference.executions.len()).unwrap_or(u32::MAX);
                Notice::PositionDiffers { symbol, ours, brokers, executions, holds }
            }
        };
        self.tx.post(self.account, self.snapshot.at, notice.level(), &notice).map(drop)
    }

    /// Orders of a bot's form for a bot's symbol: another program has the key, or the old one still runs.
    fn suspect_another_program(&mut self, difference: &Difference) -> Result<(), StoreError> {
        let trades = self.books.account.mode == AccountMode::Trading
            && self.books.bots.iter().any(|b| b.active && b.symbol == difference.symbol && b.market == difference.market);
        // What the old program ordered before this account began to trade is no sign that it still runs.
        let started = self.books.account.started_at;
        let since_start = |e: &&OutsideExecution| e.ordered_at.zip(started).is_none_or(|(ordered, started)| ordered >= started);
        // Nor is what these very bots ordered before the data came back from an earlier time.
        let install = rules::install(self.tx)?;
        if install.hold.is_some() {
            return Ok(());
        }
        let until = install.returned.map(|r| r.until);
        let ours = |e: &&OutsideExecution| until.is_some_and(|until| e.ordered_at.is_none_or(|ordered| ordered <= until));
        let alike = difference.executions.iter().filter(|e| looks_like_a_bots(e)).filter(since_start).filter(|e| !ours(e));
        let alike: Vec<String> = alike.map(|e| e.broker_order_no.clone()).collect();
        if !trades || self.first || alike.is_empty() {
            return Ok(());
        }
        let (key, now) = (account_key(self.account), self.snapshot.at);
        let mut account = self.tx.require(&ACCOUNTS, &key)?;
        account.stop(now);
        account.version += 1;
        self.tx.put(&ACCOUNTS, &key, &account)?;
        self.books.account = account;
        let detail =
            serde_json::json!({ "account": self.books.account.name, "why": "orders outside look like the bots'", "orders": alike });
        self.tx.audit(now, None, "account.stopped", detail)?;
        let notice = Notice::AnotherProgram { symbol: difference.symbol.clone(), broker_order_nos: alike };
        self.tx.post(self.account, now, notice.level(), &notice).map(drop)
    }
}

/// The part of a listed order that the books do not know of.
fn unseen(view: &UserView<'_>, account: AccountId, market: Market, listed: &BrokerOrder) -> Result<Option<OutsideExecution>, StoreError> {
    let mut execution = OutsideExecution {
        date: listed.order_date,
        broker_order_no: listed.broker_order_no.clone(),
        side: listed.side,
        quantity: listed.filled_quantity,
        gross: listed.filled_amount,
        limit: listed.price,
        ordered_at: listed.ordered_at,
    };
    if let Some(seen) = view.get(&OUTSIDE_SEEN, &seen_key(account, market, &execution))? {
        execution.quantity = execution.quantity.saturating_sub(seen.quantity);
        execution.gross = (execution.gross - seen.gross).max(Decimal::ZERO);
    }
    Ok((execution.quantity > 0).then_some(execution))
}
