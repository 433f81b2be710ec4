//! The paper twin of a live account: an account of our own paper beside it, made when the live one comes
//! to the paper rung. It starts with a copy of the live account's books, follows the settings of its bots
//! and trades their nights at the prices that the live account reads. Its environment is `own`, so that
//! its orders have no host to go to.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::books::Books;
use super::bots::changes::{put_bot, renaming};
use super::bus::LiveEvent;
use super::error::TradingError;
use super::line::Line;
use super::night::settle::post_events;
use super::tick::Trading;
use crate::brokers::Cash;
use crate::domain::account::{Account, AccountMode, AccountSettings, Rung, Twin};
use crate::domain::bot::{Bot, HistoryRow, Holding};
use crate::domain::difference::{ExternalOrigin, ExternalTrade};
use crate::domain::fact::{Actor, Event};
use crate::domain::id::{AccountId, BotId, HistoryId, HoldingId, UserId};
use crate::domain::ledger::{CashBalance, Position};
use crate::domain::message::Notice;
use crate::domain::money::{Currency, decimal_from_f64};
use crate::domain::order::{Environment, OrderState, Side};
use crate::quant::egg::point::Held;
use crate::quant::egg::trailing;
use crate::storage::tables::{ACCOUNTS, BOTS, CASH, HISTORY, POSITIONS};
use crate::storage::{StoreError, UserTx, UserView, account_key, time_ordered};

/// History that is looked through for what a bot's next decisions remember.
const RECENT_HISTORY: usize = 4_000;

/// An account's twins, the newest first.
pub(in crate::trading) fn twins_of(view: &UserView<'_>, live: AccountId) -> Result<Vec<Account>, StoreError> {
    let mut twins: Vec<Account> = view.accounts()?.into_iter().filter(|a| a.twin.as_ref().is_some_and(|t| t.of == live)).collect();
    twins.sort_by_key(|twin| std::cmp::Reverse(twin.created_at));
    Ok(twins)
}

/// The twin that trades beside an account on the paper rung.
pub(in crate::trading) fn running_twin(view: &UserView<'_>, live: AccountId) -> Result<Option<Account>, StoreError> {
    Ok(twins_of(view, live)?.into_iter().find(Account::is_running_twin))
}

/// The twin's copy of a bot of the live account.
pub(in crate::trading) fn twin_bot(twin: AccountId, bot: BotId) -> BotId {
    let digest = Sha256::new().chain_update(b"paper twin").chain_update(twin.as_bytes()).chain_update(bot.as_bytes()).finalize();
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    BotId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// A twin has no settings of its own.
///
/// # Errors
/// `Conflict` with `twin_follows`.
pub fn refuse_twin(account: &Account) -> Result<(), StoreError> {
    match account.twin {
        Some(_) => {
            let detail = format!("{} is a paper twin: it follows its live account, where settings and bots are changed", account.name);
            Err(StoreError::conflict("twin_follows", detail))
        }
        None => Ok(()),
    }
}

/// Makes an account's twin with copies of its books as they stand; `cash` is what its broker showed. A
/// twin that still trades ends before.
///
/// # Errors
/// The store's.
pub(in crate::trading) fn begin(tx: &mut UserTx<'_>, live: &Account, cash: &[Cash], by: UserId, now: Timestamp) -> Result<(), StoreError> {
    end_of(tx, live.id, now)?;
    let books = Books::read(&tx.view(), live.id)?;
    let id = AccountId(time_ordered(now));
    let versions = books.bots.iter().map(|b| (b.id, b.version)).collect();
    let twin = Account {
        id,
        name: free_name(&tx.view(), &live.name)?,
        environment: Environment::Own,
        mode: AccountMode::Trading,
        settings: settings_of(live),
        version: 1,
        created_at: now,
        started_at: Some(now),
        unsettled: Vec::new(),
        imported: None,
        going_live: Default::default(),
        twin: Some(Twin { of: live.id, ended_at: None, settings: live.version, bots: versions }),
    };
    tx.put(&ACCOUNTS, &account_key(id), &twin)?;
    for bot in &books.bots {
        put_bot(tx, &Bot { id: twin_bot(id, bot.id), account_id: id, version: 1, ..bot.clone() })?;
    }
    tx.record(id, now, Actor::User(by), openings(&tx.view(), &books, id, cash, now)?)?;
    follow(tx, live, id, now)?;
    tx.audit(now, Some(by), "account.created", json!({ "account": twin.name, "environment": twin.environment, "twin_of": live.name }))?;
    let notice = Notice::PaperStarted { twin: twin.name.clone() };
    tx.post(live.id, now, notice.level(), &notice).map(drop)
}

/// Ends whatever twin of an account still trades.
///
/// # Errors
/// The store's.
pub(in crate::trading) fn end_of(tx: &mut UserTx<'_>, live: AccountId, now: Timestamp) -> Result<(), StoreError> {
    match running_twin(&tx.view(), live)? {
        Some(twin) => end(tx, twin, now),
        None => Ok(()),
    }
}

/// Stops a twin for good: its open orders are cancelled, its books stay.
fn end(tx: &mut UserTx<'_>, mut twin: Account, now: Timestamp) -> Result<(), StoreError> {
    let Some(link) = twin.twin.as_mut() else { return Ok(()) };
    let live = link.of;
    link.ended_at = Some(now);
    twin.mode = AccountMode::Observe;
    twin.version += 1;
    tx.put(&ACCOUNTS, &account_key(twin.id), &twin)?;
    for order in tx.view().open_orders(twin.id)? {
        if matches!(order.state, OrderState::Accepted | OrderState::PartiallyFilled) {
            let order_id = order.intent.order_id;
            tx.record(twin.id, now, Actor::Broker, vec![Event::CancelRequested { order_id }, Event::OrderCancelled { order_id }])?;
        }
    }
    tx.audit(now, None, "account.stopped", json!({ "account": twin.name, "environment": twin.environment }))?;
    let notice = Notice::PaperEnded { twin: twin.name };
    tx.post(live, now, notice.level(), &notice).map(drop)
}

/// What the live account's settings are for its twin: messages of a twin stay in its pages.
fn settings_of(live: &Account) -> AccountSettings {
    AccountSettings { telegram_chat: None, ..live.settings.clone() }
}

/// A name for a twin that none of the user's accounts has.
fn free_name(view: &UserView<'_>, of: &str) -> Result<String, StoreError> {
    let taken: Vec<String> = view.accounts()?.into_iter().map(|a| a.name.to_lowercase()).collect();
    let base: String = of.chars().take(28).collect();
    let name = |n: usize| if n == 1 { format!("{base} (paper)") } else { format!("{base} (paper {n})") };
    Ok((1..=taken.len() + 1).map(name).find(|n| !taken.contains(&n.to_lowercase())).unwrap_or_else(|| name(taken.len() + 2)))
}

/// The facts with which a twin's books begin: the bots' holdings, the person's own shares, the cash, and
/// of the history what the bots still go by: their running cycles and their last sells.
fn openings(view: &UserView<'_>, books: &Books, twin: AccountId, cash: &[Cash], now: Timestamp) -> Result<Vec<Event>, StoreError> {
    let key = account_key(books.account.id);
    let mut events = Vec::new();
    for holding in &books.holdings {
        let bot_id = holding.bot_id.map(|bot| twin_bot(twin, bot));
        events.push(Event::OpeningHolding { holding: Holding { id: HoldingId(time_ordered(now)), bot_id, ..holding.clone() } });
    }
    for position in view.list::<Position>(&POSITIONS, &key)? {
        let of_it = |h: &&Holding| !h.reserve && h.market == position.market && h.symbol == position.symbol;
        let sum =
            |amount: fn(&Holding) -> f64| books.holdings.iter().filter(of_it).filter_map(|h| decimal_from_f64(amount(h))).sum::<Decimal>();
        let quantity = position.quantity - sum(|h| h.quantity);
        if quantity > Decimal::ZERO {
            let gross = (position.cost - sum(|h| h.total_cost)).max(Decimal::ZERO);
            let (market, symbol, origin) = (position.market, position.symbol, ExternalOrigin::Opening);
            let trade = ExternalTrade { market, symbol, side: Side::Buy, quantity, gross, origin, execution: None, bot_id: None };
            events.push(Event::ExternalTradeAdopted { trade: Box::new(trade) });
        }
    }
    let booked = view.list::<CashBalance>(&CASH, &key)?;
    for currency in [Currency::Krw, Currency::Usd] {
        let shown = cash.iter().find(|c| c.currency == currency).map(|c| c.amount);
        let amount = shown.or(booked.iter().find(|c| c.currency == currency).map(|c| c.amount)).unwrap_or_default();
        if !amount.is_zero() {
            events.push(Event::OpeningCash { currency, amount, note: String::new() });
        }
    }
    let history: Vec<HistoryRow> = view.list_latest(&HISTORY, &key, None, RECENT_HISTORY)?;
    for bot in &books.bots {
        let of_bot = || history.iter().filter(|r| r.bot_id == Some(bot.id));
        let last_sell = of_bot().find(|r| r.kind.is_sell()).map(|r| r.id);
        let cycle = books.holdings_of(bot.id).iter().map(|h| h.cycle_start).min();
        for row in of_bot().filter(|r| Some(r.id) == last_sell || cycle.is_some_and(|start| r.traded_at >= start)) {
            let id = HistoryId(time_ordered(row.traded_at));
            events.push(Event::OpeningHistory { row: HistoryRow { id, bot_id: Some(twin_bot(twin, bot.id)), ..row.clone() } });
        }
    }
    Ok(events)
}

/// What a twin has to take over from its live account.
#[derive(PartialEq, Eq)]
enum Due {
    Nothing,
    Follow,
    End,
}

fn due(view: &UserView<'_>, twin: &Account) -> Result<Due, StoreError> {
    let Some(link) = &twin.twin else { return Ok(Due::Nothing) };
    let Some(live) = view.get(&ACCOUNTS, &account_key(link.of))?.filter(|a| a.rung() == Rung::Paper) else { return Ok(Due::End) };
    let (bots, mine): (Vec<Bot>, Vec<Bot>) = (view.list(&BOTS, &account_key(live.id))?, view.list(&BOTS, &account_key(twin.id))?);
    let placed = |bot: &Bot| mine.iter().any(|b| b.id == twin_bot(twin.id, bot.id) && b.position == bot.position);
    let same = link.settings == live.version
        && link.bots.len() == bots.len()
        && bots.iter().all(|b| link.bots.get(&b.id) == Some(&b.version) && placed(b));
    Ok(if same { Due::Nothing } else { Due::Follow })
}

/// Takes over what was changed in the live account since the last time: its settings, its bots' settings
/// and which of them are held back. What a bot has earned and where its trailing stop stands is the twin's
/// own.
fn follow(tx: &mut UserTx<'_>, live: &Account, twin: AccountId, now: Timestamp) -> Result<(), StoreError> {
    let bots: Vec<Bot> = tx.list(&BOTS, &account_key(live.id))?;
    let books = Books::read(&tx.view(), twin)?;
    let mut account = books.account.clone();
    let Some(link) = account.twin.as_mut() else { return Ok(()) };
    for bot in &bots {
        let mine = books.bot(twin_bot(twin, bot.id));
        let changed = link.bots.get(&bot.id) != Some(&bot.version);
        if mine.is_some_and(|mine| mine.position == bot.position) && !changed {
            continue;
        }
        let after = match mine {
            Some(mine) if !changed => Bot { position: bot.position, ..mine.clone() },
            Some(mine) => followed(tx, &books, mine, bot, now)?,
            None => Bot { id: twin_bot(twin, bot.id), account_id: twin, version: 1, ..bot.clone() },
        };
        put_bot(tx, &after)?;
    }
    let gone = |b: &&Bot| !bots.iter().any(|live| twin_bot(twin, live.id) == b.id);
    for bot in books.bots.iter().filter(gone).filter(|b| b.active) {
        put_bot(tx, &Bot { active: false, version: bot.version + 1, ..bot.clone() })?;
    }
    link.settings = live.version;
    link.bots = bots.iter().map(|b| (b.id, b.version)).collect();
    account.settings =
        AccountSettings { month_rates: account.settings.month_rates, usd_krw: account.settings.usd_krw, ..settings_of(live) };
    let held_back = bots.iter().filter(|b| live.rung_of(b.id) < Rung::Paper);
    account.going_live.bots = held_back.map(|b| (twin_bot(twin, b.id), Rung::Observe)).collect();
    account.version += 1;
    tx.put(&ACCOUNTS, &account_key(twin), &account)
}

/// A bot of the twin with the settings that its original has now.
fn followed(tx: &mut UserTx<'_>, books: &Books, mine: &Bot, original: &Bot, now: Timestamp) -> Result<Bot, StoreError> {
    let mut after = Bot {
        id: mine.id,
        account_id: mine.account_id,
        version: mine.version + 1,
        added_seed: mine.added_seed,
        trailing_mode: mine.trailing_mode,
        trailing_high_watermark: mine.trailing_high_watermark,
        trailing_stop: mine.trailing_stop,
        ..original.clone()
    };
    let holdings = books.holdings_of(mine.id);
    let in_use = holdings.iter().any(|h| h.quantity != 0.0) || books.sheet_of(mine.id).is_some();
    if in_use && original.symbol != mine.symbol {
        // The original had nothing left to keep it; the twin's shares stay what they are, and rest.
        after.symbol.clone_from(&mine.symbol);
        after.active = false;
    }
    if original.name != mine.name {
        let events = renaming(books, mine, &original.name);
        tx.record(mine.account_id, now, Actor::Bot, events)?;
    }
    if let Some((state, event)) = trailing::repair(&after, &Held::of(&holdings)) {
        state.put(&mut after);
        post_events(tx, mine.account_id, now, &[event])?;
    }
    Ok(after)
}

impl Trading {
    /// What the broker of a live account shows as its cash, for its twin to begin with. A currency that it
    /// does not show is taken from the books.
    ///
    /// # Errors
    /// The broker's, when it shows none at all; `Refused` without a key.
    pub(in crate::trading) async fn cash_to_copy(&self, user: UserId, live: AccountId) -> Result<Vec<Cash>, TradingError> {
        let line = self.line(user, live).await?;
        let (mut shown, mut refused) = (Vec::new(), None);
        for offer in line.gateway.capabilities().offers {
            match line.gateway.cash(offer.market).await {
                Ok(cash) => shown.push(cash),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if shown.is_empty() => Err(error.into()),
            _ => Ok(shown),
        }
    }

    /// Who reads the market for an account: a twin has the live account's line, everybody else the own.
    ///
    /// # Errors
    /// The connector's.
    pub(in crate::trading) async fn reader(&self, line: &Line) -> Result<Line, TradingError> {
        if line.gateway.environment() != Environment::Own {
            return Ok(line.clone());
        }
        match self.twinned(line)? {
            Some(live) => self.line(line.user.id(), live).await,
            None => Ok(line.clone()),
        }
    }

    /// The live account of which an account is the twin.
    ///
    /// # Errors
    /// The store's.
    pub(in crate::trading) fn twinned(&self, line: &Line) -> Result<Option<AccountId>, StoreError> {
        let account = line.user.read(|v| v.get(&ACCOUNTS, &account_key(line.account_id)))?;
        Ok(account.and_then(|a| a.twin).map(|t| t.of))
    }

    /// One tick of a twin that has not ended: it ends when its live account has left the rung, otherwise
    /// it follows and runs its slots.
    ///
    /// # Errors
    /// As a live account's.
    pub(in crate::trading) async fn run_twin(&self, line: &Line) -> Result<(), TradingError> {
        let (id, now) = (line.account_id, self.clock.now());
        let read = |v: &UserView<'_>| -> Result<Due, StoreError> { due(v, &v.require(&ACCOUNTS, &account_key(id))?) };
        if line.user.read(read)? != Due::Nothing {
            let write = move |tx: &mut UserTx<'_>| -> Result<bool, StoreError> {
                let twin: Account = tx.require(&ACCOUNTS, &account_key(id))?;
                match (due(&tx.view(), &twin)?, &twin.twin) {
                    (Due::End, _) => end(tx, twin, now).map(|()| true),
                    (Due::Follow, Some(link)) => {
                        let live: Account = tx.require(&ACCOUNTS, &account_key(link.of))?;
                        follow(tx, &live, id, now).map(|()| false)
                    }
                    _ => Ok(false),
                }
            };
            let ended = line.user.write(write).await?;
            self.bus.publish(line.user.id(), LiveEvent::Account { account_id: id });
            if ended {
                return Ok(());
            }
        }
        self.miss_since_last_run(&line.user, id, super::night::missed::Hindrance::Outage).await?;
        self.run_due(line).await?;
        self.settle(line).await
    }
}
