//! What the trading layer refuses or cannot do.

use crate::brokers::BrokerError;
use crate::storage::StoreError;

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
    /// An input is wrong; `pointer` names the field.
    #[error("{detail}")]
    Invalid { pointer: &'static str, detail: String },
    /// The calendar does not know the date.
    #[error("{0}")]
    Calendar(String),
}

impl TradingError {
    pub fn refused(code: &'static str, detail: impl Into<String>) -> Self {
        TradingError::Refused { code, detail: detail.into() }
    }

    pub fn invalid(pointer: &'static str, detail: impl Into<String>) -> Self {
        TradingError::Invalid { pointer, detail: detail.into() }
    }
}
