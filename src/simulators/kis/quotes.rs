//! Overseas quotations: last price, price detail, daily prices, currency chart.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::super::exchange::{Bar, Listing, RateDay, SimExchange, Snapshot, find_listing};
use super::call::{Answer, Call};
use super::failure::Failure;
use super::format::{Row, date_text, exchange_of_price_code, fixed, parse_date, percent, row, sign, signed_rate};
use crate::domain::clock::kst_date;

/// Rows per page of daily prices and of the currency chart.
const ROWS: usize = 100;
/// Sessions of a year, for the 52-week extremes.
const YEAR: usize = 252;

/// The listing that a quotation asks for; a symbol on another exchange is as unknown as no symbol.
pub(super) fn listing(call: &Call) -> Option<&'static Listing> {
    let exchange = exchange_of_price_code(call.parameters.text("EXCD"))?;
    find_listing(call.parameters.text("SYMB")).filter(|listing| listing.exchange == exchange)
}

pub(super) fn realtime_symbol(call: &Call, listing: &Listing) -> String {
    format!("D{}{}", call.parameters.text("EXCD"), listing.symbol)
}

/// Amount traded, estimated from the middle between open and last.
pub(super) fn amount(bar: &Bar) -> Decimal {
    (bar.open + bar.close) / Decimal::TWO * Decimal::from(bar.volume)
}

/// HHDFS00000300.
pub(super) fn price(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let found = listing(call).and_then(|listing| Some((listing, exchange.market.snapshot(listing, call.now)?)));
    let output = match found {
        Some((listing, Snapshot { bar, base, previous_volume, .. })) => row([
            ("rsym", realtime_symbol(call, listing)),
            ("zdiv", "4".to_owned()),
            ("base", fixed(base, 4)),
            ("pvol", previous_volume.to_string()),
            ("last", fixed(bar.close, 4)),
            ("sign", sign(bar.close - base)),
            ("diff", fixed((bar.close - base).abs(), 4)),
            ("rate", signed_rate(bar.close - base, base)),
            ("tvol", bar.volume.to_string()),
            ("tamt", fixed(amount(&bar), 0)),
            ("ordy", "매수가능".to_owned()),
        ]),
        None => blank(["rsym", "zdiv", "base", "pvol", "last", "sign", "diff", "rate", "tvol", "tamt", "ordy"]),
    };
    Ok(Answer::quotation().object("output", output))
}

pub(super) fn blank<const N: usize>(names: [&str; N]) -> Row {
    row(names.map(|name| (name, String::new())))
}

const DETAIL_COLUMNS: [&str; 41] = [
    "rsym", "pvol", "open", "high", "low", "last", "base", "tomv", "pamt", "uplp", "dnlp", "h52p", "h52d", "l52p", "l52d", "perx", "pbrx",
    "epsx", "bpsx", "shar", "mcap", "curr", "zdiv", "vnit", "t_xprc", "t_xdif", "t_xrat", "p_xprc", "p_xdif", "p_xrat", "t_rate", "p_rate",
    "t_xsgn", "p_xsng", "e_ordyn", "e_hogau", "e_icod", "e_parp", "tvol", "tamt", "etyp_nm",
];

/// HHDFS76200200.
pub(super) fn price_detail(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let mut output = blank(DETAIL_COLUMNS);
    if let Some((listing, snapshot)) = listing(call).and_then(|listing| Some((listing, exchange.market.snapshot(listing, call.now)?))) {
        output.extend(detail(exchange, call, listing, &snapshot));
    }
    Ok(Answer::quotation().object("output", output))
}

fn detail(exchange: &mut SimExchange, call: &Call, listing: &'static Listing, snapshot: &Snapshot) -> Row {
    let Snapshot { bar, base, previous_volume, .. } = *snapshot;
    let year = exchange.market.bars(listing, bar.date, YEAR, call.now);
    let highest = year.iter().max_by_key(|day| day.high).copied().unwrap_or(bar);
    let lowest = year.iter().min_by_key(|day| day.low).copied().unwrap_or(bar);
    let earlier = year.get(1).copied().unwrap_or(bar);
    let before_base = year.get(2).map_or(base, |day| day.close);
    let today = kst_date(call.now);
    let rate = exchange.fx.day(today).close;
    let rate_before = exchange.fx.day(today.checked_sub(1.day()).unwrap_or(today)).close;
    let (won, won_before, won_earlier) = (bar.close * rate, base * rate_before, before_base * rate_before);
    let tick = if bar.close < Decimal::ONE { Decimal::new(1, 4) } else { Decimal::new(1, 2) };
    row([
        ("rsym", realtime_symbol(call, listing)),
        ("pvol", previous_volume.to_string()),
        ("open", fixed(bar.open, 4)),
        ("high", fixed(bar.high, 4)),
        ("low", fixed(bar.low, 4)),
        ("last", fixed(bar.close, 4)),
        ("base", fixed(base, 4)),
        ("tomv", "0".to_owned()),
        ("pamt", fixed(amount(&earlier), 0)),
        ("uplp", "0.0000".to_owned()),
        ("dnlp", "0.0000".to_owned()),
        ("h52p", fixed(highest.high, 4)),
        ("h52d", date_text(highest.date)),
        ("l52p", fixed(lowest.low, 4)),
        ("l52d", date_text(lowest.date)),
        ("perx", "0.00".to_owned()),
        ("pbrx", "0.00".to_owned()),
        ("epsx", "0.00".to_owned()),
        ("bpsx", "0.00".to_owned()),
        ("shar", "0".to_owned()),
        ("mcap", "0".to_owned()),
        ("curr", "USD".to_owned()),
        ("zdiv", "4".to_owned()),
        ("vnit", "1".to_owned()),
        ("t_xprc", fixed(won, 0)),
        ("t_xdif", fixed((won - won_before).abs(), 0)),
        ("t_xrat", signed_rate(won - won_before, won_before)),
        ("p_xprc", fixed(won_before, 0)),
        ("p_xdif", fixed((won_before - won_earlier).abs(), 0)),
        ("p_xrat", signed_rate(won_before - won_earlier, won_earlier)),
        ("t_rate", fixed(rate, 2)),
        ("p_rate", fixed(rate_before, 2)),
        ("t_xsgn", sign(won - won_before)),
        ("p_xsng", sign(won_before - won_earlier)),
        ("e_ordyn", "매매 가능".to_owned()),
        ("e_hogau", fixed(tick, 4)),
        ("e_icod", String::new()),
        ("e_parp", "0.0000".to_owned()),
        ("tvol", bar.volume.to_string()),
        ("tamt", fixed(amount(&bar), 0)),
        ("etyp_nm", String::new()),
    ])
}

/// HHDFS76240000: newest first, 100 rows.
pub(super) fn daily_prices(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let until = match call.parameters.text("BYMD") {
        "" => Date::MAX,
        text => parse_date(text).ok_or_else(|| Failure::bad_field("BYMD"))?,
    };
    let period = match call.parameters.text("GUBN") {
        "0" => Period::Day,
        "1" => Period::Week,
        "2" => Period::Month,
        _ => return Err(Failure::bad_field("GUBN")),
    };
    let Some(listing) = listing(call) else {
        return Ok(Answer::quotation().object("output1", blank(["rsym", "zdiv", "nrec"])).array("output2", Vec::new()));
    };
    // One bar more than shown gives the oldest row its change.
    let days = exchange.market.bars(listing, until, (ROWS + 1) * period.days(), call.now);
    let bars = grouped(&days, period);
    let snapshot = exchange.market.snapshot(listing, call.now);
    let rows: Vec<Row> = bars
        .iter()
        .enumerate()
        .take(ROWS)
        .map(|(index, bar)| {
            let base = bars.get(index + 1).map_or(bar.open, |before| before.close);
            // Only the running bar has a book.
            let book = snapshot.filter(|snapshot| snapshot.bar.date == bar.date);
            let zero = Decimal::ZERO;
            row([
                ("xymd", date_text(bar.date)),
                ("clos", fixed(bar.close, 4)),
                ("sign", sign(bar.close - base)),
                ("diff", fixed((bar.close - base).abs(), 4)),
                ("rate", signed_rate(bar.close - base, base)),
                ("open", fixed(bar.open, 4)),
                ("high", fixed(bar.high, 4)),
                ("low", fixed(bar.low, 4)),
                ("tvol", bar.volume.to_string()),
                ("tamt", fixed(amount(bar), 0)),
                ("pbid", fixed(book.map_or(zero, |book| book.bid), 4)),
                ("vbid", book.map_or(0, |book| book.bid_size).to_string()),
                ("pask", fixed(book.map_or(zero, |book| book.ask), 4)),
                ("vask", book.map_or(0, |book| book.ask_size).to_string()),
            ])
        })
        .collect();
    let head = row([("rsym", realtime_symbol(call, listing)), ("zdiv", "4".to_owned()), ("nrec", rows.len().to_string())]);
    Ok(Answer::quotation().object("output1", head).array("output2", rows))
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Day,
    Week,
    Month,
    Year,
}

impl Period {
    pub fn days(self) -> usize {
        match self {
            Period::Day => 1,
            Period::Week => 5,
            Period::Month => 22,
            Period::Year => YEAR,
        }
    }

    /// Days with the same mark belong to one bar.
    fn mark(self, date: Date) -> (i16, i16) {
        match self {
            Period::Day => (date.year(), date.day_of_year()),
            Period::Week => {
                let week = date.iso_week_date();
                (week.year(), i16::from(week.week()))
            }
            Period::Month => (date.year(), i16::from(date.month())),
            Period::Year => (date.year(), 0),
        }
    }
}

/// Bars of a period, newest first, dated with the last day that they hold.
pub(super) fn grouped(days: &[Bar], period: Period) -> Vec<Bar> {
    days.chunk_by(|a, b| period.mark(a.date) == period.mark(b.date))
        .filter_map(|chunk| {
            let (newest, oldest) = (chunk.first()?, chunk.last()?);
            Some(Bar {
                open: oldest.open,
                high: chunk.iter().map(|day| day.high).max()?,
                low: chunk.iter().map(|day| day.low).min()?,
                volume: chunk.iter().map(|day| day.volume).sum(),
                ..*newest
            })
        })
        .collect()
}

/// FHKST03030100, of which only won per dollar is quoted; other codes answer without rows.
pub(super) fn currency_chart(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let parameters = &call.parameters;
    let date = |name| parse_date(parameters.text(name)).ok_or_else(|| Failure::bad_field(name));
    let (from, to) = (date("FID_INPUT_DATE_1")?, date("FID_INPUT_DATE_2")?);
    let period = match parameters.text("FID_PERIOD_DIV_CODE") {
        "D" => Period::Day,
        "W" => Period::Week,
        "M" => Period::Month,
        "Y" => Period::Year,
        _ => return Err(Failure::bad_field("FID_PERIOD_DIV_CODE")),
    };
    let known = parameters.text("FID_COND_MRKT_DIV_CODE") == "X" && parameters.text("FID_INPUT_ISCD") == "FX@KRW";
    let today = kst_date(call.now);
    let mut rows = Vec::new();
    if known {
        let days = weekdays_back(to.min(today), from, ROWS * period.days()).map(|date| exchange.fx.day(date)).collect::<Vec<_>>();
        rows = days.chunk_by(|a, b| period.mark(a.date) == period.mark(b.date)).take(ROWS).filter_map(currency_row).collect();
    }
    let day = exchange.fx.day(today);
    let head = if known { currency_head(&day) } else { blank(CHART_HEAD) };
    Ok(Answer::quotation().object("output1", head).array("output2", rows))
}

fn weekdays_back(from: Date, until: Date, count: usize) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(from), |date| date.yesterday().ok())
        .take_while(move |date| *date >= until)
        .filter(|date| date.weekday().to_monday_zero_offset() < 5)
        .take(count)
}

fn currency_row(chunk: &[RateDay]) -> Option<Row> {
    let (newest, oldest) = (chunk.first()?, chunk.last()?);
    Some(row([
        ("stck_bsop_date", date_text(newest.date)),
        ("ovrs_nmix_prpr", fixed(newest.close, 2)),
        ("ovrs_nmix_oprc", fixed(oldest.open, 2)),
        ("ovrs_nmix_hgpr", fixed(chunk.iter().map(|day| day.high).max()?, 2)),
        ("ovrs_nmix_lwpr", fixed(chunk.iter().map(|day| day.low).min()?, 2)),
        ("acml_vol", "0".to_owned()),
        ("mod_yn", "N".to_owned()),
    ]))
}

const CHART_HEAD: [&str; 12] = [
    "ovrs_nmix_prdy_vrss",
    "prdy_vrss_sign",
    "prdy_ctrt",
    "ovrs_nmix_prdy_clpr",
    "acml_vol",
    "hts_kor_isnm",
    "ovrs_nmix_prpr",
    "stck_shrn_iscd",
    "prdy_vol",
    "ovrs_prod_oprc",
    "ovrs_prod_hgpr",
    "ovrs_prod_lwpr",
];

fn currency_head(day: &RateDay) -> Row {
    let change = day.close - day.open;
    row([
        ("ovrs_nmix_prdy_vrss", fixed(change, 2)),
        ("prdy_vrss_sign", sign(change)),
        ("prdy_ctrt", fixed(percent(change, day.open), 2)),
        ("ovrs_nmix_prdy_clpr", fixed(day.open, 2)),
        ("acml_vol", "0".to_owned()),
        ("hts_kor_isnm", "미국 달러/원".to_owned()),
        ("ovrs_nmix_prpr", fixed(day.close, 2)),
        ("stck_shrn_iscd", "FX@KRW".to_owned()),
        ("prdy_vol", "0".to_owned()),
        ("ovrs_prod_oprc", fixed(day.open, 2)),
        ("ovrs_prod_hgpr", fixed(day.high, 2)),
        ("ovrs_prod_lwpr", fixed(day.low, 2)),
    ])
}
