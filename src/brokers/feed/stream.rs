//! Events on their way from a feed to its listeners. Notices have a line of their own, so that a
//! flood of trades pushes none of them out.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::FeedEvent;

/// So many notices and changes of the session wait for a slow listener …
const NOTICES: usize = 1_024;
/// … and so many trades and books.
const MARKET: usize = 4_096;

/// The feed's end.
#[derive(Debug)]
pub struct FeedHub {
    notices: broadcast::Sender<FeedEvent>,
    market: broadcast::Sender<FeedEvent>,
}

impl Default for FeedHub {
    fn default() -> Self {
        Self { notices: broadcast::Sender::new(NOTICES), market: broadcast::Sender::new(MARKET) }
    }
}

impl FeedHub {
    /// Tells all listeners; none is no fault.
    pub fn tell(&self, event: FeedEvent) {
        let line = match event {
            FeedEvent::Trade(_) | FeedEvent::Book(_) => &self.market,
            _ => &self.notices,
        };
        let _ = line.send(event);
    }

    /// A listener of everything from now on.
    pub fn listen(&self) -> FeedStream {
        FeedStream { notices: self.notices.subscribe(), market: self.market.subscribe() }
    }
}

/// A listener's end.
#[derive(Debug)]
pub struct FeedStream {
    notices: broadcast::Receiver<FeedEvent>,
    market: broadcast::Receiver<FeedEvent>,
}

impl FeedStream {
    /// The next event, notices and changes of the session before trades and books; `None` when the
    /// feed is gone.
    pub async fn next(&mut self) -> Option<FeedEvent> {
        let (received, notices) = tokio::select! {
            biased;
            event = self.notices.recv() => (event, true),
            event = self.market.recv() => (event, false),
        };
        match received {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(count)) => Some(FeedEvent::Missed { notices, count }),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::super::Trade;
    use super::*;
    use crate::domain::instrument::Exchange;

    fn trade(volume: u64) -> FeedEvent {
        FeedEvent::Trade(Trade {
            exchange: Exchange::Krx,
            symbol: "005930".to_owned(),
            price: Decimal::ONE,
            volume,
            day_volume: volume,
            at: jiff::Timestamp::UNIX_EPOCH,
        })
    }

    #[tokio::test]
    async fn a_flood_of_trades_costs_trades_but_no_notice() {
        let hub = FeedHub::default();
        let mut stream = hub.listen();
        hub.tell(FeedEvent::Connected);
        for volume in 0..MARKET as u64 + 10 {
            hub.tell(trade(volume));
        }
        hub.tell(FeedEvent::Lost { reason: "x".to_owned() });
        assert_eq!(stream.next().await, Some(FeedEvent::Connected));
        assert_eq!(stream.next().await, Some(FeedEvent::Lost { reason: "x".to_owned() }));
        assert_eq!(stream.next().await, Some(FeedEvent::Missed { notices: false, count: 10 }));
        assert_eq!(stream.next().await, Some(trade(10)), "the newest are kept");
        drop(hub);
        let mut last = None;
        while let Some(event) = stream.next().await {
            last = Some(event);
        }
        // When the notices' line is closed the feed is gone: what is left of the market no longer counts.
        assert_eq!(last, None);
    }
}
