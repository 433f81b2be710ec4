//! What can go wrong at a broker, by what the caller may do about it.

use std::time::Duration;

use crate::domain::order::Reason;

/// Why a broker refused an order or a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectionKind {
    InsufficientFunds,
    InsufficientHoldings,
    MarketClosed,
    UnknownInstrument,
    BadPrice,
    /// The account or key lacks something that only the broker's own app can settle.
    NotPermitted,
    Other,
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BrokerError {
    /// The request never left: nothing has happened at the broker.
    #[error("cannot reach the broker: {0}")]
    Unreachable(String),
    /// The request may have arrived; no usable answer came.
    #[error("no answer from the broker: {0}")]
    NoAnswer(String),
    /// Too many calls; the broker did not execute this one.
    #[error("the broker's call limit was reached ({code})")]
    RateLimited { code: String, retry_after: Option<Duration> },
    /// Key, secret or token are not accepted.
    #[error("the broker does not accept the credentials ({code}): {message}")]
    Unauthorized { code: String, message: String },
    /// The broker understood and refused.
    #[error("refused by the broker ({code}): {message}")]
    Rejected { code: String, message: String, kind: RejectionKind },
    /// The answer does not have the documented form; an order may have been taken.
    #[error("unexpected answer from the broker: {0}")]
    Protocol(String),
    /// The broker knows no such instrument.
    #[error("the broker knows no instrument {0}")]
    UnknownInstrument(String),
    /// This client must not do that: wrong environment, or live orders are locked.
    #[error("{0}")]
    Forbidden(String),
    /// It waited longer than its order may wait; it was not sent.
    #[error("the order was not sent: its time was over at {0}")]
    TooLate(jiff::Timestamp),
    /// Real money, and not everybody who must allow it does.
    #[error("orders to this live account are locked: administrator, permission and the account's rung must all allow them")]
    LiveLocked,
    /// It waited here, and meanwhile a kill switch was thrown, the account stopped or a permission taken
    /// back; it was not sent.
    #[error("{}", .0.message)]
    Halted(Reason),
}

/// What a failed order request means for the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderOutcome {
    /// Certainly not placed.
    NotPlaced,
    /// Nobody knows: find out, never send again.
    Unknown,
}

impl BrokerError {
    /// What the error means when it answers an order request.
    pub fn order_outcome(&self) -> OrderOutcome {
        match self {
            BrokerError::Unreachable(_)
            | BrokerError::RateLimited { .. }
            | BrokerError::Unauthorized { .. }
            | BrokerError::Rejected { .. }
            | BrokerError::UnknownInstrument(_)
            | BrokerError::Forbidden(_)
            | BrokerError::TooLate(_)
            | BrokerError::LiveLocked
            | BrokerError::Halted(_) => OrderOutcome::NotPlaced,
            BrokerError::NoAnswer(_) | BrokerError::Protocol(_) => OrderOutcome::Unknown,
        }
    }

    /// A read may be tried again.
    pub fn is_transient(&self) -> bool {
        matches!(self, BrokerError::Unreachable(_) | BrokerError::NoAnswer(_) | BrokerError::RateLimited { .. })
    }

    /// Code and sentence that the broker itself gave, in its own language.
    pub fn said(&self) -> Option<(&str, &str)> {
        match self {
            BrokerError::Unauthorized { code, message } | BrokerError::Rejected { code, message, .. } => Some((code, message)),
            _ => None,
        }
    }

    /// What to keep with an order or in a message beside [`BrokerError::code`]: the broker's own words if it spoke.
    pub fn words(&self) -> String {
        match self.said() {
            Some((_, message)) if !message.is_empty() => message.to_owned(),
            _ => self.to_string(),
        }
    }

    /// Name of the kind of failure, the same for every broker.
    pub fn kind(&self) -> &'static str {
        match self {
            BrokerError::Unreachable(_) => "broker_unreachable",
            BrokerError::NoAnswer(_) => "broker_no_answer",
            BrokerError::Protocol(_) => "broker_protocol",
            BrokerError::RateLimited { .. } => "too_many_requests",
            BrokerError::Unauthorized { .. } => "broker_credentials",
            BrokerError::Rejected { .. } => "broker_rejected",
            BrokerError::UnknownInstrument(_) => "unknown_instrument",
            BrokerError::Forbidden(_) => "forbidden_environment",
            BrokerError::TooLate(_) => "too_late",
            BrokerError::LiveLocked => "live_locked",
            BrokerError::Halted(_) => "halted",
        }
    }

    /// Stable code for messages and logs.
    pub fn code(&self) -> &str {
        match self {
            BrokerError::RateLimited { code, .. } | BrokerError::Unauthorized { code, .. } | BrokerError::Rejected { code, .. } => code,
            BrokerError::Halted(reason) => &reason.code,
            _ => self.kind(),
        }
    }

    /// Code to keep with an order that failed: the broker's own only where the broker decided on it.
    pub fn order_code(&self) -> &str {
        match self {
            BrokerError::Rejected { code, .. } => code,
            BrokerError::Halted(reason) => &reason.code,
            _ => self.kind(),
        }
    }
}

/// Order codes of failures on the way to the broker: nobody there decided anything about the order.
pub const ON_THE_WAY: [&str; 4] = ["broker_unreachable", "too_many_requests", "broker_credentials", "too_late"];
