//! The gate: every check that an order passes between its intent and the journal. It runs inside the
//! transaction that journals, so that no two orders pass on the same view.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};

use super::price_rules;
use super::rules;
use crate::brokers::{BuyingPower, MarketOffer, Quote};
use crate::domain::account::{Account, AccountMode, Rung};
use crate::domain::exposure::Exposure;
use crate::domain::id::{BotId, UserId};
use crate::domain::instrument::Market;
use crate::domain::limits::{AccountLimits, DayUse, InstallRules, Product};
use crate::domain::money::decimal_from_f64;
use crate::domain::order::OrderKind::{Loo, Moo};
use crate::domain::order::{Amendment, Environment, LimitHit, Order, OrderIntent, OrderOrigin, Reason, Side, Venue};
use crate::domain::rules::lot;
use crate::domain::rules::session::{SessionKind, US_PRE_MARKET, of};
use crate::storage::tables::{ACCOUNTS, BOTS, DAY_PARENTS, DAY_USE, EXPOSURE, POSITIONS};
use crate::storage::{Key, Store, StoreError, UserTx, UserView, account_key, position_key};
use crate::trading::books::Books;
use crate::trading::going_live::live_refusal;
use crate::trading::reconciliation::differences::{code_of_hold, open_question};

/// Older than this a quote proves nothing.
const FRESH: SignedDuration = SignedDuration::from_secs(10);

/// The session that an order belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub session: jiff::civil::Date,
    pub open: Timestamp,
    pub close: Timestamp,
}

/// What was seen outside before an order was asked for.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What the account's broker takes in this market; `None` when that was not asked.
    pub offer: Option<MarketOffer>,
    /// Last trade, for orders of people: a bot has just made its price from one.
    pub quote: Option<Quote>,
    /// What the broker lets a buy spend.
    pub power: Option<BuyingPower>,
    /// A Korean ETF or ETN; `None` when that is not known.
    pub is_etf: Option<bool>,
}

/// What the gate decides about.
pub(in crate::trading) struct Candidate<'a> {
    pub intent: &'a OrderIntent,
    /// What the client that would carry the order was built for.
    pub gateway: Environment,
    pub window: Window,
    pub seen: &'a Seen,
    /// Orders that left this account within the last second.
    pub last_second: usize,
    /// What the instrument is, as the master files tell; `None` when they do not.
    pub product: Option<Product>,
    pub now: Timestamp,
}

fn refuse(code: &str, message: impl Into<String>) -> Option<Reason> {
    Some(Reason::new(code, message))
}

fn beyond(name: &str, allowed: impl ToString, asked: impl ToString, message: impl Into<String>) -> Option<Reason> {
    let limit = LimitHit { name: name.to_owned(), allowed: allowed.to_string(), asked: asked.to_string() };
    Some(Reason { limit: Some(limit), ..Reason::new(format!("limit_{name}"), message) })
}

/// Why the order is refused; `None` lets it pass.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::trading) fn check(tx: &UserTx<'_>, candidate: &Candidate<'_>) -> Result<Option<Reason>, StoreError> {
    let intent = candidate.intent;
    let account = tx.require(&ACCOUNTS, &account_key(intent.account_id))?;
    if intent.environment != candidate.gateway {
        return Ok(environment_mismatch());
    }
    if let Some(reason) = permission(&tx.view(), &rules::install(tx)?, intent, &account)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = shape(candidate).or_else(|| session(candidate)) {
        return Ok(Some(reason));
    }
    if let Some(reason) = question(tx, intent)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = beside(tx, intent)? {
        return Ok(Some(reason));
    }
    match intent.side {
        Side::Sell => own_shares(tx, intent, &Books::read(&tx.view(), intent.account_id)?),
        Side::Buy => limits(tx, candidate, &account.settings.limits),
    }
}

/// The account's other open orders of the instrument.
fn beside(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<Option<Reason>, StoreError> {
    let Some(open) = exposure(tx, intent)? else { return Ok(None) };
    // An order with an uncertain one beside it could be the same order twice.
    if open.side(intent.side).uncertain > 0 {
        return Ok(refuse("unknown_order_pending", format!("an earlier {} order's outcome is not known yet", intent.symbol)));
    }
    crossing(tx, intent)
}

fn exposure(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<Option<Exposure>, StoreError> {
    tx.get(&EXPOSURE, &position_key(intent.account_id, intent.market, &intent.symbol))
}

/// An open order of the other side that could trade with this one.
fn crossing(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<Option<Reason>, StoreError> {
    if exposure(tx, intent)?.is_none_or(|open| open.side(intent.side.other()).open == 0) {
        return Ok(None);
    }
    let of_other_side = |o: &Order| !o.state.is_final() && o.intent.symbol == intent.symbol && o.intent.side != intent.side;
    if tx.view().open_orders(intent.account_id)?.iter().any(|o| of_other_side(o) && crosses(o, intent)) {
        let message =
            format!("an own order of the other side for {} is open and could trade with this one: cancel it first", intent.symbol);
        return Ok(refuse("self_cross", message));
    }
    Ok(None)
}

/// Why an order that was journalled must not leave after all, as the store says now: it may have waited
/// for minutes since the gate let it pass. What cannot be read allows nothing.
pub fn order_refusal(store: &Store, user: UserId, intent: &OrderIntent) -> Option<Reason> {
    let asked = store.read(|view| {
        let rows = view.user(user);
        let account: Account = rows.require(&ACCOUNTS, &account_key(intent.account_id))?;
        permission(&rows, &rules::of_installation(view)?, intent, &account)
    });
    asked.unwrap_or_else(|error| {
        tracing::error!(order_id = %intent.order_id, %error, "whether an order may leave could not be read");
        refuse("permission_unreadable", "whether the order may leave could not be read from the database: it was not sent")
    })
}

fn environment_mismatch() -> Option<Reason> {
    refuse("environment_mismatch", "the order was decided for another environment than the account's")
}

/// Mode, permission and kill switch.
fn permission(view: &UserView<'_>, install: &InstallRules, intent: &OrderIntent, account: &Account) -> Result<Option<Reason>, StoreError> {
    if intent.environment != account.environment {
        return Ok(environment_mismatch());
    }
    if let Some(who) = rules::halted(view, install, intent.account_id)? {
        return Ok(refuse("halted", format!("the kill switch of {} is on: no new order passes until it is lifted", who.words())));
    }
    let user = rules::user(view)?;
    if intent.environment == Environment::Live {
        if let Some(reason) = live_refusal(install, &user, account) {
            return Ok(Some(reason));
        }
    } else if !user.can_paper_trade {
        return Ok(refuse("paper_trade_not_permitted", "the administrator has not allowed you to trade on paper"));
    }
    if account.mode != AccountMode::Trading {
        return Ok(refuse("observing", format!("account {} only observes; start it to trade", account.name)));
    }
    let by_itself = is_by_itself(intent);
    if by_itself
        && let Some(bot) = intent.bot_id
        && view.get(&BOTS, &account_key(account.id).id(bot.as_bytes()))?.is_some_and(|bot| !bot.active)
    {
        return Ok(refuse("bot_inactive", format!("the bot {} is switched off", intent.bot_name)));
    }
    if by_itself && intent.bot_id.is_some_and(|id| !account.acts(id)) {
        return Ok(refuse("bot_observes", format!("the bot {} still observes: let it climb before it trades", intent.bot_name)));
    }
    if intent.quantity > 1 && must_be_one_share(account, intent) {
        let message =
            format!("the bot {} went down to one share while its order of {} waited to be sent", intent.bot_name, intent.quantity);
        return Ok(refuse("more_than_one_share", message));
    }
    Ok(None)
}

/// What the gate decides about an amendment.
pub(in crate::trading) struct NewTerms<'a> {
    /// The order as it stands.
    pub order: &'a Order,
    pub terms: &'a Amendment,
    /// What the client that would carry the amendment was built for.
    pub gateway: Environment,
    pub seen: &'a Seen,
    pub product: Option<Product>,
    pub now: Timestamp,
}

impl NewTerms<'_> {
    /// The order with its new terms.
    fn changed(&self) -> OrderIntent {
        OrderIntent { quantity: self.terms.quantity, limit_price: self.terms.limit_price, ..self.order.intent.clone() }
    }

    /// What an open buy comes to under these terms, less what it comes to now; in the market's currency.
    fn more(&self) -> Decimal {
        let open = |quantity: u64, price: Option<Decimal>| {
            price.unwrap_or_default() * Decimal::from(quantity.saturating_sub(self.order.filled_quantity))
        };
        let intent = &self.order.intent;
        let (now, then) = (open(intent.quantity, intent.limit_price), open(self.terms.quantity, self.terms.limit_price));
        if intent.side == Side::Buy { (then - now).max(Decimal::ZERO) } else { Decimal::ZERO }
    }
}

/// Why an account's orders must not get new terms at all: halted, observing, not permitted.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::trading) fn may_amend(tx: &UserTx<'_>, new: &NewTerms<'_>) -> Result<Option<Reason>, StoreError> {
    let intent = &new.order.intent;
    if intent.environment != new.gateway {
        return Ok(environment_mismatch());
    }
    let account = tx.require(&ACCOUNTS, &account_key(intent.account_id))?;
    permission(&tx.view(), &rules::install(tx)?, intent, &account)
}

/// Why these terms of an open order are refused; `None` lets them pass. Limits stand only against a buy
/// that gets dearer: fewer shares and a cheaper buy pass them all.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::trading) fn check_terms(tx: &UserTx<'_>, new: &NewTerms<'_>) -> Result<Option<Reason>, StoreError> {
    let changed = &new.changed();
    let Some((before, after)) = new.order.intent.limit_price.zip(changed.limit_price).filter(|(before, after)| before != after) else {
        return Ok(None);
    };
    if let Some(reason) = price_rules::check(changed, new.seen) {
        return Ok(Some(reason));
    }
    if (changed.side == Side::Buy) != (after > before) {
        return Ok(None);
    }
    if let Some(reason) = crossing(tx, changed)? {
        return Ok(Some(reason));
    }
    if changed.side == Side::Sell {
        return Ok(None);
    }
    let account: Account = tx.require(&ACCOUNTS, &account_key(changed.account_id))?;
    let limits = &account.settings.limits;
    if new.seen.quote.is_none() && changed.environment != Environment::Own {
        return Ok(refuse("stale_quote", format!("the last price of {} is not known", changed.symbol)));
    }
    if let Some(reason) = stale(changed, new.seen, new.now) {
        return Ok(Some(reason));
    }
    if let Some(reason) = product_barred(tx, changed, new.product)? {
        return Ok(Some(reason));
    }
    if let Some(reason) = beyond_collar(changed, new.seen, limits) {
        return Ok(Some(reason));
    }
    let more = new.more();
    if more == Decimal::ZERO {
        return Ok(None);
    }
    let open = Decimal::from(changed.quantity.saturating_sub(new.order.filled_quantity)) * after;
    if let Some(reason) = values(tx, changed, limits, Worth { order: new.order.filled_amount + open, more })? {
        return Ok(Some(reason));
    }
    Ok(beyond_power(new.seen, more))
}

/// Counts what new terms that passed may spend on top.
///
/// # Errors
/// When the store cannot be written.
pub(in crate::trading) fn count_terms(tx: &mut UserTx<'_>, new: &NewTerms<'_>) -> Result<(), StoreError> {
    let (intent, more) = (&new.order.intent, new.more());
    if more == Decimal::ZERO {
        return Ok(());
    }
    let mut day = use_of(tx, intent)?;
    day.buys += more;
    tx.put(&DAY_USE, &day_key(intent.account_id, intent), &day)
}

/// The order as it may be made: a bot of a live account on the rung of one share orders one share,
/// whatever it has decided; its sheet then goes by what was filled. What a person asks for stays.
pub(in crate::trading) fn within_rung(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<OrderIntent, StoreError> {
    let mut intent = intent.clone();
    if is_by_itself(&intent) && intent.environment == Environment::Live {
        let account: Account = tx.require(&ACCOUNTS, &account_key(intent.account_id))?;
        if must_be_one_share(&account, &intent) {
            intent.quantity = intent.quantity.min(1);
        }
    }
    Ok(intent)
}

/// A bot asks for the order, not a person.
fn is_by_itself(intent: &OrderIntent) -> bool {
    matches!(intent.origin, OrderOrigin::Slice { .. } | OrderOrigin::Closing)
}

/// Whether an order is a bot's own of a bot that orders one share at a time.
pub(in crate::trading) fn must_be_one_share(account: &Account, intent: &OrderIntent) -> bool {
    is_by_itself(intent) && intent.bot_id.is_some_and(|bot| orders_one_share(account, bot))
}

/// Whether a bot orders one share at a time, whatever it has decided.
pub(in crate::trading) fn orders_one_share(account: &Account, bot: BotId) -> bool {
    account.environment == Environment::Live && account.rung_of(bot) == Rung::OneShare
}

/// A bot waits while its owner is asked about the symbol. What a person sells out of a bot only makes the
/// position smaller; it waits where the number of shares itself is in doubt.
fn question(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<Option<Reason>, StoreError> {
    if intent.bot_id.is_none() {
        return Ok(None);
    }
    let Some(open) = open_question(&tx.view(), intent.account_id, intent.market, &intent.symbol)? else { return Ok(None) };
    let code = code_of_hold(&open);
    if matches!(intent.origin, OrderOrigin::ForceSell { .. }) && code == "position_differs" {
        return Ok(None);
    }
    let message = format!(
        "the books have {} {}, the broker {}: the bots on it wait until the account's owner has answered",
        open.ours, open.symbol, open.brokers
    );
    Ok(refuse(code, message))
}

/// Quantity, kind, prices.
fn shape(candidate: &Candidate<'_>) -> Option<Reason> {
    let intent = candidate.intent;
    if !lot::is_whole(intent.market, intent.quantity) {
        let unit = lot::size(intent.market);
        return refuse("bad_quantity", format!("the quantity must be at least one share, in trading units of {unit}"));
    }
    let kind = intent.kind;
    if let Some(offer) = &candidate.seen.offer {
        let offered = if intent.side == Side::Buy { offer.buy } else { offer.sell };
        if !offered.contains(&kind) {
            let message = format!("this account's broker takes no {kind:?} order for a {:?} in {}", intent.side, intent.market.code());
            return refuse("order_kind_not_offered", message.to_lowercase());
        }
        if intent.market == Market::Krx && !offer.venues.is_empty() && !offer.venues.contains(&intent.venue) {
            return refuse("venue_not_offered", format!("this account's broker does not route orders to {:?}", intent.venue));
        }
    }
    for (wanted, price, name) in
        [(kind.has_limit(), intent.limit_price, "limit price"), (kind.has_trigger(), intent.trigger_price, "trigger price")]
    {
        match price {
            None if wanted => return refuse("price_required", format!("this kind of order needs a {name}")),
            Some(_) if !wanted => return refuse("price_not_used", format!("this kind of order has no {name}: leave it out")),
            Some(price) if price <= Decimal::ZERO => return refuse("bad_price", format!("the {name} must be above zero")),
            _ => {}
        }
    }
    price_rules::check(intent, candidate.seen)
}

/// When an order of this session can be given: while its venue trades, before the open if it is for the
/// opening price.
pub(in crate::trading) fn hours(intent: &OrderIntent, window: Window) -> (Timestamp, Timestamp) {
    match (intent.market, intent.kind, intent.venue) {
        (Market::Us, Loo | Moo, _) => (window.open.saturating_sub(US_PRE_MARKET).unwrap_or(window.open), window.open),
        (Market::Krx, _, Venue::Nxt) => {
            let regular = |venue| of(Market::Krx).iter().find(|s| s.kind == SessionKind::Regular && s.venue == Some(venue));
            let Some((krx, nxt)) = regular(Venue::Krx).zip(regular(Venue::Nxt)) else { return (window.open, window.close) };
            // The calendar knows the hours of the day at KRX; Nextrade begins later and ends earlier.
            let (late, early) = (krx.opens.duration_until(nxt.opens), nxt.closes.duration_until(krx.closes));
            (window.open.saturating_add(late).unwrap_or(window.open), window.close.saturating_sub(early).unwrap_or(window.close))
        }
        _ => (window.open, window.close),
    }
}

/// The exchange must be open. Our own paper holds an order instead.
fn session(candidate: &Candidate<'_>) -> Option<Reason> {
    let (window, now) = (candidate.window, candidate.now);
    let (from, to) = hours(candidate.intent, window);
    if candidate.intent.environment == Environment::Own || (from <= now && now < to) {
        return None;
    }
    if window.open <= now && now < window.close {
        return refuse("market_closed", format!("such an order can be given from {from} to {to}"));
    }
    refuse("market_closed", format!("the session of {} runs from {} to {}", window.session, window.open, window.close))
}

/// Two own orders of opposite sides that could trade with each other.
fn crosses(open: &Order, new: &OrderIntent) -> bool {
    let at = |theirs: Option<Decimal>| match (theirs, new.limit_price) {
        (Some(theirs), Some(ours)) => {
            let (buy, sell) = if new.side == Side::Buy { (ours, theirs) } else { (theirs, ours) };
            buy >= sell
        }
        // Without a limit it trades with whatever stands there.
        _ => true,
    };
    // An amendment that is under way may stand at the broker already, or not.
    at(open.intent.limit_price) || open.amending.as_ref().is_some_and(|terms| at(terms.limit_price))
}

/// A bot sells what it holds, a person what no bot holds: the others' shares are not theirs to sell.
fn own_shares(tx: &UserTx<'_>, intent: &OrderIntent, books: &Books) -> Result<Option<Reason>, StoreError> {
    let quantity = Decimal::from(intent.quantity);
    if let Some(bot) = intent.bot_id {
        let free = decimal_from_f64(books.unsold_of(bot)).unwrap_or_default();
        if quantity > free {
            let message = format!("the bot has {free} {} left to sell, the order asks for {quantity}", intent.symbol);
            return Ok(beyond("bot_holding", free, quantity, message));
        }
        return Ok(None);
    }
    let key = position_key(intent.account_id, intent.market, &intent.symbol);
    let held = tx.get(&POSITIONS, &key)?.map_or(Decimal::ZERO, |p| p.quantity);
    let of_bots = decimal_from_f64(books.held_by_bots(&intent.symbol)).unwrap_or_default();
    let selling: Decimal = books.open_orders.iter().filter(|o| is_open_manual_sell(o, intent)).map(open_part).sum();
    let free = (held - of_bots - selling).max(Decimal::ZERO);
    if quantity > free {
        let message = format!(
            "{free} {} are free to sell: the account holds {held}, its bots {of_bots}, open orders {selling}. To sell a bot's shares use its force sell",
            intent.symbol
        );
        return Ok(beyond("free_shares", free, quantity, message));
    }
    Ok(None)
}

fn is_open_manual_sell(order: &Order, intent: &OrderIntent) -> bool {
    order.intent.bot_id.is_none() && !order.state.is_final() && order.intent.side == Side::Sell && order.intent.symbol == intent.symbol
}

fn open_part(order: &Order) -> Decimal {
    Decimal::from(order.intent.quantity.saturating_sub(order.filled_quantity))
}

/// What the order is worth at most: its limit, or the last trade.
pub(in crate::trading) fn worth(intent: &OrderIntent, quote: Option<&Quote>) -> Decimal {
    intent.limit_price.or(quote.map(|q| q.last)).unwrap_or_default() * Decimal::from(intent.quantity)
}

/// What an order, or new terms for one, would come to in the market's currency.
#[derive(Clone, Copy)]
struct Worth {
    /// The whole order, what is filled of it included.
    order: Decimal,
    /// What comes on top of the buys that are open already.
    more: Decimal,
}

/// Everything that only stands against orders that make a position larger.
fn limits(tx: &UserTx<'_>, candidate: &Candidate<'_>, limits: &AccountLimits) -> Result<Option<Reason>, StoreError> {
    let (intent, seen) = (candidate.intent, candidate.seen);
    if let Some(reason) = stale(intent, seen, candidate.now) {
        return Ok(Some(reason));
    }
    if let Some(reason) = product_barred(tx, intent, candidate.product)? {
        return Ok(Some(reason));
    }
    let worth = worth(intent, seen.quote.as_ref());
    if let Some(reason) = beyond_collar(intent, seen, limits) {
        return Ok(Some(reason));
    }
    if let Some(most) = limits.orders_per_second
        && candidate.last_second >= usize::try_from(most).unwrap_or(usize::MAX)
    {
        return Ok(beyond("orders_per_second", most, candidate.last_second + 1, "too many orders in one second: try again in a moment"));
    }
    if let Some(reason) = values(tx, intent, limits, Worth { order: worth, more: worth })? {
        return Ok(Some(reason));
    }
    if let Some(reason) = day_counts(tx, intent, limits)? {
        return Ok(Some(reason));
    }
    Ok(beyond_power(seen, worth))
}

/// The order's price cannot be judged by what was seen.
fn stale(intent: &OrderIntent, seen: &Seen, now: Timestamp) -> Option<Reason> {
    let quote = seen.quote.as_ref().filter(|_| intent.environment != Environment::Own)?;
    if now.duration_since(quote.at) <= FRESH {
        return None;
    }
    refuse("stale_quote", format!("the last price of {} is older than {} s", intent.symbol, FRESH.as_secs()))
}

/// A kind of product that the administrator has not allowed the user to buy.
fn product_barred(tx: &UserTx<'_>, intent: &OrderIntent, product: Option<Product>) -> Result<Option<Reason>, StoreError> {
    if let Some(allowed) = rules::user(&tx.view())?.allowed_products {
        match product {
            Some(product) if allowed.contains(&product) => {}
            Some(_) => {
                return Ok(refuse(
                    "product_not_allowed",
                    format!("the administrator has not allowed you to buy products such as {}", intent.symbol),
                ));
            }
            None => {
                let message = format!(
                    "what kind of product {} is, is not known, and you may only buy some kinds: try again when the lists are loaded",
                    intent.symbol
                );
                return Ok(refuse("product_unknown", message));
            }
        }
    }
    Ok(None)
}

/// The limit price is too far above the last trade.
fn beyond_collar(intent: &OrderIntent, seen: &Seen, limits: &AccountLimits) -> Option<Reason> {
    let (collar, quote, limit) = (limits.price_collar?, seen.quote.as_ref()?, intent.limit_price?);
    let highest = quote.last * (Decimal::ONE_HUNDRED + collar) / Decimal::ONE_HUNDRED;
    if limit <= highest || intent.environment == Environment::Own {
        return None;
    }
    let highest = highest.round_dp_with_strategy(4, RoundingStrategy::ToZero);
    let message = format!("the limit {limit} is more than {collar} % above the last trade {}", quote.last);
    beyond("price_collar", highest, limit, message)
}

/// Limits of one order's, one instrument's and the session's money.
fn values(tx: &UserTx<'_>, intent: &OrderIntent, limits: &AccountLimits, worth: Worth) -> Result<Option<Reason>, StoreError> {
    if let Some(most) = limits.max_order_value.filter(|most| worth.order > *most) {
        let message = format!("the order is worth {}, the limit of one order is {most}", worth.order);
        return Ok(beyond("max_order_value", most, worth.order, message));
    }
    if let Some(most) = limits.max_position_size {
        let key = position_key(intent.account_id, intent.market, &intent.symbol);
        let held = tx.get(&POSITIONS, &key)?.map_or(Decimal::ZERO, |p| p.cost);
        let open = exposure(tx, intent)?.map_or(Decimal::ZERO, |open| open.buys.value);
        let asked = held + open + worth.more;
        if asked > most {
            let message = format!("{} would have cost {asked} in all, the limit of one instrument is {most}", intent.symbol);
            return Ok(beyond("max_position_size", most, asked, message));
        }
    }
    let buys = use_of(tx, intent)?.buys + worth.more;
    Ok(limits.max_daily_value.filter(|most| buys > *most).and_then(|most| {
        beyond("max_daily_value", most, buys, format!("the buys of this session would be worth {buys}, the limit is {most}"))
    }))
}

fn beyond_power(seen: &Seen, needed: Decimal) -> Option<Reason> {
    let power = seen.power.as_ref().filter(|power| needed > power.amount)?;
    let message = format!("the order needs {needed}, the account can spend {} ({:?})", power.amount, power.basis);
    beyond("buying_power", power.amount, needed, message)
}

/// Limits of the number of orders.
fn day_counts(tx: &UserTx<'_>, intent: &OrderIntent, limits: &AccountLimits) -> Result<Option<Reason>, StoreError> {
    let today = use_of(tx, intent)?;
    if is_counted(tx, intent)? {
        return Ok(None);
    }
    if let Some(most) = limits.max_daily_trades.filter(|most| today.orders >= *most) {
        return Ok(beyond("max_daily_trades", most, today.orders + 1, format!("the account's limit of {most} orders a day is reached")));
    }
    let of_user = [rules::user(&tx.view())?.daily_trade_limit, limits.daily_trade_limit].into_iter().flatten().min();
    if let Some(most) = of_user {
        let mut all = 0;
        // What a twin does on paper is no trade of its user's, except to itself.
        for account in tx.view().accounts()?.iter().filter(|a| a.twin.is_none() || a.id == intent.account_id) {
            all += tx.get(&DAY_USE, &day_key(account.id, intent))?.unwrap_or_default().orders;
        }
        if all >= most {
            return Ok(beyond("daily_trade_limit", most, all + 1, format!("your limit of {most} orders a day is reached")));
        }
    }
    Ok(None)
}

fn day_key(account: crate::domain::id::AccountId, intent: &OrderIntent) -> Key {
    account_key(account).text(&intent.session.to_string())
}

fn use_of(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<DayUse, StoreError> {
    Ok(tx.get(&DAY_USE, &day_key(intent.account_id, intent))?.unwrap_or_default())
}

/// The slices of one sheet are one order of the day.
fn is_counted(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<bool, StoreError> {
    match intent.origin.sheet() {
        Some(sheet) => Ok(tx.get(&DAY_PARENTS, &day_key(intent.account_id, intent).id(sheet.as_bytes()))?.is_some()),
        None => Ok(false),
    }
}

/// Counts an order that passed.
///
/// # Errors
/// When the store cannot be written.
pub(in crate::trading) fn count(tx: &mut UserTx<'_>, intent: &OrderIntent, quote: Option<&Quote>) -> Result<(), StoreError> {
    let mut day = use_of(tx, intent)?;
    if !is_counted(tx, intent)? {
        day.orders += 1;
    }
    if intent.side == Side::Buy {
        day.buys += worth(intent, quote);
    }
    if let Some(sheet) = intent.origin.sheet() {
        let key = day_key(intent.account_id, intent).id(sheet.as_bytes());
        tx.put(&DAY_PARENTS, &key, &crate::storage::tables::Number(1))?;
    }
    tx.put(&DAY_USE, &day_key(intent.account_id, intent), &day)
}
