//! What is listed on the markets and how it has traded, from outside sources.

pub mod masters;
