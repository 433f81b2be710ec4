//! Paper orders that trade at the price of an auction: on open, on close. Our engine sees no auction; it
//! reads the official price of it from the user's own broker once the exchange has published it.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::gate::Window;
use super::paper::refused;
use crate::domain::instrument::Market;
use crate::domain::money::decimal_from_f64;
use crate::domain::order::{Auction, Environment, Order, Side};
use crate::trading::error::TradingError;
use crate::trading::line::Line;
use crate::trading::tick::{Trading, lock};

/// An auction's price is official some minutes after its time.
const PUBLISHED_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// Between two askings for the same price.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// Who has not heard an auction's price this long after the close will not hear it.
const GIVES_UP: SignedDuration = SignedDuration::from_hours(24);

/// When the prices of a session's auctions were last asked for, and what they were.
#[derive(Debug)]
struct Known {
    asked: Timestamp,
    /// Of the opening and of the closing auction.
    prices: Option<(Decimal, Decimal)>,
}

/// Prices of auctions, by symbol, session and auction: the session's bar goes on while it trades, so that
/// each of its two prices is final at another time.
#[derive(Debug, Default)]
pub(in crate::trading) struct Auctions(Mutex<HashMap<(String, Date, Auction), Known>>);

impl Auctions {
    /// The price, or `None` with whether it may be asked for now; the answer yes counts as asking.
    fn look(&self, symbol: &str, session: Date, auction: Auction, now: Timestamp) -> (Option<Decimal>, bool) {
        let mut known = lock(&self.0);
        known.retain(|_, known| now.duration_since(known.asked) < GIVES_UP);
        let row = known.entry((symbol.to_owned(), session, auction));
        let is_new = matches!(row, std::collections::hash_map::Entry::Vacant(_));
        let row = row.or_insert(Known { asked: now, prices: None });
        let price = row.prices.map(|(opening, closing)| if auction == Auction::Opening { opening } else { closing });
        let ask = price.is_none() && (is_new || now.duration_since(row.asked) >= PAUSE);
        if ask {
            row.asked = now;
        }
        (price, ask)
    }

    fn keep(&self, symbol: &str, session: Date, auction: Auction, prices: (Decimal, Decimal)) {
        if let Some(row) = lock(&self.0).get_mut(&(symbol.to_owned(), session, auction)) {
            row.prices = Some(prices);
        }
    }
}

/// When an order's auction is held; from then on nobody can take the order back.
fn time_of(auction: Auction, window: Window) -> Timestamp {
    match auction {
        Auction::Opening => window.open,
        Auction::Closing => window.close,
    }
}

impl Trading {
    /// The auction of a paper order is over, only its price is not out yet.
    pub(super) fn is_past_auction(&self, order: &Order) -> bool {
        let intent = &order.intent;
        let past = |auction| {
            let window = self.window_of(intent.market, intent.session);
            window.is_some_and(|window| self.clock.now() >= time_of(auction, window))
        };
        intent.environment == Environment::Own && intent.kind.auction().is_some_and(past)
    }

    /// Fills or ends a paper order that waits for an auction, once its price is out.
    pub(super) async fn try_auction(&self, line: &Line, order: &Order, auction: Auction, window: Window) -> Result<(), TradingError> {
        let (intent, now) = (&order.intent, self.clock.now());
        if now.duration_since(time_of(auction, window)) < PUBLISHED_AFTER {
            return Ok(());
        }
        let price = self.auction_price(line, intent.market, &intent.symbol, (intent.session, auction)).await;
        match (price, intent.limit_price) {
            (Some(price), Some(limit)) if if intent.side == Side::Buy { price > limit } else { price < limit } => {
                self.end_paper(line, order, None).await
            }
            (Some(price), _) => self.fill_at(line, order, price).await,
            (None, _) if now.duration_since(window.close) > GIVES_UP => {
                let words = "the price of the auction never came: none of your brokers could be asked for it";
                self.end_paper(line, order, Some(refused(intent.order_id, "auction_price_unknown", words))).await
            }
            (None, _) => Ok(()),
        }
    }

    /// The official price of an auction: known already, or asked of one of the user's own brokers.
    async fn auction_price(&self, paper: &Line, market: Market, symbol: &str, (session, auction): (Date, Auction)) -> Option<Decimal> {
        let (known, ask) = self.auctions.look(symbol, session, auction, self.clock.now());
        if known.is_some() || !ask {
            return known;
        }
        for line in self.lines_for(paper, market).await {
            let Ok(exchange) = self.exchange_of(&line, market, symbol).await else { continue };
            let bars = match line.gateway.daily_bars(exchange, symbol, Some(session), 1).await {
                Ok(bars) => bars,
                Err(error) => {
                    tracing::debug!(account_id = %line.account_id, symbol, %error, "the price of an auction could not be asked for");
                    continue;
                }
            };
            let of_session = bars.iter().find(|bar| bar.date == session);
            let prices = of_session.and_then(|bar| decimal_from_f64(bar.open).zip(decimal_from_f64(bar.close)));
            if let Some((opening, closing)) = prices.filter(|(opening, closing)| *opening > Decimal::ZERO && *closing > Decimal::ZERO) {
                self.auctions.keep(symbol, session, auction, (opening, closing));
                return Some(if auction == Auction::Opening { opening } else { closing });
            }
        }
        None
    }
}
