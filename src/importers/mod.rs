//! Importers: bringing the data of older programs into the store, completely or not at all.

pub mod eggmoney;
pub mod staging;
pub mod transfer;
