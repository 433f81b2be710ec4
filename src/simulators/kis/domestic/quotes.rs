//! Korean quotations: price, book, charts, days.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;

use super::super::super::exchange::{Bar, Listing, Minute, SimExchange, Snapshot};
use super::super::call::{Answer, Call};
use super::super::failure::Failure;
use super::super::format::{Row, date_text, filled, fixed, parse_date, parse_time, percent, row, sign, time_text, won};
use super::super::paging::{CTX20, page};
use super::super::quotes::{Period, amount, grouped};
use super::find;
use crate::domain::clock::{from_kst, kst_datetime};
use crate::domain::instrument::Market;
use crate::domain::rules::{lot, tick};

/// Rows of a chart.
const CHART_ROWS: usize = 100;
const MINUTE_ROWS: usize = 30;
/// Calendar days of a page, and how far ahead the calendar reaches.
const DAYS_PER_PAGE: usize = 25;
const DAYS_AHEAD: i32 = 100;
/// Sessions that the yearly extremes look back on.
const YEAR: usize = 250;
const BOOK_DEPTH: usize = 10;

/// The instrument and its price screen; `None` for a code that is not listed.
fn screen(exchange: &mut SimExchange, call: &Call) -> Result<Option<(&'static Listing, Snapshot)>, Failure> {
    if !matches!(call.parameters.text("FID_COND_MRKT_DIV_CODE"), "J" | "NX" | "UN") {
        return Err(Failure::bad_field("FID_COND_MRKT_DIV_CODE"));
    }
    let listing = find(call.parameters.text("FID_INPUT_ISCD"));
    Ok(listing.and_then(|listing| Some((listing, exchange.market.snapshot(listing, call.now)?))))
}

/// 1 and 4 at the limits, else as everywhere.
fn limit_sign(price: Decimal, base: Decimal, (low, high): (Decimal, Decimal)) -> String {
    match price {
        price if price >= high => "1".to_owned(),
        price if price <= low => "4".to_owned(),
        _ => sign(price - base),
    }
}

/// Price screen columns that are always the same here: no fundamentals are simulated.
const PRICE_DEFAULTS: [(&str, &str); 82] = [
    ("iscd_stat_cls_code", "55"),
    ("marg_rate", "20.00"),
    ("rprs_mrkt_kor_name", "KOSPI200"),
    ("new_hgpr_lwpr_cls_code", ""),
    ("bstp_kor_isnm", ""),
    ("temp_stop_yn", "N"),
    ("oprc_rang_cont_yn", "N"),
    ("clpr_rang_cont_yn", "N"),
    ("crdt_able_yn", "Y"),
    ("grmn_rate_cls_code", "40"),
    ("elw_pblc_yn", "N"),
    ("stck_prpr", "0"),
    ("prdy_vrss", "0"),
    ("prdy_vrss_sign", "0"),
    ("prdy_ctrt", "0.00"),
    ("acml_tr_pbmn", "0"),
    ("acml_vol", "0"),
    ("prdy_vrss_vol_rate", "0.00"),
    ("stck_oprc", "0"),
    ("stck_hgpr", "0"),
    ("stck_lwpr", "0"),
    ("stck_mxpr", "0"),
    ("stck_llam", "0"),
    ("stck_sdpr", "0"),
    ("wghn_avrg_stck_prc", "0.00"),
    ("hts_frgn_ehrt", "0.00"),
    ("frgn_ntby_qty", "0"),
    ("pgtr_ntby_qty", "0"),
    ("pvt_scnd_dmrs_prc", "0"),
    ("pvt_frst_dmrs_prc", "0"),
    ("pvt_pont_val", "0"),
    ("pvt_frst_dmsp_prc", "0"),
    ("pvt_scnd_dmsp_prc", "0"),
    ("dmrs_val", "0"),
    ("dmsp_val", "0"),
    ("cpfn", "0"),
    ("rstc_wdth_prc", "0"),
    ("stck_fcam", "100"),
    ("stck_sspr", "0"),
    ("aspr_unit", "0"),
    ("hts_deal_qty_unit_val", "1"),
    ("lstn_stcn", "0"),
    ("hts_avls", "0"),
    ("per", "0.00"),
    ("pbr", "0.00"),
    ("stac_month", "12"),
    ("vol_tnrt", "0.00"),
    ("eps", "0.00"),
    ("bps", "0.00"),
    ("d250_hgpr", "0"),
    ("d250_hgpr_date", ""),
    ("d250_hgpr_vrss_prpr_rate", "0.00"),
    ("d250_lwpr", "0"),
    ("d250_lwpr_date", ""),
    ("d250_lwpr_vrss_prpr_rate", "0.00"),
    ("stck_dryy_hgpr", "0"),
    ("dryy_hgpr_vrss_prpr_rate", "0.00"),
    ("dryy_hgpr_date", ""),
    ("stck_dryy_lwpr", "0"),
    ("dryy_lwpr_vrss_prpr_rate", "0.00"),
    ("dryy_lwpr_date", ""),
    ("w52_hgpr", "0"),
    ("w52_hgpr_vrss_prpr_ctrt", "0.00"),
    ("w52_hgpr_date", ""),
    ("w52_lwpr", "0"),
    ("w52_lwpr_vrss_prpr_ctrt", "0.00"),
    ("w52_lwpr_date", ""),
    ("whol_loan_rmnd_rate", "0.00"),
    ("ssts_yn", "Y"),
    ("stck_shrn_iscd", ""),
    ("fcam_cnnm", "100"),
    ("cpfn_cnnm", ""),
    ("apprch_rate", "0.00"),
    ("frgn_hldn_qty", "0"),
    ("vi_cls_code", "N"),
    ("ovtm_vi_cls_code", "N"),
    ("last_ssts_cntg_qty", "0"),
    ("invt_caful_yn", "N"),
    ("mrkt_warn_cls_code", "00"),
    ("short_over_yn", "N"),
    ("sltr_yn", "N"),
    ("mang_issu_cls_code", "N"),
];

/// FHKST01010100. An unknown code answers with the columns empty.
pub(in super::super) fn price(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let Some((listing, snapshot)) = screen(exchange, call)? else {
        return Ok(Answer::quotation().object("output", filled(&PRICE_DEFAULTS, Row::new())));
    };
    let Snapshot { bar, base, previous_volume, .. } = snapshot;
    let (low, high) = exchange.market.limits(listing, bar.date);
    let change = bar.close - base;
    let traded = amount(&bar);
    let average = if bar.volume == 0 { bar.close } else { traded / Decimal::from(bar.volume) };
    let mut columns = row([
        ("stck_prpr", won(bar.close)),
        ("prdy_vrss", won(change)),
        ("prdy_vrss_sign", limit_sign(bar.close, base, (low, high))),
        ("prdy_ctrt", fixed(percent(change, base), 2)),
        ("acml_tr_pbmn", won(traded)),
        ("acml_vol", bar.volume.to_string()),
        ("prdy_vrss_vol_rate", fixed(percent(bar.volume.into(), previous_volume.into()), 2)),
        ("stck_oprc", won(bar.open)),
        ("stck_hgpr", won(bar.high)),
        ("stck_lwpr", won(bar.low)),
        ("stck_mxpr", won(high)),
        ("stck_llam", won(low)),
        ("stck_sdpr", won(base)),
        ("wghn_avrg_stck_prc", fixed(average, 2)),
        ("rstc_wdth_prc", won(high - base)),
        ("stck_sspr", won((base * Decimal::new(8, 1)).floor())),
        ("aspr_unit", won(tick::size(Market::Krx, listing.krx_fund, bar.close))),
        ("hts_deal_qty_unit_val", lot::size(Market::Krx).to_string()),
        ("stck_shrn_iscd", listing.symbol.to_owned()),
    ]);
    let year = exchange.market.bars(listing, bar.date, YEAR, call.now);
    let this_year: Vec<Bar> = year.iter().filter(|day| day.date.year() == bar.date.year()).copied().collect();
    columns.extend(extremes(&year, bar.close, ["d250_hgpr", "d250_hgpr_date", "d250_hgpr_vrss_prpr_rate"], true));
    columns.extend(extremes(&year, bar.close, ["d250_lwpr", "d250_lwpr_date", "d250_lwpr_vrss_prpr_rate"], false));
    columns.extend(extremes(&year, bar.close, ["w52_hgpr", "w52_hgpr_date", "w52_hgpr_vrss_prpr_ctrt"], true));
    columns.extend(extremes(&year, bar.close, ["w52_lwpr", "w52_lwpr_date", "w52_lwpr_vrss_prpr_ctrt"], false));
    columns.extend(extremes(&this_year, bar.close, ["stck_dryy_hgpr", "dryy_hgpr_date", "dryy_hgpr_vrss_prpr_rate"], true));
    columns.extend(extremes(&this_year, bar.close, ["stck_dryy_lwpr", "dryy_lwpr_date", "dryy_lwpr_vrss_prpr_rate"], false));
    Ok(Answer::quotation().object("output", filled(&PRICE_DEFAULTS, columns)))
}

/// The highest or lowest price of some days: price, date, and the last price against it.
fn extremes(days: &[Bar], last: Decimal, names: [&str; 3], highest: bool) -> Row {
    let found = if highest { days.iter().max_by_key(|day| day.high) } else { days.iter().min_by_key(|day| day.low) };
    let Some(day) = found else { return Row::new() };
    let price = if highest { day.high } else { day.low };
    let [name, date, rate] = names;
    row([(name, won(price)), (date, date_text(day.date)), (rate, fixed(percent(last - price, price), 2))])
}

/// FHKST01010200.
pub(in super::super) fn book(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let found = screen(exchange, call)?;
    let mut levels = Row::new();
    let (mut bids, mut asks) = (Vec::new(), Vec::new());
    if let Some((listing, _)) = &found {
        (bids, asks) = exchange.market.levels(listing, call.now, BOOK_DEPTH);
    }
    for (prices, price_name, size_name) in [(&asks, "askp", "askp_rsqn"), (&bids, "bidp", "bidp_rsqn")] {
        for level in 0..BOOK_DEPTH {
            let (price, size) = prices.get(level).copied().unwrap_or_default();
            let place = level + 1;
            levels.extend(row([
                (format!("{price_name}{place}").as_str(), won(price)),
                (format!("{size_name}{place}").as_str(), size.to_string()),
                (format!("{size_name}_icdc{place}").as_str(), "0".to_owned()),
            ]));
        }
    }
    let total = |side: &[(Decimal, u64)]| -> u64 { side.iter().map(|(_, size)| size).sum() };
    let (ask_total, bid_total) = (total(&asks), total(&bids));
    let zero = || "0".to_owned();
    levels.extend(row([
        ("aspr_acpt_hour", time_text(kst_datetime(call.now))),
        ("total_askp_rsqn", ask_total.to_string()),
        ("total_bidp_rsqn", bid_total.to_string()),
        ("total_askp_rsqn_icdc", zero()),
        ("total_bidp_rsqn_icdc", zero()),
        ("ovtm_total_askp_icdc", zero()),
        ("ovtm_total_bidp_icdc", zero()),
        ("ovtm_total_askp_rsqn", zero()),
        ("ovtm_total_bidp_rsqn", zero()),
        ("ntby_aspr_rsqn", (bid_total.cast_signed() - ask_total.cast_signed()).to_string()),
        ("new_mkop_cls_code", "20".to_owned()),
    ]));
    let expected = match found {
        Some((listing, Snapshot { bar, base, .. })) => row([
            ("antc_mkop_cls_code", "311".to_owned()),
            ("stck_prpr", won(bar.close)),
            ("stck_oprc", won(bar.open)),
            ("stck_hgpr", won(bar.high)),
            ("stck_lwpr", won(bar.low)),
            ("stck_sdpr", won(base)),
            ("antc_cnpr", won(bar.close)),
            ("antc_cntg_vrss_sign", sign(bar.close - base)),
            ("antc_cntg_vrss", won(bar.close - base)),
            ("antc_cntg_prdy_ctrt", fixed(percent(bar.close - base, base), 2)),
            ("antc_vol", zero()),
            ("stck_shrn_iscd", listing.symbol.to_owned()),
            ("vi_cls_code", "N".to_owned()),
        ]),
        None => EXPECTED_COLUMNS.iter().map(|name| ((*name).to_owned(), String::new().into())).collect(),
    };
    Ok(Answer::quotation().object("output1", levels).object("output2", expected))
}

const EXPECTED_COLUMNS: [&str; 13] = [
    "antc_mkop_cls_code",
    "stck_prpr",
    "stck_oprc",
    "stck_hgpr",
    "stck_lwpr",
    "stck_sdpr",
    "antc_cnpr",
    "antc_cntg_vrss_sign",
    "antc_cntg_vrss",
    "antc_cntg_prdy_ctrt",
    "antc_vol",
    "stck_shrn_iscd",
    "vi_cls_code",
];

/// Chart head columns that are always the same here.
const CHART_DEFAULTS: [(&str, &str); 30] = [
    ("prdy_vrss", "0"),
    ("prdy_vrss_sign", "0"),
    ("prdy_ctrt", "0.00"),
    ("stck_prdy_clpr", "0"),
    ("acml_vol", "0"),
    ("acml_tr_pbmn", "0"),
    ("hts_kor_isnm", ""),
    ("stck_prpr", "0"),
    ("stck_shrn_iscd", ""),
    ("prdy_vol", "0"),
    ("stck_mxpr", "0"),
    ("stck_llam", "0"),
    ("stck_oprc", "0"),
    ("stck_hgpr", "0"),
    ("stck_lwpr", "0"),
    ("stck_prdy_oprc", "0"),
    ("stck_prdy_hgpr", "0"),
    ("stck_prdy_lwpr", "0"),
    ("askp", "0"),
    ("bidp", "0"),
    ("prdy_vrss_vol", "0"),
    ("vol_tnrt", "0.00"),
    ("stck_fcam", "100"),
    ("lstn_stcn", "0"),
    ("cpfn", "0"),
    ("hts_avls", "0"),
    ("per", "0.00"),
    ("eps", "0.00"),
    ("pbr", "0.00"),
    ("itewhol_loan_rmnd_ratem", "0.00"),
];

/// FHKST03010100: newest first, at most 100 rows, those nearest to the end of the range. There are no
/// splits here, so adjusted and raw prices agree.
pub(in super::super) fn chart(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
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
    if !matches!(parameters.text("FID_ORG_ADJ_PRC"), "0" | "1") {
        return Err(Failure::bad_field("FID_ORG_ADJ_PRC"));
    }
    let Some((listing, snapshot)) = screen(exchange, call)? else {
        return Ok(Answer::quotation().object("output1", filled(&CHART_DEFAULTS, Row::new())).array("output2", Vec::new()));
    };
    // One bar more than shown gives the oldest row its change.
    let days = exchange.market.bars(listing, to, (CHART_ROWS + 1) * period.days(), call.now);
    let bars = grouped(&days, period);
    let rows = bars
        .iter()
        .enumerate()
        .take(CHART_ROWS)
        .take_while(|(_, bar)| bar.date >= from)
        .map(|(index, bar)| {
            let base = bars.get(index + 1).map_or(bar.open, |before| before.close);
            row([
                ("stck_bsop_date", date_text(bar.date)),
                ("stck_clpr", won(bar.close)),
                ("stck_oprc", won(bar.open)),
                ("stck_hgpr", won(bar.high)),
                ("stck_lwpr", won(bar.low)),
                ("acml_vol", bar.volume.to_string()),
                ("acml_tr_pbmn", won(amount(bar))),
                ("flng_cls_code", "00".to_owned()),
                ("prtt_rate", "0.00".to_owned()),
                ("mod_yn", "N".to_owned()),
                ("prdy_vrss_sign", sign(bar.close - base)),
                ("prdy_vrss", won(bar.close - base)),
                ("revl_issu_reas", "00".to_owned()),
            ])
        })
        .collect();
    let head = chart_head(exchange, call, listing, &snapshot);
    Ok(Answer::quotation().object("output1", head).array("output2", rows))
}

fn chart_head(exchange: &mut SimExchange, call: &Call, listing: &'static Listing, snapshot: &Snapshot) -> Row {
    let Snapshot { bar, base, previous_volume, bid, ask, .. } = *snapshot;
    let (low, high) = exchange.market.limits(listing, bar.date);
    let before = exchange.market.bars(listing, bar.date, 2, call.now).get(1).copied().unwrap_or(bar);
    let columns = row([
        ("prdy_vrss", won(bar.close - base)),
        ("prdy_vrss_sign", limit_sign(bar.close, base, (low, high))),
        ("prdy_ctrt", fixed(percent(bar.close - base, base), 2)),
        ("stck_prdy_clpr", won(base)),
        ("acml_vol", bar.volume.to_string()),
        ("acml_tr_pbmn", won(amount(&bar))),
        ("hts_kor_isnm", listing.name.to_owned()),
        ("stck_prpr", won(bar.close)),
        ("stck_shrn_iscd", listing.symbol.to_owned()),
        ("prdy_vol", previous_volume.to_string()),
        ("stck_mxpr", won(high)),
        ("stck_llam", won(low)),
        ("stck_oprc", won(bar.open)),
        ("stck_hgpr", won(bar.high)),
        ("stck_lwpr", won(bar.low)),
        ("stck_prdy_oprc", won(before.open)),
        ("stck_prdy_hgpr", won(before.high)),
        ("stck_prdy_lwpr", won(before.low)),
        ("askp", won(ask)),
        ("bidp", won(bid)),
        ("prdy_vrss_vol", (bar.volume.cast_signed() - previous_volume.cast_signed()).to_string()),
    ]);
    filled(&CHART_DEFAULTS, columns)
}

/// FHKST03010200: 30 minutes up to a time of the current trading day, newest first. Minutes that lie
/// ahead repeat the last price.
pub(in super::super) fn minutes(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let time = parse_time(call.parameters.text("FID_INPUT_HOUR_1")).ok_or_else(|| Failure::bad_field("FID_INPUT_HOUR_1"))?;
    let with_past = call.parameters.text("FID_PW_DATA_INCU_YN") == "Y";
    let Some((listing, snapshot)) = screen(exchange, call)? else {
        return Ok(Answer::quotation().object("output1", minute_head(None)).array("output2", Vec::new()));
    };
    let calendar = exchange.market.calendar(Market::Krx).clone();
    let mut rows = Vec::new();
    if let Some(session) = calendar.latest_session(call.now) {
        let last_minute = Timestamp::from_second(session.close.as_second() - 60).unwrap_or(session.close);
        let asked = from_kst(session.date.to_datetime(time)).min(last_minute);
        let mut ahead = asked;
        // The running minute is the market's own.
        while ahead.as_second() / 60 > call.now.as_second() / 60 && rows.len() < MINUTE_ROWS {
            rows.push(minute_row(&flat_minute(ahead, &snapshot), session.date));
            ahead = Timestamp::from_second(ahead.as_second() - 60).unwrap_or(ahead);
        }
        // A whole minute is asked for, or what there is of it.
        let until = Timestamp::from_second(asked.as_second() / 60 * 60 + 59).unwrap_or(asked).min(call.now);
        if until >= session.open {
            let more = exchange.market.minutes(listing, until, MINUTE_ROWS.saturating_sub(rows.len()));
            rows.extend(more.iter().map(|minute| minute_row(minute, session.date)));
        }
        if with_past && let Some(before) = calendar.session_before(session.date) {
            let more = exchange.market.minutes(listing, before.close, MINUTE_ROWS.saturating_sub(rows.len()));
            rows.extend(more.iter().map(|minute| minute_row(minute, before.date)));
        }
    }
    Ok(Answer::quotation().object("output1", minute_head(Some((listing, &snapshot)))).array("output2", rows))
}

fn flat_minute(at: Timestamp, snapshot: &Snapshot) -> Minute {
    let price = snapshot.bar.close;
    Minute { at, open: price, high: price, low: price, close: price, volume: 0, volume_so_far: snapshot.bar.volume }
}

fn minute_row(minute: &Minute, date: Date) -> Row {
    let local = kst_datetime(minute.at);
    let start = local.time().with().second(0).subsec_nanosecond(0).build().unwrap_or(local.time());
    row([
        ("stck_bsop_date", date_text(date)),
        ("stck_cntg_hour", time_text(date.to_datetime(start))),
        ("stck_prpr", won(minute.close)),
        ("stck_oprc", won(minute.open)),
        ("stck_hgpr", won(minute.high)),
        ("stck_lwpr", won(minute.low)),
        ("cntg_vol", minute.volume.to_string()),
        ("acml_tr_pbmn", won(minute.close * Decimal::from(minute.volume_so_far))),
    ])
}

fn minute_head(found: Option<(&Listing, &Snapshot)>) -> Row {
    let Some((listing, Snapshot { bar, base, .. })) = found else {
        let names = ["prdy_vrss", "prdy_vrss_sign", "prdy_ctrt", "stck_prdy_clpr", "acml_vol", "acml_tr_pbmn", "hts_kor_isnm", "stck_prpr"];
        return row(names.map(|name| (name, String::new())));
    };
    row([
        ("prdy_vrss", won(bar.close - base)),
        ("prdy_vrss_sign", sign(bar.close - base)),
        ("prdy_ctrt", fixed(percent(bar.close - base, *base), 2)),
        ("stck_prdy_clpr", won(*base)),
        ("acml_vol", bar.volume.to_string()),
        ("acml_tr_pbmn", won(amount(bar))),
        ("hts_kor_isnm", listing.name.to_owned()),
        ("stck_prpr", won(bar.close)),
    ])
}

/// CTCA0903R: consecutive calendar days.
pub(in super::super) fn days(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let from = parse_date(call.parameters.text("BASS_DT")).ok_or_else(|| Failure::bad_field("BASS_DT"))?;
    let days: Vec<Date> = (0..DAYS_AHEAD).filter_map(|ahead| from.checked_add(ahead.days()).ok()).collect();
    let page = page(call, CTX20, days, DAYS_PER_PAGE, |date| date_text(*date));
    let calendar = exchange.market.calendar(Market::Krx);
    let rows = page
        .items
        .iter()
        .map(|date| {
            let open = if calendar.session_on(*date).is_some() { "Y" } else { "N" };
            row([
                ("bass_dt", date_text(*date)),
                ("wday_dvsn_cd", format!("{:02}", date.weekday().to_sunday_one_offset())),
                ("bzdy_yn", open.to_owned()),
                ("tr_day_yn", open.to_owned()),
                ("opnd_yn", open.to_owned()),
                ("sttl_day_yn", open.to_owned()),
            ])
        })
        .collect();
    let answer = Answer::query(call, false).array("output", rows);
    Ok(page.finish(call, answer, &["BASS_DT"]))
}
