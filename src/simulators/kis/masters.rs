//! Master files of the simulated exchange, as the broker offers them for download.

use std::io::Write;

use encoding_rs::EUC_KR;
use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::super::exchange::{Family, LISTINGS, Listing};
use super::super::http1::{Request, Response};
use crate::domain::instrument::Exchange;

/// Where the files lie.
pub(super) const FOLDER: &str = "/common/master/";

/// Answers a download; 404 for a file that nobody is listed in.
pub(super) fn answer(request: &Request) -> Response {
    let name = request.path.strip_prefix(FOLDER).and_then(|name| name.strip_suffix(".zip")).unwrap_or_default();
    match content(name) {
        Some(content) => {
            let headers = vec![("Content-Type", "application/zip".to_owned())];
            Response { status: 200, headers, body: archive(name, &content) }
        }
        None => Response { status: 404, headers: vec![("Content-Type", "text/html".to_owned())], body: b"<html>404</html>".to_vec() },
    }
}

fn content(name: &str) -> Option<Vec<u8>> {
    let kosdaq = |l: &&Listing| matches!(l.family, Family::Kosdaq150 | Family::KoreanBatteries | Family::KoreanBiotech);
    let korean = |l: &&Listing| l.exchange == Exchange::Krx;
    let lines: Vec<Vec<u8>> = match name {
        "kospi_code.mst" => LISTINGS.iter().filter(korean).filter(|l| !kosdaq(l)).map(|l| krx_line(l, 227, 41, 50, 22)).collect(),
        "kosdaq_code.mst" => LISTINGS.iter().filter(korean).filter(kosdaq).map(|l| krx_line(l, 221, 36, 45, 18)).collect(),
        "nasmst.cod" => us_lines(Exchange::Nasdaq, "NAS"),
        "nysmst.cod" => us_lines(Exchange::Nyse, "NYS"),
        "amsmst.cod" => us_lines(Exchange::Amex, "AMS"),
        _ => return None,
    };
    (!lines.is_empty()).then(|| lines.into_iter().flat_map(|line| line.into_iter().chain([b'\n'])).collect())
}

fn cp949(text: &str) -> Vec<u8> {
    EUC_KR.encode(text).0.into_owned()
}

/// Padded or cut to a width in bytes.
fn fixed(bytes: &[u8], width: usize) -> impl Iterator<Item = u8> + '_ {
    bytes.iter().copied().chain(std::iter::repeat(b' ')).take(width)
}

/// A line of fixed width: code, standard code, name, then a tail whose fields lie at given places.
fn krx_line(listing: &Listing, tail: usize, reference: usize, lot: usize, product: usize) -> Vec<u8> {
    let mut end = vec![b' '; tail];
    let mut put = |at: usize, text: &str| {
        for (place, byte) in end.iter_mut().skip(at).zip(text.bytes()) {
            *place = byte;
        }
    };
    put(0, if listing.krx_fund { "EF" } else { "ST" });
    put(product, if listing.krx_fund { "2" } else { "0" });
    put(reference, &format!("{:09}", listing.price as u64));
    put(lot, "00001");
    let mut line: Vec<u8> = fixed(listing.symbol.as_bytes(), 9).collect();
    line.extend(fixed(format!("KR7{}003", listing.symbol).as_bytes(), 12));
    line.extend(fixed(&cp949(listing.name), 40));
    line.extend(end);
    line
}

fn us_lines(exchange: Exchange, code: &str) -> Vec<Vec<u8>> {
    LISTINGS.iter().filter(|l| l.exchange == exchange).map(|l| us_line(l, code)).collect()
}

/// A line of 24 columns.
fn us_line(listing: &Listing, code: &str) -> Vec<u8> {
    let (symbol, name, price) = (listing.symbol, listing.name, format!("{:.4}", listing.price));
    let real_time = format!("D{code}{symbol}");
    let company = [" CO", " INC", " CORP", " & CO"].iter().any(|end| name.ends_with(end));
    let (class, product) = if company { ("2", "") } else { ("3", "001") };
    let columns: [&str; 24] = [
        "US",
        "1",
        code,
        code,
        symbol,
        &real_time,
        korean_name(listing),
        name,
        class,
        "USD",
        "4",
        "0",
        &price,
        "1",
        "1",
        "930",
        "1600",
        "N",
        "",
        "0",
        "0",
        "0",
        product,
        "",
    ];
    cp949(&columns.join("\t"))
}

/// The Korean name of a US listing, where people know it by one.
fn korean_name(listing: &Listing) -> &'static str {
    match listing.symbol {
        "AAPL" => "애플",
        "NVDA" => "엔비디아",
        "KO" => "코카콜라",
        "JPM" => "JP모간체이스",
        "TQQQ" => "프로셰어즈 울트라프로 QQQ",
        "SQQQ" => "프로셰어즈 울트라프로 숏 QQQ",
        "SOXL" => "디렉시온 반도체 3배 ETF",
        "SOXS" => "디렉시온 반도체 인버스 3배 ETF",
        "QQQ" => "인베스코 QQQ ETF",
        "SPY" => "SPDR S&P500 ETF",
        "VOO" => "뱅가드 S&P500 ETF",
        _ => listing.name,
    }
}

/// An archive with one packed file.
pub fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // Writing into memory does not fail.
    let packed = encoder.write_all(content).and_then(|()| encoder.finish()).unwrap_or_default();
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let name_length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
    // Version, flags, method, time, date, sums, lengths: the same in both headers.
    let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
    common.extend(crc.sum().to_le_bytes());
    common.extend(length(&packed));
    common.extend(length(content));
    common.extend(name_length);
    common.extend([0, 0]);
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&common);
    zip.extend(name.as_bytes());
    zip.extend(&packed);
    let list = zip.clone();
    zip.extend(b"PK\x01\x02\x14\x00");
    zip.extend(&common);
    zip.extend([0; 14]);
    zip.extend(name.as_bytes());
    let listed = zip.len() - list.len();
    zip.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    zip.extend(u32::try_from(listed).unwrap_or(u32::MAX).to_le_bytes());
    zip.extend(length(&list));
    zip.extend([0, 0]);
    zip
}
