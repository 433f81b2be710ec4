//! One integration-test binary: linking is what costs time.

mod golden;
