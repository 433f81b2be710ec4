//! Brokers' servers over one simulated exchange.

pub mod exchange;
