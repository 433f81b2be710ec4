//! What is listed on the markets and how it has traded, from outside sources.

pub mod catalog;
mod english;
pub mod files;
pub mod masters;
pub mod zip;

pub use catalog::{Catalog, MasterFile};
pub use files::MasterFiles;
