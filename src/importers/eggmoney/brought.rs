//! What the imports of an account have brought, read from its facts: the newest state that an import
//! gave each row, and whether that row still stands for something in the old file.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::plan::{DEPOSITS, WITHDRAWALS};
use super::rows::OldStatus;
use crate::domain::bot::{HistoryRow, Holding, Sheet};
use crate::domain::fact::{Actor, Event, Fact, SheetEnd};
use crate::domain::money::{Currency, f64_from_decimal};

/// Note of a position that was empty in the old data and therefore closed at once.
pub const EMPTY: &str = "a position without shares in the old data";
/// Note of a row that a newer copy of the old data has no longer, or has otherwise.
pub const GONE: &str = "a newer copy of the old data replaced it";

/// What became of an imported row by the import itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is in the books.
    Kept,
    /// It was in the file, but has no place in the books: an empty position, a sheet without fills.
    Ended,
    /// A newer copy of the file does not have it.
    Gone,
}

/// Rows by id, in the order in which they first came.
#[derive(Debug)]
pub struct Rows<T> {
    places: BTreeMap<Uuid, usize>,
    rows: Vec<(T, Standing)>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { places: BTreeMap::new(), rows: Vec::new() }
    }
}

impl<T> Rows<T> {
    fn put(&mut self, id: Uuid, row: T) {
        match self.places.get(&id).and_then(|place| self.rows.get_mut(*place)) {
            Some(known) => *known = (row, Standing::Kept),
            None => {
                self.places.insert(id, self.rows.len());
                self.rows.push((row, Standing::Kept));
            }
        }
    }

    fn stand(&mut self, id: Uuid, standing: Standing) {
        if let Some((_, known)) = self.places.get(&id).and_then(|place| self.rows.get_mut(*place)) {
            *known = standing;
        }
    }

    /// The newest state that an import gave this row.
    pub fn get(&self, id: Uuid) -> Option<&(T, Standing)> {
        self.places.get(&id).and_then(|place| self.rows.get(*place))
    }

    /// All rows, the first to come first.
    pub fn iter(&self) -> impl Iterator<Item = &(T, Standing)> {
        self.rows.iter()
    }
}

/// Everything that imports have brought to an account.
#[derive(Debug, Default)]
pub struct Brought {
    pub holdings: Rows<Holding>,
    pub history: Rows<HistoryRow>,
    pub sheets: Rows<Sheet>,
    /// Sums of deposits and withdrawals.
    pub cash: Vec<(Currency, Decimal, String)>,
}

impl Brought {
    /// Reads an account's facts.
    pub fn of(facts: &[Fact]) -> Self {
        let mut brought = Self::default();
        for fact in facts {
            match &fact.event {
                Event::OpeningHolding { holding } => brought.holdings.put(holding.id.0, holding.clone()),
                Event::OpeningHistory { row } => brought.history.put(row.id.0, row.clone()),
                Event::OpeningSheet { sheet } => brought.sheets.put(sheet.id.0, sheet.clone()),
                Event::OpeningCash { note, .. } if note == GONE => brought.cash.clear(),
                Event::OpeningCash { currency, amount, note } if note.starts_with(DEPOSITS) || note.starts_with(WITHDRAWALS) => {
                    brought.cash.push((*currency, *amount, note.clone()));
                }
                _ if fact.actor == Actor::Import => brought.revise(&fact.event),
                _ => {}
            }
        }
        brought
    }

    fn revise(&mut self, event: &Event) {
        match event {
            Event::HoldingCorrected { holding_id, after: Some(holding), .. } => self.holdings.put(holding_id.0, holding.clone()),
            Event::HoldingCorrected { holding_id, after: None, note } => {
                self.holdings.stand(holding_id.0, if note == EMPTY { Standing::Ended } else { Standing::Gone });
            }
            Event::HistoryRemoved { history_id, .. } => self.history.stand(history_id.0, Standing::Gone),
            // A sheet that an import closes as completed was booked on the owner's word.
            Event::SheetClosed { sheet_id, reason: SheetEnd::Outdated } => self.sheets.stand(sheet_id.0, Standing::Ended),
            Event::SheetClosed { sheet_id, reason: SheetEnd::Replaced } => self.sheets.stand(sheet_id.0, Standing::Gone),
            _ => {}
        }
    }

    /// The sums as the oldest layout's table has them: a row begins with its deposits in won.
    pub fn status(&self) -> Vec<OldStatus> {
        let mut rows: Vec<OldStatus> = Vec::new();
        for (currency, amount, note) in &self.cash {
            let deposit = note.starts_with(DEPOSITS);
            if deposit && *currency == Currency::Krw {
                rows.push(OldStatus { deposit_won: 0.0, deposit_dollar: 0.0, withdraw_won: 0.0, withdraw_dollar: 0.0 });
            }
            let Some(row) = rows.last_mut() else { continue };
            let amount = f64_from_decimal(*amount);
            match (deposit, currency) {
                (true, Currency::Krw) => row.deposit_won = amount,
                (true, Currency::Usd) => row.deposit_dollar = amount,
                (false, Currency::Krw) => row.withdraw_won = -amount,
                (false, Currency::Usd) => row.withdraw_dollar = -amount,
            }
        }
        rows
    }
}
