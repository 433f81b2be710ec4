//! Charts that the broker hands out backwards, a page at a time.

use jiff::civil::Date;

use crate::brokers::DailyBar;

/// More calls than any sensible history needs.
const MAX_PAGES: usize = 100;

/// Bars collected so far and what to ask for next.
#[derive(Debug)]
pub(super) struct Chart {
    bars: Vec<DailyBar>,
    count: usize,
    /// Last day wanted of the next page; `None` inside for the newest there is.
    next: Option<Option<Date>>,
    pages: usize,
}

impl Chart {
    /// A chart of at most `count` bars, the newest not after `until`.
    pub fn new(until: Option<Date>, count: usize) -> Self {
        Self { bars: Vec::new(), count, next: Some(until), pages: 0 }
    }

    /// The last day of the page to ask for; `None` when there is no need or no sense in asking on.
    pub fn wanted(&self) -> Option<Option<Date>> {
        self.next.filter(|_| self.pages < MAX_PAGES)
    }

    pub fn add(&mut self, mut page: Vec<DailyBar>) {
        self.pages += 1;
        let last = self.next.flatten();
        page.retain(|bar| last.is_none_or(|last| bar.date <= last));
        let oldest = page.iter().map(|bar| bar.date).min();
        self.bars.extend(page);
        let before = oldest.and_then(|oldest| oldest.yesterday().ok());
        self.next = before.filter(|_| self.bars.len() < self.count).map(Some);
    }

    /// The newest bars, oldest first.
    pub fn finish(mut self) -> Vec<DailyBar> {
        self.bars.sort_by_key(|bar| bar.date);
        self.bars.dedup_by_key(|bar| bar.date);
        let surplus = self.bars.len().saturating_sub(self.count);
        self.bars.drain(..surplus);
        self.bars
    }
}
