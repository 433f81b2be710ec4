//! Prices of everything listed, as a pure function of seed and time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::calendar::{Calendars, Session, SessionCalendar};
use super::listing::{Family, Listing};
use super::noise::Noise;
use super::path::{DayPath, DayShape, PIECES, regime};
use crate::domain::instrument::Market;
use crate::domain::order::Side;
use crate::domain::rules::{price_limit, tick};

/// Paths of this many sessions and families are kept; older ones are computed again when asked for.
const KEPT_PATHS: usize = 48;

/// What decides the price model.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    pub seed: u64,
    /// Each instrument closes at its anchor price on the last session up to this date.
    pub anchor_date: Date,
    /// In the market's currency, by symbol; symbols without one use the listing's default.
    pub anchor_prices: BTreeMap<String, f64>,
    /// Least and most shares shown per side and second.
    pub displayed: (u32, u32),
}

/// A daily bar, in the market's currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    pub date: Date,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: u64,
}

/// One minute of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minute {
    /// Its first instant.
    pub at: Timestamp,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: u64,
    /// Shares traded from the open of the session to its end.
    pub volume_so_far: u64,
}

/// Prices and sizes of a book, best first: bids and asks.
pub type Levels = (Vec<(Decimal, u64)>, Vec<(Decimal, u64)>);

/// What a price screen shows at an instant: the bar of the running or last session and the closes
/// around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Snapshot {
    /// The session so far; its close is the last price.
    pub bar: Bar,
    /// Close of the session before.
    pub base: Decimal,
    pub previous_volume: u64,
    pub bid: Decimal,
    pub ask: Decimal,
    pub bid_size: u64,
    pub ask_size: u64,
}

/// The price model with what it has computed so far.
#[derive(Debug)]
pub struct MarketModel {
    noise: Noise,
    calendars: Calendars,
    config: ModelConfig,
    shapes: HashMap<(Family, Date), DayShape>,
    paths: VecDeque<((Family, Date), Arc<DayPath>)>,
    closes: HashMap<&'static str, BTreeMap<Date, f64>>,
    pins: HashMap<&'static str, Decimal>,
}

impl MarketModel {
    pub fn new(config: ModelConfig, calendars: Calendars) -> Self {
        Self {
            noise: Noise::new(config.seed).named("market-model"),
            calendars,
            config,
            shapes: HashMap::new(),
            paths: VecDeque::new(),
            closes: HashMap::new(),
            pins: HashMap::new(),
        }
    }

    pub fn calendar(&self, market: Market) -> &Arc<dyn SessionCalendar> {
        self.calendars.of(market)
    }

    fn calendar_of(&self, listing: &Listing) -> &Arc<dyn SessionCalendar> {
        self.calendars.of(listing.market())
    }

    /// Holds an instrument's last price at a value from now on; `None` lets it go again. Bars keep to
    /// the model.
    pub fn pin(&mut self, listing: &'static Listing, price: Option<Decimal>) {
        match price {
            Some(price) => self.pins.insert(listing.symbol, price),
            None => self.pins.remove(listing.symbol),
        };
    }

    pub fn is_pinned(&self, listing: &Listing) -> bool {
        self.pins.contains_key(listing.symbol)
    }

    /// The last price at an instant; between sessions the close of the last one.
    pub fn price(&mut self, listing: &'static Listing, at: Timestamp) -> Decimal {
        if let Some(pin) = self.pins.get(listing.symbol) {
            return *pin;
        }
        match self.calendar_of(listing).latest_session(at) {
            Some(session) => {
                let path = self.path(listing.family, session.date);
                let base = self.base(listing, session.date);
                on_tick(listing, leveraged(base, listing, path.at(place(session, at))))
            }
            None => on_tick(listing, listing.price),
        }
    }

    /// Best bid and ask at an instant.
    pub fn bid_ask(&mut self, listing: &'static Listing, at: Timestamp) -> (Decimal, Decimal) {
        let last = self.price(listing, at);
        if listing.market() == Market::Krx {
            let below = tick::below(Market::Krx, listing.krx_fund, last);
            return (below.max(Decimal::ONE), tick::above(Market::Krx, listing.krx_fund, last));
        }
        let step = if last < Decimal::ONE { Decimal::new(1, 4) } else { Decimal::new(1, 2) };
        // One basis point each way, at least one tick.
        let half = (last * Decimal::new(1, 4)).round_dp(step.scale()).max(step);
        ((last - half).max(step), last + half)
    }

    /// The price at which an order of a side trades at once.
    pub fn touch(&mut self, listing: &'static Listing, side: Side, at: Timestamp) -> Decimal {
        let (bid, ask) = self.bid_ask(listing, at);
        match side {
            Side::Buy => ask,
            Side::Sell => bid,
        }
    }

    /// Shares on offer at the touch during the second that contains `at`.
    pub fn displayed(&self, listing: &'static Listing, side: Side, at: Timestamp) -> u64 {
        let (least, most) = (self.config.displayed.0.max(1), self.config.displayed.1.max(self.config.displayed.0).max(1));
        let source = self.noise.named("displayed").named(listing.symbol).at(at.as_second() as u64).at(u64::from(side == Side::Buy));
        u64::from(least) + (source.uniform().powi(2) * f64::from(most - least + 1)) as u64
    }

    /// The price screen at an instant; `None` before the model's first session.
    pub fn snapshot(&mut self, listing: &'static Listing, at: Timestamp) -> Option<Snapshot> {
        let session = self.calendar_of(listing).latest_session(at)?;
        let before = self.calendar_of(listing).session_before(session.date)?;
        let mut bar = self.bar(listing, session, at);
        bar.close = self.price(listing, at);
        bar.high = bar.high.max(bar.close);
        bar.low = bar.low.min(bar.close);
        let (bid, ask) = self.bid_ask(listing, at);
        Some(Snapshot {
            bar,
            base: self.reference(listing, session.date),
            previous_volume: self.volume(listing, before.date, 1.0),
            bid,
            ask,
            // A buyer meets the ask's size, a seller the bid's.
            bid_size: self.displayed(listing, Side::Sell, at),
            ask_size: self.displayed(listing, Side::Buy, at),
        })
    }

    /// The close before a session, on a tick: what changes and price limits are counted from.
    pub fn reference(&mut self, listing: &'static Listing, date: Date) -> Decimal {
        let base = self.base(listing, date);
        on_tick(listing, base)
    }

    /// Lowest and highest price of an order in a session of KRX.
    pub fn limits(&mut self, listing: &'static Listing, date: Date) -> (Decimal, Decimal) {
        price_limit::leveraged_range(self.reference(listing, date), listing.krx_fund, listing.limit_multiple())
    }

    /// The book at an instant: `depth` prices per side, one tick apart.
    pub fn levels(&mut self, listing: &'static Listing, at: Timestamp, depth: usize) -> Levels {
        let (bid, ask) = self.bid_ask(listing, at);
        let (market, fund) = (listing.market(), listing.krx_fund);
        let source = self.noise.named("depth").named(listing.symbol).at(at.as_second() as u64);
        let size = |model: &Self, side: Side, level: usize| {
            let first = model.displayed(listing, side, at);
            // Deeper levels hold more.
            let more = source.at(u64::from(side == Side::Buy)).at(level as u64).uniform() * level as f64;
            first + (first as f64 * more) as u64
        };
        let bids = std::iter::successors(Some(bid), |price| Some(tick::below(market, fund, *price)).filter(|below| *below > Decimal::ZERO));
        let asks = std::iter::successors(Some(ask), |price| Some(tick::above(market, fund, *price)));
        (
            bids.take(depth).enumerate().map(|(level, price)| (price, size(self, Side::Sell, level))).collect(),
            asks.take(depth).enumerate().map(|(level, price)| (price, size(self, Side::Buy, level))).collect(),
        )
    }

    /// Minutes of the session that runs at `until` or ran last before it, newest first, at most
    /// `count`, none that begins after `until`.
    pub fn minutes(&mut self, listing: &'static Listing, until: Timestamp, count: usize) -> Vec<Minute> {
        let Some(session) = self.calendar_of(listing).latest_session(until) else { return Vec::new() };
        let (open, close) = (session.open.as_second(), session.close.as_second());
        let last = until.as_second().min(close - 1);
        let mut start = last - (last - open).rem_euclid(60);
        let mut minutes = Vec::new();
        while start >= open && minutes.len() < count {
            let end = (start + 60).min(close).min(until.as_second() + 1);
            let prices: Vec<Decimal> = (start..end).map(|second| self.price(listing, at_second(second))).collect();
            if let (Some(first), Some(last)) = (prices.first(), prices.last()) {
                let until = |second| self.volume(listing, session.date, place(session, at_second(second)));
                let (before, after) = (until(start), until(end));
                minutes.push(Minute {
                    at: at_second(start),
                    open: *first,
                    high: prices.iter().copied().max().unwrap_or(*first),
                    low: prices.iter().copied().min().unwrap_or(*first),
                    close: *last,
                    volume: after.saturating_sub(before),
                    volume_so_far: after,
                });
            }
            start -= 60;
        }
        minutes
    }

    /// Shares that the market trades in a session up to an instant.
    pub fn volume_until(&self, listing: &'static Listing, at: Timestamp) -> u64 {
        let session = self.calendar_of(listing).latest_session(at);
        session.map_or(0, |session| self.volume(listing, session.date, place(session, at)))
    }

    /// Daily bars, newest first, at most `count`, of sessions not after `until` that have opened.
    pub fn bars(&mut self, listing: &'static Listing, until: Date, count: usize, now: Timestamp) -> Vec<Bar> {
        let Some(latest) = self.calendar_of(listing).latest_session(now) else { return Vec::new() };
        let mut session = self.calendar_of(listing).session_on_or_before(until.min(latest.date));
        let mut bars = Vec::new();
        while let Some(day) = session {
            if bars.len() == count || day.date < EARLIEST {
                break;
            }
            bars.push(self.bar(listing, day, now));
            session = self.calendar_of(listing).session_before(day.date);
        }
        bars
    }

    /// The first instant in [from, until) at which an order of this side and limit could trade: `from`
    /// itself or a whole second after it.
    pub fn first_touch(
        &mut self,
        listing: &'static Listing,
        side: Side,
        limit: Decimal,
        from: Timestamp,
        until: Timestamp,
    ) -> Option<Timestamp> {
        self.first_instant(listing, from, until, |model, at| match side {
            Side::Buy => model.touch(listing, side, at) <= limit,
            Side::Sell => model.touch(listing, side, at) >= limit,
        })
    }

    /// The first instant in [from, until) at which the last price has risen to a level (`rising`) or
    /// fallen to it.
    pub fn first_crossing(
        &mut self,
        listing: &'static Listing,
        level: Decimal,
        rising: bool,
        from: Timestamp,
        until: Timestamp,
    ) -> Option<Timestamp> {
        self.first_instant(listing, from, until, |model, at| {
            let price = model.price(listing, at);
            if rising { price >= level } else { price <= level }
        })
    }

    /// The first instant in [from, until) that is good: `from` itself or a whole second after it.
    /// Between two knots of the path, `good` must turn from bad to good or back at most once.
    fn first_instant(
        &mut self,
        listing: &'static Listing,
        from: Timestamp,
        until: Timestamp,
        good: impl Fn(&mut Self, Timestamp) -> bool,
    ) -> Option<Timestamp> {
        if from >= until {
            return None;
        }
        if good(self, from) {
            return Some(from);
        }
        if self.is_pinned(listing) {
            return None;
        }
        let session = self.calendar_of(listing).running_or_next_session(from)?;
        // A second counts when it has begun before `until`.
        let until = until.min(session.close);
        let until = until.as_second() + i64::from(until.subsec_nanosecond() > 0);
        let length = (session.close.as_second() - session.open.as_second()).max(1);
        let mut second = (from.as_second() + 1).max(session.open.as_second());
        while second < until {
            // Within one piece the price only rises or only falls: if neither end is good, nothing
            // between them is.
            let piece = (second - session.open.as_second()) * PIECES as i64 / length;
            let knot = session.open.as_second() + ((piece + 1) * length + PIECES as i64 - 1) / PIECES as i64;
            let end = knot.clamp(second + 1, until);
            if good(self, at_second(second)) {
                return Some(at_second(second));
            }
            if good(self, at_second(end - 1)) {
                for inner in second + 1..end {
                    if good(self, at_second(inner)) {
                        return Some(at_second(inner));
                    }
                }
            }
            second = end;
        }
        None
    }

    fn bar(&mut self, listing: &'static Listing, session: Session, now: Timestamp) -> Bar {
        let part = place(session, now);
        let shape = if part < 1.0 { self.path(listing.family, session.date).until(part) } else { self.shape(listing.family, session.date) };
        let base = self.base(listing, session.date);
        let at = |ratio| on_tick(listing, leveraged(base, listing, ratio));
        // A short fund is lowest where its index is highest.
        let (high, low) = if listing.leverage >= 0.0 { (shape.high, shape.low) } else { (shape.low, shape.high) };
        Bar {
            date: session.date,
            open: at(shape.open),
            high: at(high),
            low: at(low),
            close: at(shape.close),
            volume: self.volume(listing, session.date, part),
        }
    }

    /// Close of the session before `date`, unrounded.
    fn base(&mut self, listing: &'static Listing, date: Date) -> f64 {
        let before = self.calendar_of(listing).session_before(date).map_or(date, |session| session.date);
        self.close(listing, before)
    }

    /// Close of a session, unrounded. Walks from the nearest known close.
    fn close(&mut self, listing: &'static Listing, date: Date) -> f64 {
        let mut known = self.closes.remove(listing.symbol).unwrap_or_default();
        if known.is_empty() {
            let anchor =
                self.calendar_of(listing).session_on_or_before(self.config.anchor_date).map_or(self.config.anchor_date, |s| s.date);
            known.insert(anchor, self.config.anchor_prices.get(listing.symbol).copied().unwrap_or(listing.price));
        }
        while let Some((last, close)) = known.last_key_value().map(|(d, c)| (*d, *c)).filter(|(last, _)| *last < date) {
            let Some(next) = self.calendar_of(listing).session_after(last).filter(|next| next.date <= date) else { break };
            let shape = self.shape(listing.family, next.date);
            known.insert(next.date, leveraged(close, listing, shape.close));
        }
        while let Some((first, close)) = known.first_key_value().map(|(d, c)| (*d, *c)).filter(|(first, _)| *first > date) {
            let Some(before) = self.calendar_of(listing).session_before(first) else { break };
            let shape = self.shape(listing.family, first);
            known.insert(before.date, close / leveraged(1.0, listing, shape.close));
        }
        let close = known.range(..=date).next_back().or_else(|| known.first_key_value()).map_or(listing.price, |(_, close)| *close);
        self.closes.insert(listing.symbol, known);
        close
    }

    fn shape(&mut self, family: Family, date: Date) -> DayShape {
        if let Some(shape) = self.shapes.get(&(family, date)) {
            return *shape;
        }
        let shape = DayPath::new(self.noise, family, date).until(1.0);
        self.shapes.insert((family, date), shape);
        shape
    }

    fn path(&mut self, family: Family, date: Date) -> Arc<DayPath> {
        if let Some((_, path)) = self.paths.iter().find(|(key, _)| *key == (family, date)) {
            return Arc::clone(path);
        }
        let path = Arc::new(DayPath::new(self.noise, family, date));
        self.paths.push_front(((family, date), Arc::clone(&path)));
        self.paths.truncate(KEPT_PATHS);
        path
    }

    /// Shares traded from the open to a place in the session, more at both ends of the day.
    fn volume(&self, listing: &'static Listing, date: Date, part: f64) -> u64 {
        let luck = self.noise.named("volume").named(listing.symbol).at(super::fx::day_number(date) as u64).uniform();
        let day = listing.volume as f64 * regime(self.noise, date).powf(0.7) * (0.7 + 0.6 * luck);
        let share = part + 0.6 * (std::f64::consts::TAU * part).sin() / std::f64::consts::TAU;
        (day * share.clamp(0.0, 1.0)).to_u64().unwrap_or(0)
    }
}

/// No bars before this date.
const EARLIEST: Date = Date::constant(2010, 1, 4);

fn leveraged(base: f64, listing: &Listing, ratio: f64) -> f64 {
    base * (1.0 + listing.leverage * (ratio - 1.0))
}

/// Where in its session an instant lies: 0 at the open, 1 from the close on.
fn place(session: Session, at: Timestamp) -> f64 {
    let length = session.close.duration_since(session.open).as_secs_f64();
    (at.duration_since(session.open).as_secs_f64() / length.max(1.0)).clamp(0.0, 1.0)
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// The nearest tick: cents from one dollar upwards and hundredths of a cent below, or KRX's table.
fn on_tick(listing: &Listing, price: f64) -> Decimal {
    match listing.market() {
        Market::Us if price >= 1.0 => Decimal::new((price * 100.0).round() as i64, 2),
        Market::Us => Decimal::new((price * 10_000.0).round().max(1.0) as i64, 4),
        Market::Krx => tick::round_nearest(Market::Krx, listing.krx_fund, Decimal::new((price * 100.0).round() as i64, 2)),
    }
}

#[cfg(test)]
#[path = "market_tests.rs"]
mod tests;
