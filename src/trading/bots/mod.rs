//! Bots as their owner sees and changes them, and what they will do tonight.

pub(super) mod bot_settings;
pub(super) mod changes;
pub(super) mod corrections;
pub(super) mod preview;
pub(super) mod renewal;
pub(super) mod standing;
