//! Old EggMoney accounts: the database, the settings and the environment file of one server become
//! one account of one user, completely or not at all.
//!
//! `source` reads the file, `rows` its rows, `key_store` and `dotenv` what lies beside it; `plan`
//! makes domain values of them, `store` writes these, `run` holds it together in one transaction,
//! `settle` answers the questions that an import leaves open. `export` is the way back.

mod brought;
mod cycles;
mod dotenv;
mod error;
mod export;
mod export_db;
mod ids;
mod key_store;
mod plan;
mod report;
mod rows;
mod run;
mod schedule;
mod settle;
mod source;
mod store;
mod summary;
mod update;
mod value;

pub use error::{ImportError, SettleError};
pub use export::{ExportError, ExportReport, OldCopy};
pub use plan::{OldAccount, Unplaced, Warning};
pub use report::{Files, Outcome, Previous, Report, Secrets};
pub use rows::Fault;
pub use run::{ImportRequest, Imported, MAX_FILE_BYTES, OldFiles, account_name, dry_run, read, run};
pub use settle::{Action, Answer, Question, QuestionKind, questions, settle};
pub use source::{FileMark, SourceError};
pub use update::{Change, ChangeKind, Changes, Counts, FieldChange};
