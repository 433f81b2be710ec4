//! What the trading layer refuses or cannot do.

use crate::brokers::BrokerError;
use crate::domain::order::Reason;
use crate::storage::StoreError;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// JSON pointer.
    pub pointer: String,
    pub code: &'static str,
    /// What is wrong and what to do.
    pub detail: String,
}

impl FieldProblem {
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// An error of the trading layer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TradingError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A rule forbids it: a stable code, a sentence that says how to go on.
    #[error("{detail}")]
    Refused { code: &'static str, detail: String },
    /// The gate lets an order's new terms not pass, for a reason that an order could have as well.
    #[error("{}", .0.message)]
    Gate(Box<Reason>),
    /// An input is wrong; `pointer` names the field.
    #[error("{detail}")]
    Invalid { pointer: &'static str, detail: String },
    /// Several inputs may be wrong, each with its own code.
    #[error("{}", .0.iter().map(|p| p.detail.as_str()).collect::<Vec<_>>().join("; "))]
    Fields(Vec<FieldProblem>),
    /// The calendar does not know the date.
    #[error("{0}")]
    Calendar(String),
}

impl TradingError {
    pub fn refused(code: &'static str, detail: impl Into<String>) -> Self {
        TradingError::Refused { code, detail: detail.into() }
    }

    /// A refusal that belongs to one field.
    pub fn field(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        TradingError::Fields(vec![FieldProblem::new(pointer, code, detail)])
    }

    pub fn invalid(pointer: &'static str, detail: impl Into<String>) -> Self {
        TradingError::Invalid { pointer, detail: detail.into() }
    }
}

impl From<FieldProblem> for TradingError {
    fn from(problem: FieldProblem) -> Self {
        Self::Fields(vec![problem])
    }
}
