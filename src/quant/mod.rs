//! (described when it arrives)
