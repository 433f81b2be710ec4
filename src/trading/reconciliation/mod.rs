//! Our books against the broker's: positions and cash compared, questions to the owner, their answers.

pub(super) mod answers;
pub(super) mod balance;
pub(super) mod cash;
pub(super) mod compare;
pub(super) mod differences;
pub(super) mod positions;
