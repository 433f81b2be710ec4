//! Accounts that come from another installation: what nobody may set here does not come in either.

use std::collections::BTreeSet;

use super::accounts::{AccountPatch, account_name, check, check_limits};
use super::bots::bot_settings::{BotPatch, checked_bot_name};
use super::bots::changes::MOST_BOTS;
use super::error::TradingError;
use crate::domain::account::Account;
use crate::domain::bot::Bot;
use crate::domain::instrument::Market;

/// Whether a person may set an account and its bots so.
///
/// # Errors
/// A sentence that names the bot and what is wrong.
pub fn may_arrive(account: &Account, bots: &[Bot]) -> Result<(), String> {
    settings(account).map_err(|error| error.to_string())?;
    if bots.len() > MOST_BOTS {
        return Err(format!("it has {} bots, and an account holds at most {MOST_BOTS}", bots.len()));
    }
    let mut names = BTreeSet::new();
    for bot in bots {
        checked_bot_name(&bot.name).map_err(|problem| problem.detail)?;
        if !names.insert(bot.name.as_str()) {
            return Err(format!("two bots are named '{}'", bot.name));
        }
        if bot.market != Market::Us {
            return Err(format!("bot '{}': bots trade in the US market only", bot.name));
        }
        settings_of(bot).checked().map_err(|error| format!("bot '{}': {error}", bot.name))?;
    }
    Ok(())
}

fn settings(account: &Account) -> Result<(), TradingError> {
    let settings = &account.settings;
    account_name(&account.name)?;
    check(&AccountPatch {
        schedule: Some(settings.schedule),
        total_budget: Some(settings.total_budget),
        auto_start_threshold: Some(settings.auto_start_threshold),
        fee_rate: Some(settings.fee_rate),
        ..AccountPatch::default()
    })?;
    check_limits(&settings.limits)
}

fn settings_of(bot: &Bot) -> BotPatch {
    BotPatch {
        symbol: Some(bot.symbol.clone()),
        seed: Some(bot.seed),
        profit_rate: Some(bot.profit_rate),
        t_div: Some(bot.t_div),
        max_tier: Some(bot.max_tier),
        closing_conditions: Some(bot.closing_conditions.clone()),
        sell_cooldown_days: Some(bot.sell_cooldown_days),
        trailing_t_threshold: Some(bot.trailing_t_threshold),
        trailing_stop_pct: Some(bot.trailing_stop_pct),
        trailing_floor_rate: Some(bot.trailing_floor_rate),
        added_seed: Some(bot.added_seed),
        // The others have no bounds.
        ..BotPatch::default()
    }
}
