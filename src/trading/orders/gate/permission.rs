//! Who may send at all: environment, kill switch, what the administrator allows, the account's mode and
//! its bots' rungs, questions that are open.

use crate::domain::account::{Account, AccountMode, Rung};
use crate::domain::id::{BotId, UserId};
use crate::domain::limits::{HoldReason, InstallRules};
use crate::domain::order::{Environment, OrderIntent, OrderOrigin, Reason};
use crate::storage::tables::{ACCOUNTS, BOTS};
use crate::storage::{Store, StoreError, UserTx, UserView, account_key};
use crate::trading::going_live::live_refusal;
use crate::trading::orders::rules;
use crate::trading::reconciliation::differences::{code_of_hold, open_question};

use super::refuse;

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

pub(super) fn environment_mismatch() -> Option<Reason> {
    refuse("environment_mismatch", "the order was decided for another environment than the account's")
}

/// Mode, permission and kill switch.
pub(super) fn permission(
    view: &UserView<'_>,
    install: &InstallRules,
    intent: &OrderIntent,
    account: &Account,
) -> Result<Option<Reason>, StoreError> {
    if intent.environment != account.environment {
        return Ok(environment_mismatch());
    }
    if let Some(hold) = &install.hold {
        return Ok(refuse("held", words_of_hold(&hold.reason)));
    }
    if let Some(who) = rules::halted(view, install, intent.account_id)? {
        return Ok(refuse("halted", format!("the kill switch of {} is on: no new order passes until it is lifted", who.words())));
    }
    if intent.environment == Environment::Live {
        if let Some(reason) = live_refusal(view, install, account)? {
            return Ok(Some(reason));
        }
    } else if !rules::user(view)?.can_paper_trade {
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

fn words_of_hold(reason: &HoldReason) -> &'static str {
    match reason {
        HoldReason::Restored => {
            "these data came out of a backup: nothing is traded until an administrator confirms that the old installation is off"
        }
        HoldReason::Superseded { .. } => {
            "a backup of these data was restored elsewhere: nothing is traded here until an administrator takes over again"
        }
    }
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
pub(super) fn question(tx: &UserTx<'_>, intent: &OrderIntent) -> Result<Option<Reason>, StoreError> {
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
