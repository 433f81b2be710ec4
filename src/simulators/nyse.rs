//! The real calendar as the simulated exchange sees it.

use jiff::civil::Date;

use super::exchange::calendar::{Session, SessionCalendar};
use crate::domain::calendar::Calendar;

impl SessionCalendar for Calendar {
    fn session_on(&self, date: Date) -> Option<Session> {
        // Beyond the covered years the exchange is closed.
        let session = Calendar::session_on(self, date).ok().flatten()?;
        Some(Session { date: session.date, open: session.open, close: session.close })
    }
}
