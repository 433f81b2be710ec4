//! EggMoney: automatic trading for several people on one NAS.
//!
//! Layers, lowest first; each knows only those below it:
//!
//! | layer | modules |
//! | --- | --- |
//! | pure | [`domain`], [`quant`] |
//! | adapters | [`storage`], [`brokers`], [`market`] |
//! | use cases | [`auth`], [`importers`], [`notify`], [`portfolio`], [`schedule`], [`trading`] |
//! | composition | [`app`] |
//! | edges | [`http`], [`ops`] |
//!
//! [`simulators`] stands beside them: servers that speak the brokers' protocols, for tests and demo.

#[cfg(all(feature = "prove-control", not(debug_assertions)))]
compile_error!("prove-control sends orders twice: it is for a test of debug builds only");

pub mod app;
pub mod auth;
pub mod backup;
pub mod brokers;
pub mod domain;
pub mod http;
pub mod importers;
pub mod market;
pub mod notify;
pub mod ops;
pub mod portfolio;
pub mod quant;
pub mod schedule;
pub mod simulators;
pub mod storage;
pub mod trading;
