//! Overseas minutes and order book.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::super::exchange::calendar::{from_new_york, new_york};
use super::super::exchange::{Minute, SimExchange, Snapshot};
use super::call::{Answer, Call};
use super::failure::Failure;
use super::format::{Row, date_text, fixed, parse_date, parse_time, percent, row, time_text};
use super::quotes::{blank, listing, realtime_symbol};
use crate::domain::clock::kst_datetime;
use crate::domain::instrument::Market;

/// Most rows of a minute chart.
const MOST_ROWS: usize = 120;
const BOOK_DEPTH: usize = 10;

/// HHDFS76950200: newest first; the key names the newest bar that is wanted.
pub(super) fn minutes(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let parameters = &call.parameters;
    let length = usize::try_from(parameters.whole("NMIN")?).unwrap_or(0);
    let wanted = usize::try_from(parameters.whole("NREC")?).unwrap_or(MOST_ROWS).min(MOST_ROWS);
    if length == 0 || wanted == 0 {
        return Err(Failure::bad_field(if length == 0 { "NMIN" } else { "NREC" }));
    }
    let key = parameters.text("KEYB");
    let until = match key {
        "" => call.now,
        _ => key_instant(key).ok_or_else(|| Failure::bad_field("KEYB"))?.min(call.now),
    };
    let Some(listing) = listing(call) else {
        let head = blank(["rsym", "zdiv", "stim", "etim", "sktm", "ektm", "next", "more", "nrec"]);
        return Ok(Answer::quotation().object("output1", head).array("output2", Vec::new()));
    };
    let calendar = exchange.market.calendar(Market::Us).clone();
    let session = calendar.latest_session(until);
    let past = parameters.text("PINC") == "1";
    let mut bars: Vec<Minute> = Vec::new();
    let mut running = session;
    while let Some(day) = running {
        if bars.len() > wanted {
            break;
        }
        // One bar more than wanted tells whether there is a next page.
        let missing = (wanted + 1 - bars.len()) * length;
        let minutes = exchange.market.minutes(listing, until.min(day.close), missing + length);
        bars.extend(joined(&minutes, day.open, length).into_iter().take(wanted + 1 - bars.len()));
        running = if past { calendar.session_before(day.date) } else { None };
    }
    let more = bars.len() > wanted;
    bars.truncate(wanted);
    let rows: Vec<Row> = bars
        .iter()
        .map(|bar| {
            let (local, korean) = (new_york(bar.at), kst_datetime(bar.at));
            row([
                ("tymd", date_text(local.date())),
                ("xymd", date_text(local.date())),
                ("xhms", time_text(local)),
                ("kymd", date_text(korean.date())),
                ("khms", time_text(korean)),
                ("open", fixed(bar.open, 4)),
                ("high", fixed(bar.high, 4)),
                ("low", fixed(bar.low, 4)),
                ("last", fixed(bar.close, 4)),
                ("evol", bar.volume.to_string()),
                ("eamt", fixed(bar.close * Decimal::from(bar.volume), 0)),
            ])
        })
        .collect();
    let flag = if more { "1" } else { "0" };
    let hours = |at: Option<Timestamp>, korean: bool| {
        at.map(|at| time_text(if korean { kst_datetime(at) } else { new_york(at) })).unwrap_or_default()
    };
    let (open, close) = (session.map(|session| session.open), session.map(|session| session.close));
    let head = row([
        ("rsym", realtime_symbol(call, listing)),
        ("zdiv", "4".to_owned()),
        ("stim", hours(open, false)),
        ("etim", hours(close, false)),
        ("sktm", hours(open, true)),
        ("ektm", hours(close, true)),
        ("next", flag.to_owned()),
        ("more", flag.to_owned()),
        ("nrec", rows.len().to_string()),
    ]);
    Ok(Answer::quotation().object("output1", head).array("output2", rows))
}

/// The last instant of the minute that a key names, YYYYMMDDHHMMSS in New York.
fn key_instant(key: &str) -> Option<Timestamp> {
    let date = parse_date(key.get(..8)?)?;
    let time = parse_time(key.get(8..)?)?;
    from_new_york(date.to_datetime(time))?.checked_add(SignedDuration::from_secs(59)).ok()
}

/// Minutes (newest first) joined into bars of some length, counted from the open. The oldest bar may
/// lack its beginning; the caller asks for enough to drop it.
fn joined(minutes: &[Minute], open: Timestamp, length: usize) -> Vec<Minute> {
    let bar = |minute: &Minute| (minute.at.as_second() - open.as_second()) / (60 * length as i64);
    minutes
        .chunk_by(|a, b| bar(a) == bar(b))
        .filter_map(|chunk| {
            let (newest, oldest) = (chunk.first()?, chunk.last()?);
            // Without its first minute a bar would show a wrong open.
            ((oldest.at.as_second() - open.as_second()) % (60 * length as i64) == 0).then_some(Minute {
                at: oldest.at,
                open: oldest.open,
                high: chunk.iter().map(|minute| minute.high).max()?,
                low: chunk.iter().map(|minute| minute.low).min()?,
                close: newest.close,
                volume: chunk.iter().map(|minute| minute.volume).sum(),
                volume_so_far: newest.volume_so_far,
            })
        })
        .collect()
}

/// HHDFS76200100.
pub(super) fn book(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let found = listing(call).and_then(|listing| Some((listing, exchange.market.snapshot(listing, call.now)?)));
    let (mut bids, mut asks) = (Vec::new(), Vec::new());
    if let Some((listing, _)) = &found {
        (bids, asks) = exchange.market.levels(listing, call.now, BOOK_DEPTH);
    }
    let total = |side: &[(Decimal, u64)]| -> u64 { side.iter().map(|(_, size)| size).sum() };
    let local = new_york(call.now);
    let zero = || "0".to_owned();
    let head = match &found {
        Some((listing, Snapshot { bar, base, .. })) => {
            let rate = |price: Decimal| fixed(percent(price - base, *base), 2);
            row([
                ("rsym", realtime_symbol(call, listing)),
                ("zdiv", "4".to_owned()),
                ("curr", "USD".to_owned()),
                ("base", fixed(*base, 4)),
                ("open", fixed(bar.open, 4)),
                ("high", fixed(bar.high, 4)),
                ("low", fixed(bar.low, 4)),
                ("last", fixed(bar.close, 4)),
                ("dymd", date_text(local.date())),
                ("dhms", time_text(local)),
                ("bvol", total(&bids).to_string()),
                ("avol", total(&asks).to_string()),
                ("bdvl", zero()),
                ("advl", zero()),
                ("code", listing.symbol.to_owned()),
                ("ropen", rate(bar.open)),
                ("rhigh", rate(bar.high)),
                ("rlow", rate(bar.low)),
                ("rclose", rate(bar.close)),
            ])
        }
        None => blank([
            "rsym", "zdiv", "curr", "base", "open", "high", "low", "last", "dymd", "dhms", "bvol", "avol", "bdvl", "advl", "code", "ropen",
            "rhigh", "rlow", "rclose",
        ]),
    };
    let mut levels = Row::new();
    for level in 0..BOOK_DEPTH {
        let place = level + 1;
        for (side, prices) in [("bid", &bids), ("ask", &asks)] {
            let (price, size) = prices.get(level).copied().unwrap_or_default();
            levels.extend(row([
                (format!("p{side}{place}").as_str(), fixed(price, 4)),
                (format!("v{side}{place}").as_str(), size.to_string()),
                (format!("d{side}{place}").as_str(), zero()),
            ]));
        }
    }
    let halt = row(["vstm", "vetm", "csbp", "cshi", "cslo", "iep", "iev"].map(|name| (name, zero())));
    Ok(Answer::quotation().object("output1", head).object("output2", levels).object("output3", halt))
}
