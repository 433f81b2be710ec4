//! The ladder of a live account: observe, paper, one share, full size. Its owner climbs it rung by rung;
//! going down is always free. What a rung means for an order is decided where orders are made; on the
//! paper rung the account's twin trades (`twin`).

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::bus::LiveEvent;
use super::error::TradingError;
use super::night::slots::{HALTED, HELD};
use super::orders::rules;
use super::tick::Trading;
use super::twin::{self, refuse_twin};
use crate::brokers::Cash;
use crate::domain::account::{Account, AccountMode, Rung};
use crate::domain::bot::{Bot, Sheet};
use crate::domain::difference::Difference;
use crate::domain::id::{AccountId, BotId, UserId};
use crate::domain::limits::InstallRules;
use crate::domain::message::Notice;
use crate::domain::night::{Night, Verdict};
use crate::domain::order::{Environment, Order, OrderState, Reason};
use crate::domain::schedule::Job;
use crate::domain::slot::{RunState, SlotRun};
use crate::storage::tables::{ACCOUNTS, BOTS, DIFFERENCES, LIVE_HOLDS, NIGHTS, ORDERS, SECRETS, SHEETS, SLOTS, secret};
use crate::storage::{Key, Store, StoreError, UserTx, UserView, account_key};

/// A night older than this says nothing about the bots as they are now.
const NIGHT_COUNTS_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Slots and nights that are looked through for the newest session.
const RECENT_SLOTS: usize = 200;

/// What an owner asks for.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub rung: Rung,
    /// One bot; `None` = the account.
    pub bot: Option<BotId>,
    /// The owner's word that no other program trades the account any more; asked for where real orders
    /// begin.
    pub old_server_stopped: bool,
    /// The owner goes on without a clean night.
    pub skip_night: bool,
    /// The owner has just given password or code.
    pub proved: bool,
}

/// Where an account stands.
#[derive(Clone, Debug, PartialEq)]
pub struct LadderState {
    pub account: Account,
    pub bots: Vec<Bot>,
    /// What stands against the next rung: codes of refusals, the clean night last.
    pub missing: Vec<&'static str>,
    /// The newest night was clean.
    pub clean_night: bool,
    /// The account's paper twins, the newest first; at most that one trades.
    pub twins: Vec<Account>,
}

/// Why an account must not send to the live host; `None` = it may. Administrator, permission and the
/// owner's rung must all agree, and a password that a link has set must be confirmed.
pub(super) fn live_refusal(view: &UserView<'_>, install: &InstallRules, account: &Account) -> Result<Option<Reason>, StoreError> {
    let refuse = |code, message: &str| Ok(Some(Reason::new(code, message)));
    if !install.live_allowed {
        return refuse("live_not_allowed", "the administrator has not allowed live trading on this server");
    }
    if !rules::user(view)?.can_real_trade {
        return refuse("real_trade_not_permitted", "the administrator has not allowed you to trade live");
    }
    if view.get(&LIVE_HOLDS, &Key::new())?.is_some() {
        return refuse("password_unconfirmed", words("password_unconfirmed"));
    }
    if account.rung() < Rung::OneShare {
        let message = format!("account {} is not live yet: its owner has to let it climb to one share or to full size", account.name);
        return refuse("not_live_yet", &message);
    }
    Ok(None)
}

/// Whether new orders of an account may leave to the live host, as the store says now. What cannot be
/// read allows nothing.
pub fn live_orders_allowed(store: &Store, user: UserId, account: AccountId) -> bool {
    let allowed = store.read(|view| {
        let rows = view.user(user);
        let account: Account = rows.require(&ACCOUNTS, &account_key(account))?;
        let trades = account.environment == Environment::Live && account.mode == AccountMode::Trading;
        Ok::<_, StoreError>(trades && live_refusal(&rows, &rules::of_installation(view)?, &account)?.is_none())
    });
    allowed.unwrap_or(false)
}

/// Whether the newest finished night lets an account, or one bot of it, climb.
fn had_clean_night(view: &UserView<'_>, account: &Account, bot: Option<BotId>, now: Timestamp) -> Result<bool, StoreError> {
    let rung = bot.map_or(account.rung(), |bot| account.rung_of(bot));
    // A bot that stayed on the paper rung when its account and the twin went on observes.
    let observes = rung == Rung::Observe || rung == Rung::Paper && account.rung() > Rung::Paper;
    let since = account.going_live.counts_from(bot, if observes { Rung::Observe } else { rung });
    let counts = |at: Timestamp| now.duration_since(at) <= NIGHT_COUNTS_FOR && since.is_none_or(|since| at > since);
    if observes {
        let nights: Vec<Night> = view.list_latest(&NIGHTS, &account_key(account.id), None, RECENT_SLOTS)?;
        let newest = nights.into_iter().find(|n| n.compared_at.is_some() && bot.is_none_or(|b| n.lines.iter().any(|l| l.bot_id == b)));
        return Ok(newest.is_some_and(|night| {
            let of_bot = |l: &crate::domain::night::NightLine| matches!(l.verdict, Verdict::Same | Verdict::Nothing);
            let clean = bot.map_or_else(|| night.is_clean(), |b| night.lines.iter().filter(|l| l.bot_id == b).all(of_bot));
            clean && night.compared_at.is_some_and(counts)
        }));
    }
    let trades = if rung == Rung::Paper { twin::running_twin(view, account.id)?.map(|twin| twin.id) } else { Some(account.id) };
    match trades {
        Some(trades) => traded_cleanly(view, trades, counts),
        None => Ok(false),
    }
}

/// Whether an account has traded its newest night as a whole, and nothing was refused, lost or kept back.
fn traded_cleanly(view: &UserView<'_>, account: AccountId, counts: impl Fn(Timestamp) -> bool) -> Result<bool, StoreError> {
    let runs: Vec<SlotRun> = view.list_latest(&SLOTS, &account_key(account), None, RECENT_SLOTS)?;
    let reported = runs.iter().find(|r| r.slot.job == Job::Report && r.state == RunState::Done && counts(r.slot.at));
    let Some(session) = reported.map(|r| r.slot.session) else { return Ok(false) };
    let traded = |r: &SlotRun| r.state == RunState::Done && r.detail != HALTED && r.detail != HELD && counts(r.slot.at);
    let of_night = || runs.iter().filter(|r| r.slot.session == session);
    let whole = of_night().all(traded) && of_night().any(|r| r.slot.job == Job::Decision);
    let orders: Vec<Order> = view.list(&ORDERS, &account_key(account))?;
    let sound = |o: &Order| !matches!(o.state, OrderState::Unknown | OrderState::Sent | OrderState::Rejected);
    // What a person orders by hand says nothing about the bots.
    Ok(whole && orders.iter().filter(|o| o.intent.session == session && o.intent.bot_id.is_some()).all(sound))
}

/// What stands against a rung, for the account or for one bot; the clean night last.
fn missing(
    install: &InstallRules,
    view: &UserView<'_>,
    account: &Account,
    (rung, bot): (Rung, Option<BotId>),
    clean: bool,
) -> Result<Vec<&'static str>, StoreError> {
    let (key, user, mut missing) = (account_key(account.id), rules::user(view)?, Vec::new());
    let mut stands = |code, against: bool| missing.extend(against.then_some(code));
    // Nothing of the paper rung reaches a broker.
    let live = rung > Rung::Paper;
    stands("live_not_allowed", live && !install.live_allowed);
    stands("real_trade_not_permitted", live && !user.can_real_trade);
    stands("password_unconfirmed", live && view.get(&LIVE_HOLDS, &Key::new())?.is_some());
    stands("paper_trade_not_permitted", !live && !user.can_paper_trade);
    stands("no_broker_key", view.get(&SECRETS, &account_key(account.id).text(secret::APP_SECRET))?.is_none());
    stands("unsettled", !account.unsettled.is_empty());
    let bots: Vec<Bot> = view.list(&BOTS, &key)?;
    let open: Vec<Difference> = view.list(&DIFFERENCES, &key)?;
    let concerned =
        |d: &Difference| bots.iter().filter(|b| bot.is_none_or(|id| id == b.id)).any(|b| b.market == d.market && b.symbol == d.symbol);
    stands("open_questions", open.iter().any(concerned));
    // The twin would start from shares that are still moving.
    stands("order_open", !live && bot.is_none() && moves_shares(view, account)?);
    stands("clean_night_missing", !clean);
    Ok(missing)
}

/// Orders or sheets of the account have shares that its bots' books do not have yet.
fn moves_shares(view: &UserView<'_>, account: &Account) -> Result<bool, StoreError> {
    let sheets: Vec<Sheet> = view.list(&SHEETS, &account_key(account.id))?;
    let imported = |s: &Sheet| account.imported.as_ref().is_some_and(|mark| s.opened_at <= mark.at);
    Ok(!view.open_orders(account.id)?.is_empty() || sheets.iter().any(|s| !imported(s) && s.fills().next().is_some()))
}

fn words(code: &'static str) -> &'static str {
    match code {
        "live_not_allowed" => "the administrator has not allowed live trading on this server",
        "real_trade_not_permitted" => "the administrator has not allowed you to trade live",
        "password_unconfirmed" => "your password was set with a link: confirm on the security page that it is yours",
        "no_broker_key" => "enter the account's broker key first",
        "paper_trade_not_permitted" => "the administrator has not allowed you to trade on paper",
        "unsettled" => "answer the open questions of the import first",
        "open_questions" => "books and broker differ in a symbol of the bots: answer the open questions first",
        "order_open" => "an order or a sheet of the account is still open: wait until it has ended",
        _ => "the last night was not clean, or there was none on this rung yet: wait for one, or say that you skip it",
    }
}

impl Trading {
    /// Where an account stands on its ladder.
    ///
    /// # Errors
    /// `NotFound` for an account that is not the user's.
    pub fn going_live(&self, user: UserId, id: AccountId) -> Result<LadderState, TradingError> {
        let now = self.clock.now();
        Ok(self.store.read(|v| {
            let (install, view) = (rules::of_installation(v)?, v.user(user));
            let account = view.get(&ACCOUNTS, &account_key(id))?.ok_or_else(|| StoreError::not_found("account"))?;
            let mut bots: Vec<Bot> = view.list(&BOTS, &account_key(id))?;
            bots.sort_by_key(|b| b.position);
            let clean_night = had_clean_night(&view, &account, None, now)?;
            let missing = missing(&install, &view, &account, (account.next_rung(None).unwrap_or(Rung::Full), None), clean_night)?;
            let twins = twin::twins_of(&view, id)?;
            Ok::<_, StoreError>(LadderState { account, bots, missing, clean_night, twins })
        })?)
    }

    /// Moves a live account, or one bot of it, to another rung.
    ///
    /// # Errors
    /// `NotFound`; `Refused` with `ladder_not_needed`, `rung_skipped`, `bot_above_account`,
    /// `step_up_required`, `confirmation_required`, or with what [`LadderState::missing`] names; the
    /// broker's, when the twin's cash cannot be read.
    pub async fn climb(&self, user: UserId, id: AccountId, step: Step) -> Result<Account, TradingError> {
        let now = self.clock.now();
        let mut cash = Vec::new();
        if step.bot.is_none() && step.rung == Rung::Paper {
            // The broker is asked only for somebody who may climb.
            let refused =
                self.store.read(|v| Ok::<_, StoreError>((rules::of_installation(v)?, v.user(user).get(&ACCOUNTS, &account_key(id))?)))?;
            if let (install, Some(account)) = refused
                && account.environment == Environment::Live
                && account.rung() < step.rung
            {
                self.store.user(user).read(|v| may_climb(v, &install, &account, account.rung(), step, now))?;
                cash = self.cash_to_copy(user, id).await?;
            }
        }
        let account = self.store.user(user).write(move |tx| apply(tx, id, step, &cash, user, now)).await?;
        self.bus.publish(user, LiveEvent::Account { account_id: id });
        Ok(account)
    }
}

fn apply(tx: &mut UserTx<'_>, id: AccountId, step: Step, cash: &[Cash], by: UserId, now: Timestamp) -> Result<Account, TradingError> {
    let mut account: Account = tx.get(&ACCOUNTS, &account_key(id))?.ok_or_else(|| StoreError::not_found("account"))?;
    refuse_twin(&account)?;
    if account.environment != Environment::Live {
        let detail = "only a live account climbs: a paper or mock account trades in full once it is started";
        return Err(TradingError::refused("ladder_not_needed", detail));
    }
    let name = match step.bot {
        None => None,
        Some(bot) => {
            let bot: Bot = tx.get(&BOTS, &account_key(id).id(bot.as_bytes()))?.ok_or_else(|| StoreError::not_found("bot"))?;
            Some(bot.name)
        }
    };
    let from = step.bot.map_or(account.rung(), |bot| account.rung_of(bot));
    if let Some(bot) = step.bot.filter(|_| account.rung() == Rung::Observe && step.rung == Rung::Full) {
        // Nothing trades: the bot is not held back any more and climbs together with its account.
        account.going_live.bots_since.remove(&bot);
        if account.going_live.bots.remove(&bot).is_none() {
            return Ok(account);
        }
        account.version += 1;
        tx.put(&ACCOUNTS, &account_key(id), &account)?;
        tx.audit(now, Some(by), "going_live.moved", json!({ "account": account.name, "bot": name, "from": from, "to": step.rung }))?;
        return Ok(account);
    }
    if step.bot.is_some() && step.rung > account.rung() {
        let detail = format!("a bot goes no higher than its account, which stands at {}", account.rung().code());
        return Err(TradingError::refused("bot_above_account", detail));
    }
    // What is kept of a bot may be above its account: holding it back counts before the account climbs.
    let stands = match step.bot {
        Some(bot) => account.going_live.bots.get(&bot).is_some_and(|kept| *kept == step.rung),
        None => step.rung == from,
    };
    if stands {
        return Ok(account);
    }
    if step.rung > from {
        may_climb(&tx.view(), &rules::install(tx)?, &account, from, step, now)?;
    } else if step.bot.is_none() && step.rung == Rung::Paper {
        let detail = "a paper run begins from observing: go down to observe first";
        return Err(TradingError::refused("rung_skipped", detail));
    }
    match step.bot {
        Some(bot) => {
            account.going_live.bots.insert(bot, step.rung);
            account.going_live.bots_since.insert(bot, now);
        }
        None if step.rung == Rung::Observe => {
            let traded = account.mode == AccountMode::Trading;
            account.stop(now);
            if traded {
                tx.post(id, now, Notice::AccountStopped.level(), &Notice::AccountStopped)?;
            }
        }
        None => {
            account.going_live.rung = step.rung;
            account.going_live.since = Some(now);
            if step.rung == Rung::Full {
                // Who has not traded on the rung below does not go along.
                let bots: Vec<Bot> = tx.list(&BOTS, &account_key(id))?;
                bots.iter().filter(|b| !b.active).for_each(|b| account.admit(b.id, now));
            }
            if step.rung > Rung::Paper && account.mode != AccountMode::Trading {
                account.mode = AccountMode::Trading;
                // What another program ordered before is no sign that it still runs.
                account.started_at = Some(now);
                tx.post(id, now, Notice::AccountStarted.level(), &Notice::AccountStarted)?;
            }
        }
    }
    account.version += 1;
    tx.put(&ACCOUNTS, &account_key(id), &account)?;
    if step.bot.is_none() {
        match step.rung {
            Rung::Paper => twin::begin(tx, &account, cash, by, now)?,
            _ => twin::end_of(tx, id, now)?,
        }
    }
    let detail = json!({
        "account": account.name, "bot": name, "from": from, "to": step.rung,
        "old_server_stopped": step.old_server_stopped, "skipped_night": step.skip_night,
    });
    tx.audit(now, Some(by), "going_live.moved", detail)?;
    Ok(account)
}

/// Checks everything that the next rung asks for.
fn may_climb(
    view: &UserView<'_>,
    install: &InstallRules,
    account: &Account,
    from: Rung,
    step: Step,
    now: Timestamp,
) -> Result<(), TradingError> {
    let next = account.next_rung(step.bot).filter(|next| *next > from);
    if next != Some(step.rung) {
        let next = next.map_or("", Rung::code);
        return Err(TradingError::refused("rung_skipped", format!("one rung at a time: the next one is {next}")));
    }
    if !step.proved {
        return Err(TradingError::refused("step_up_required", "going up asks for your password or code once more"));
    }
    if step.rung > Rung::Paper && !step.old_server_stopped {
        let detail = "confirm that the old server is stopped and no other program trades this account any more";
        return Err(TradingError::refused("confirmation_required", detail));
    }
    let clean = step.skip_night || had_clean_night(view, account, step.bot, now)?;
    match missing(install, view, account, (step.rung, step.bot), clean)?.first() {
        Some(code) => Err(TradingError::refused(code, words(code))),
        None => Ok(()),
    }
}
