//! Writes a planned account: the first time all of it, later only what a newer copy of the old data
//! has otherwise. The journal is never rewritten; corrections stand beside what they correct.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::brought::{Brought, EMPTY, GONE, Standing};
use super::plan::{Plan, has_fills};
use crate::domain::account::{Account, AccountSettings};
use crate::domain::bot::{Bot, HistoryRow, Holding, Sheet};
use crate::domain::fact::{Actor, Event, SheetEnd};
use crate::domain::id::AccountId;
use crate::storage::tables::{BOTS, HISTORY, HOLDINGS, SHEETS};
use crate::storage::{StoreError, UserTx, account_key};

/// Most rows that a report lists; the counts tell of all.
const MOST_LISTED: usize = 200;

/// What happens to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

/// A value that a newer copy has otherwise; `null` where there is none.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FieldChange {
    pub field: String,
    pub before: Value,
    pub after: Value,
}

/// A row that a newer copy has otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Change {
    /// The old program's table, or `key_store`.
    pub table: &'static str,
    /// The bot's name, or the setting's.
    pub name: String,
    pub change: ChangeKind,
    pub fields: Vec<FieldChange>,
}

/// How many rows of a table change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Counts {
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
    pub same: usize,
}

/// What a newer copy changes in the account that it updates.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Changes {
    #[schema(value_type = uuid::Uuid)]
    pub account_id: AccountId,
    pub account_name: String,
    /// When the account was brought up to date the last time.
    pub imported_at: Option<Timestamp>,
    pub tables: BTreeMap<&'static str, Counts>,
    /// The first of the rows that change.
    pub items: Vec<Change>,
    /// Rows that change and are not listed.
    pub more: usize,
}

impl Changes {
    fn of(account: &Account) -> Self {
        Self {
            account_id: account.id,
            account_name: account.name.clone(),
            imported_at: account.imported.as_ref().map(|mark| mark.at),
            tables: BTreeMap::new(),
            items: Vec::new(),
            more: 0,
        }
    }

    fn add(&mut self, change: Change) {
        let counts = self.tables.entry(change.table).or_default();
        match change.change {
            ChangeKind::Added => counts.added += 1,
            ChangeKind::Changed => counts.changed += 1,
            ChangeKind::Removed => counts.removed += 1,
        }
        if self.items.len() < MOST_LISTED {
            self.items.push(change);
        } else {
            self.more += 1;
        }
    }

    /// Compares one row; tells whether it differs.
    fn row<R: Serialize + PartialEq>(&mut self, kind: &Shown, name: &str, before: Option<&R>, after: Option<&R>) -> bool {
        let change = match (before, after) {
            (Some(a), Some(b)) if a == b => {
                self.tables.entry(kind.table).or_default().same += 1;
                return false;
            }
            (None, None) => return false,
            (None, Some(_)) => ChangeKind::Added,
            (Some(_), None) => ChangeKind::Removed,
            (Some(_), Some(_)) => ChangeKind::Changed,
        };
        let json = |row: Option<&R>| row.and_then(|r| serde_json::to_value(r).ok()).unwrap_or(Value::Null);
        let (before, after) = (json(before), json(after));
        let names: BTreeSet<&String> = [&before, &after].into_iter().filter_map(Value::as_object).flat_map(|o| o.keys()).collect();
        let at = |value: &Value, name: &String| value.get(name).cloned().unwrap_or(Value::Null);
        let fields = names
            .into_iter()
            .filter(|name| change == ChangeKind::Changed && !INTERNAL.contains(&name.as_str()) || kind.telling.contains(&name.as_str()))
            .map(|name| FieldChange { field: name.clone(), before: at(&before, name), after: at(&after, name) })
            .filter(|f| f.before != f.after)
            .collect();
        self.add(Change { table: kind.table, name: name.to_owned(), change, fields });
        true
    }
}

/// Fields of our own, which say nothing to people.
const INTERNAL: [&str; 6] = ["id", "account_id", "bot_id", "version", "position", "legacy"];

/// A table as a report shows it: the fields that stand for a whole row.
struct Shown {
    table: &'static str,
    telling: &'static [&'static str],
}

const BOT: Shown = Shown { table: "bot_info", telling: &["symbol", "seed", "max_tier"] };
const TRADE: Shown = Shown { table: "trade", telling: &["symbol", "quantity", "average_price"] };
const ROW: Shown = Shown { table: "history", telling: &["kind", "traded_at", "quantity", "profit"] };
const ORDER: Shown = Shown { table: "order", telling: &["kind", "total"] };
const SETTINGS: Shown = Shown { table: "key_store", telling: &[] };

/// Writes a plan over what the account holds. `None` = the account is new.
pub fn write(tx: &mut UserTx<'_>, before: Option<&Account>, account: AccountId, plan: &Plan, at: Timestamp) -> Result<Changes, StoreError> {
    let mut changes = before.map_or_else(
        || Changes {
            account_id: account,
            account_name: String::new(),
            imported_at: None,
            tables: BTreeMap::new(),
            items: Vec::new(),
            more: 0,
        },
        Changes::of,
    );
    let brought = Brought::of(&tx.view().facts(account)?);
    put_bots(tx, account, plan, &mut changes)?;
    let mut events = holdings(tx, account, plan, &brought, &mut changes)?;
    events.extend(history(tx, account, plan, &brought, &mut changes)?);
    events.extend(sheets(tx, account, plan, &brought, &mut changes)?);
    events.extend(cash(plan, &brought));
    tx.record(account, at, Actor::Import, events)?;
    Ok(changes)
}

/// Lists which settings change.
pub fn compare_settings(changes: &mut Changes, before: &AccountSettings, after: &AccountSettings) {
    let json = |settings: &AccountSettings| serde_json::to_value(settings).unwrap_or(Value::Null);
    let (before, after) = (json(before), json(after));
    for (name, value) in after.as_object().into_iter().flatten() {
        let earlier = before.get(name).unwrap_or(&Value::Null);
        let change = |value: &Value| BTreeMap::from([("value", value.clone())]);
        changes.row(&SETTINGS, name, Some(&change(earlier)), Some(&change(value)));
    }
}

fn put_bots(tx: &mut UserTx<'_>, account: AccountId, plan: &Plan, changes: &mut Changes) -> Result<(), StoreError> {
    let key = |bot: &Bot| account_key(account).id(bot.id.as_bytes());
    let mut stored: BTreeMap<_, Bot> = tx.list(&BOTS, &account_key(account))?.into_iter().map(|b: Bot| (b.id, b)).collect();
    for bot in &plan.bots {
        // An edit that was taken back is no difference.
        let before = stored.remove(&bot.id).map(|b| Bot { version: bot.version, ..b });
        changes.row(&BOT, &bot.name, before.as_ref(), Some(bot));
        tx.put(&BOTS, &key(bot), bot)?;
    }
    for gone in stored.values() {
        changes.row(&BOT, &gone.name, Some(gone), None);
        tx.remove(&BOTS, &key(gone))?;
    }
    Ok(())
}

fn holdings(tx: &UserTx<'_>, account: AccountId, plan: &Plan, brought: &Brought, changes: &mut Changes) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    let mut held: BTreeMap<_, Holding> = tx.list(&HOLDINGS, &account_key(account))?.into_iter().map(|h: Holding| (h.id, h)).collect();
    let close = |id, note: &str| Event::HoldingCorrected { holding_id: id, after: None, note: note.to_owned() };
    for new in &plan.holdings {
        let empty = plan.empty.contains(&new.id);
        let known = brought.holdings.get(new.id.0);
        let before = held.remove(&new.id);
        let ended = known.filter(|(_, standing)| *standing == Standing::Ended).map(|(row, _)| row);
        changes.row(&TRADE, &new.name, before.as_ref().or(ended), Some(new));
        let as_brought = known.is_some_and(|(row, _)| row == new);
        match (&before, empty) {
            (Some(row), false) if row == new && as_brought => {}
            (None, true) if as_brought && ended.is_some() => {}
            (Some(_), _) => events.push(Event::HoldingCorrected { holding_id: new.id, after: Some(new.clone()), note: GONE.to_owned() }),
            (None, _) => events.push(Event::OpeningHolding { holding: new.clone() }),
        }
        if empty && !(as_brought && ended.is_some() && before.is_none()) {
            events.push(close(new.id, EMPTY));
        }
    }
    for gone in held.values() {
        changes.row(&TRADE, &gone.name, Some(gone), None);
        events.push(close(gone.id, GONE));
    }
    let planned: BTreeSet<_> = plan.holdings.iter().map(|h| h.id).collect();
    for (gone, _) in brought.holdings.iter().filter(|(row, s)| *s == Standing::Ended && !planned.contains(&row.id)) {
        changes.row(&TRADE, &gone.name, Some(gone), None);
        events.push(close(gone.id, GONE));
    }
    // What is closed first makes room for what is opened.
    events.sort_by_key(|e| !matches!(e, Event::HoldingCorrected { after: None, note, .. } if note == GONE));
    Ok(events)
}

fn history(tx: &UserTx<'_>, account: AccountId, plan: &Plan, brought: &Brought, changes: &mut Changes) -> Result<Vec<Event>, StoreError> {
    let mut stored: BTreeMap<_, HistoryRow> =
        tx.list(&HISTORY, &account_key(account))?.into_iter().map(|h: HistoryRow| (h.id, h)).collect();
    let mut fresh = Vec::new();
    let mut events = Vec::new();
    let remove = |id| Event::HistoryRemoved { history_id: id, note: GONE.to_owned() };
    for new in &plan.history {
        let before = stored.remove(&new.id);
        let differs = changes.row(&ROW, &new.name, before.as_ref(), Some(new));
        let as_brought = brought.history.get(new.id.0).is_some_and(|(row, s)| row == new && *s == Standing::Kept);
        if !differs && as_brought {
            continue;
        }
        if before.is_some() {
            events.push(remove(new.id));
        }
        fresh.push(Event::OpeningHistory { row: new.clone() });
    }
    for gone in stored.values() {
        changes.row(&ROW, &gone.name, Some(gone), None);
        events.push(remove(gone.id));
    }
    events.extend(fresh);
    Ok(events)
}

fn sheets(tx: &UserTx<'_>, account: AccountId, plan: &Plan, brought: &Brought, changes: &mut Changes) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    let mut stored: BTreeMap<_, Sheet> = tx.list(&SHEETS, &account_key(account))?.into_iter().map(|s: Sheet| (s.id, s)).collect();
    let close = |id, reason| Event::SheetClosed { sheet_id: id, reason };
    for new in &plan.sheets {
        let known = brought.sheets.get(new.id.0);
        let ended = known.filter(|(_, standing)| *standing == Standing::Ended).map(|(row, _)| row);
        let before = stored.remove(&new.id);
        changes.row(&ORDER, &new.name, before.as_ref().or(ended), Some(new));
        // A sheet without fills has nothing to settle, and an imported sheet is never carried on.
        let ends = !has_fills(new);
        let in_place = if ends { ended == Some(new) && before.is_none() } else { before.as_ref() == Some(new) };
        if in_place {
            continue;
        }
        events.push(Event::OpeningSheet { sheet: new.clone() });
        if ends {
            events.push(close(new.id, SheetEnd::Outdated));
        }
    }
    let planned: BTreeSet<_> = plan.sheets.iter().map(|s| s.id).collect();
    let ended = brought.sheets.iter().filter(|(row, s)| *s == Standing::Ended && !planned.contains(&row.id)).map(|(row, _)| row);
    for gone in stored.values().chain(ended) {
        changes.row(&ORDER, &gone.name, Some(gone), None);
        events.push(close(gone.id, SheetEnd::Replaced));
    }
    Ok(events)
}

fn cash(plan: &Plan, brought: &Brought) -> Vec<Event> {
    if plan.cash == brought.cash {
        return Vec::new();
    }
    let back = brought.cash.iter().map(|(currency, amount, _)| (*currency, -*amount, GONE.to_owned()));
    let entries = back.chain(plan.cash.iter().cloned());
    entries.map(|(currency, amount, note)| Event::OpeningCash { currency, amount, note }).collect()
}
