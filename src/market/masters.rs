//! The broker's master files: what is listed on the Korean and US exchanges. Korean files have lines
//! of fixed width in bytes, US ones tabs; both are in the Korean code page CP949.

use encoding_rs::EUC_KR;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::domain::instrument::{Exchange, Instrument, Market};
use crate::domain::rules::tick;

/// A file in which more than one line of so many is unreadable is not taken for a master file.
const MOST_BAD: usize = 10;

/// Columns of a US file.
const US_COLUMNS: usize = 24;

/// A Korean master file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    Kospi,
    Kosdaq,
    Konex,
}

/// What kind of paper an instrument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Share,
    Etf,
    Etn,
    Reit,
    DepositaryReceipt,
    /// Investment, ship and infrastructure funds that are no ETF.
    Fund,
    /// Warrants, ELW and subscription rights.
    Warrant,
    Index,
    Other,
}

/// What only Korean instruments have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KrxStanding {
    pub segment: Segment,
    /// Trading is halted (거래정지).
    pub halted: bool,
    /// Is traded only until its delisting (정리매매).
    pub liquidation: bool,
    /// Is under administration (관리종목).
    pub administrative: bool,
    pub alert: Alert,
    /// Not the common share of its company.
    pub preferred: bool,
    /// A blank-cheque company (기업인수목적회사).
    pub spac: bool,
}

/// The exchange's warning about an instrument (시장경보).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alert {
    #[default]
    None,
    Caution,
    Warning,
    Risk,
}

/// One listed instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub instrument: Instrument,
    pub exchange: Exchange,
    pub kind: Kind,
    pub name_ko: String,
    pub name_en: Option<String>,
    pub isin: Option<String>,
    /// Shares of one trading unit.
    pub lot: u64,
    /// Price on which the day's limits rest, in the market's currency.
    pub reference_price: Option<Decimal>,
    pub listed_on: Option<Date>,
    /// `None` for US instruments.
    pub krx: Option<KrxStanding>,
}

impl Listed {
    /// The tick at a price, in the market's currency.
    pub fn tick(&self, price: Decimal) -> Decimal {
        tick::size(self.instrument.market, matches!(self.kind, Kind::Etf | Kind::Etn), price)
    }
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Master {
    pub instruments: Vec<Listed>,
    pub skipped: Vec<Skipped>,
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// From 1.
    pub line: usize,
    pub reason: &'static str,
}

/// Why a file is not used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterError {
    #[error("the master file is empty: download it again")]
    Empty,
    #[error("{bad} of {lines} lines are no master records (line {line}: {reason}): is this the right file, and complete?")]
    Unreadable { bad: usize, lines: usize, line: usize, reason: &'static str },
}

/// Where a segment's fields lie in the part of fixed length at the end of a line: offset and width.
struct Layout {
    tail: usize,
    etp: Option<usize>,
    spac: Option<usize>,
    reference: usize,
    lot: usize,
    /// Halted, liquidation, administrative, then two digits of the alert.
    standing: usize,
    listed_on: usize,
    preferred: usize,
}

fn layout(segment: Segment) -> Layout {
    match segment {
        Segment::Kospi => {
            Layout { tail: 227, etp: Some(22), spac: Some(29), reference: 41, lot: 50, standing: 60, listed_on: 105, preferred: 158 }
        }
        Segment::Kosdaq => {
            Layout { tail: 221, etp: Some(18), spac: Some(24), reference: 36, lot: 45, standing: 55, listed_on: 100, preferred: 153 }
        }
        Segment::Konex => Layout { tail: 184, etp: None, spac: None, reference: 2, lot: 11, standing: 21, listed_on: 66, preferred: 119 },
    }
}

/// Reads a Korean file (`kospi_code.mst`, `kosdaq_code.mst`, `konex_code.mst`), unpacked.
///
/// # Errors
/// When it is empty or too much of it is unreadable.
pub fn read_krx(bytes: &[u8], segment: Segment) -> Result<Master, MasterError> {
    let layout = layout(segment);
    collect(lines(bytes).map(|(number, line)| (number, krx_line(line, segment, &layout))))
}

/// Reads a US file (`nasmst.cod`, `nysmst.cod`, `amsmst.cod`), unpacked. A header line is left out.
///
/// # Errors
/// As for [`read_krx`].
pub fn read_us(bytes: &[u8]) -> Result<Master, MasterError> {
    let is_header = |line: &[u8]| {
        let nation = line.split(|byte| *byte == b'\t').next().unwrap_or_default();
        nation.len() != 2 || !nation.iter().all(u8::is_ascii_uppercase)
    };
    let records = lines(bytes).filter(|(number, line)| *number > 1 || !is_header(line));
    collect(records.map(|(number, line)| (number, us_line(line))))
}

/// Lines that are not blank, with their numbers.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace))
}

fn collect(records: impl Iterator<Item = (usize, Result<Listed, &'static str>)>) -> Result<Master, MasterError> {
    let mut master = Master::default();
    for (line, record) in records {
        match record {
            Ok(listed) => master.instruments.push(listed),
            Err(reason) => master.skipped.push(Skipped { line, reason }),
        }
    }
    let (bad, lines) = (master.skipped.len(), master.skipped.len() + master.instruments.len());
    match master.skipped.first() {
        Some(first) if bad * MOST_BAD > lines => Err(MasterError::Unreadable { bad, lines, line: first.line, reason: first.reason }),
        _ if lines == 0 => Err(MasterError::Empty),
        _ => Ok(master),
    }
}

fn krx_line(line: &[u8], segment: Segment, layout: &Layout) -> Result<Listed, &'static str> {
    // The name may be cut anywhere, the tail is counted from the end.
    let (head, tail) = line.len().checked_sub(layout.tail).and_then(|at| line.split_at_checked(at)).ok_or("too short")?;
    let head_field = |from: usize, to: usize| head.get(from..to.min(head.len())).map(text).ok_or("too short");
    let field = |from: usize, width: usize| tail.get(from..from + width).map(text).unwrap_or_default();
    let flag = |at: usize| field(at, 1) == "Y";
    let code = head_field(0, 9)?;
    if !(5..=9).contains(&code.len()) || !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err("no short code");
    }
    let name_ko = Some(head_field(21, head.len())?).filter(|name| !name.is_empty()).ok_or("no name")?;
    // Stands elsewhere in the files of the other segments, so this tells the wrong file as well.
    let group = Some(field(0, 2)).filter(|group| group.len() == 2 && group.bytes().all(|b| b.is_ascii_uppercase()));
    let group = group.ok_or("no security group where this file has it")?;
    let etp = layout.etp.map(|at| field(at, 1)).unwrap_or_default();
    let alert = match field(layout.standing + 3, 2).as_str() {
        "01" => Alert::Caution,
        "02" => Alert::Warning,
        "03" => Alert::Risk,
        _ => Alert::None,
    };
    Ok(Listed {
        name_en: super::english::name(&code).map(str::to_owned),
        instrument: Instrument { market: Market::Krx, symbol: code },
        exchange: Exchange::Krx,
        kind: krx_kind(&group, &etp),
        name_ko,
        isin: Some(head_field(9, 21)?).filter(|isin| isin.len() == 12),
        lot: field(layout.lot, 5).parse().ok().filter(|lot| *lot > 0).ok_or("no trading unit")?,
        reference_price: positive(&field(layout.reference, 9)),
        listed_on: date(&field(layout.listed_on, 8)),
        krx: Some(KrxStanding {
            segment,
            halted: flag(layout.standing),
            liquidation: flag(layout.standing + 1),
            administrative: flag(layout.standing + 2),
            alert,
            preferred: matches!(field(layout.preferred, 1).as_str(), "1" | "2"),
            spac: layout.spac.is_some_and(flag),
        }),
    })
}

fn krx_kind(group: &str, etp: &str) -> Kind {
    match (group, etp) {
        ("EN", _) | (_, "3" | "4") => Kind::Etn,
        ("EF" | "FE", _) | (_, "1" | "2") => Kind::Etf,
        ("ST" | "FS", _) => Kind::Share,
        ("RT", _) => Kind::Reit,
        ("DR", _) => Kind::DepositaryReceipt,
        ("MF" | "SC" | "IF" | "BC", _) => Kind::Fund,
        ("EW" | "SW" | "SR", _) => Kind::Warrant,
        _ => Kind::Other,
    }
}

fn us_line(line: &[u8]) -> Result<Listed, &'static str> {
    let columns: Vec<String> = line.split(|byte| *byte == b'\t').map(text).collect();
    if columns.len() < US_COLUMNS {
        return Err("fewer columns than a record has");
    }
    // Numbered from 1 as the broker does.
    let column = |number: usize| columns.get(number - 1).map(String::as_str).unwrap_or_default();
    let exchange = match column(3) {
        "NAS" => Exchange::Nasdaq,
        "NYS" => Exchange::Nyse,
        "AMS" => Exchange::Amex,
        _ => return Err("an exchange that is not served"),
    };
    let symbol = Instrument::parse_us_ticker(column(5)).map_err(|_| "no ticker")?;
    let name_en = Some(column(8)).filter(|name| !name.is_empty()).map(str::to_owned);
    let name_ko = Some(column(7)).filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(Listed {
        instrument: Instrument { market: Market::Us, symbol },
        exchange,
        kind: us_kind(column(9), column(23), column(18)),
        name_ko: name_ko.or_else(|| name_en.clone()).ok_or("no name")?,
        name_en,
        isin: None,
        // Some lines leave it blank: single shares then.
        lot: column(14).parse().ok().filter(|lot| *lot > 0).unwrap_or(1),
        reference_price: positive(column(13)),
        listed_on: None,
        krx: None,
    })
}

fn us_kind(class: &str, product: &str, receipt: &str) -> Kind {
    match (class, product) {
        ("1", _) => Kind::Index,
        ("2", _) if receipt == "Y" => Kind::DepositaryReceipt,
        ("2", _) => Kind::Share,
        ("3", "001" | "005") => Kind::Etf,
        ("3", "002" | "006") => Kind::Etn,
        ("4", _) => Kind::Warrant,
        _ => Kind::Other,
    }
}

fn text(bytes: &[u8]) -> String {
    EUC_KR.decode_without_bom_handling(bytes).0.trim().to_owned()
}

fn positive(text: &str) -> Option<Decimal> {
    text.parse().ok().filter(|price| *price > Decimal::ZERO)
}

/// `YYYYMMDD`.
fn date(text: &str) -> Option<Date> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let (month, day) = (part(4, 6)?.try_into().ok()?, part(6, 8)?.try_into().ok()?);
    Date::new(part(0, 4)?, month, day).ok().filter(|_| text.len() == 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::dec;

    use super::*;

    fn file(name: &str) -> Vec<u8> {
        fs_err::read(format!("data-fixtures/brokers/masters/{name}")).unwrap()
    }

    fn find<'m>(master: &'m Master, symbol: &str) -> &'m Listed {
        master.instruments.iter().find(|listed| listed.instrument.symbol == symbol).unwrap()
    }

    #[test]
    fn kospi_has_shares_funds_and_notes() {
        let master = read_krx(&file("kospi_code.mst"), Segment::Kospi).unwrap();
        assert_eq!((master.instruments.len(), master.skipped.len()), (7, 0));
        let samsung = find(&master, "005930");
        assert_eq!((samsung.name_ko.as_str(), samsung.isin.as_deref(), samsung.kind), ("삼성전자", Some("KR7005930003"), Kind::Share));
        assert_eq!((samsung.lot, samsung.reference_price, samsung.listed_on), (1, Some(dec!(70300)), Some(Date::constant(1975, 6, 11))));
        let quiet = KrxStanding {
            segment: Segment::Kospi,
            halted: false,
            liquidation: false,
            administrative: false,
            alert: Alert::None,
            preferred: false,
            spac: false,
        };
        assert_eq!(samsung.krx, Some(quiet));
        assert_eq!(samsung.tick(dec!(70300)), dec!(100));
        assert_eq!(find(&master, "005935").krx, Some(KrxStanding { preferred: true, ..quiet }));
        let kodex = find(&master, "069500");
        assert_eq!((kodex.kind, kodex.tick(dec!(48000))), (Kind::Etf, dec!(5)));
        assert_eq!(find(&master, "Q500001").kind, Kind::Etn);
        assert_eq!(find(&master, "57A001").kind, Kind::Warrant);
        assert_eq!(find(&master, "088980").kind, Kind::Fund);
        let troubled = find(&master, "099990");
        let standing = KrxStanding { halted: true, liquidation: true, administrative: true, alert: Alert::Risk, ..quiet };
        assert_eq!((troubled.krx, troubled.reference_price), (Some(standing), None));
    }

    #[test]
    fn kosdaq_and_konex_have_layouts_of_their_own() {
        let kosdaq = read_krx(&file("kosdaq_code.mst"), Segment::Kosdaq).unwrap();
        assert_eq!(kosdaq.instruments.len(), 4);
        let ecopro = find(&kosdaq, "247540");
        assert_eq!((ecopro.name_ko.as_str(), ecopro.reference_price), ("에코프로비엠", Some(dec!(142500))));
        assert_eq!(find(&kosdaq, "465320").krx.map(|krx| (krx.spac, krx.segment)), Some((true, Segment::Kosdaq)));
        assert_eq!(find(&kosdaq, "299910").krx.map(|krx| (krx.alert, krx.halted)), Some((Alert::Caution, false)));
        assert_eq!(find(&kosdaq, "099750").name_ko, "이지케어텍㈜똠방", "letters beyond KS X 1001, and the broker's company sign");
        let konex = read_krx(&file("konex_code.mst"), Segment::Konex).unwrap();
        let only = find(&konex, "199290");
        assert_eq!((only.reference_price, only.lot, only.listed_on), (Some(dec!(3015)), 1, Some(Date::constant(2014, 5, 27))));
    }

    #[test]
    fn us_files_are_read_with_and_without_a_header() {
        let nasdaq = read_us(&file("nasmst.cod")).unwrap();
        let tqqq = find(&nasdaq, "TQQQ");
        assert_eq!((tqqq.exchange, tqqq.kind, tqqq.lot), (Exchange::Nasdaq, Kind::Etf, 1));
        assert_eq!((tqqq.name_ko.as_str(), tqqq.name_en.as_deref()), ("프로셰어즈 울트라프로 QQQ", Some("PROSHARES ULTRAPRO QQQ")));
        assert_eq!((tqqq.reference_price, tqqq.tick(dec!(83.41)), tqqq.krx), (Some(dec!(82.1100)), dec!(0.01), None));
        assert_eq!(find(&nasdaq, "AAPL").kind, Kind::Share);
        assert_eq!(find(&nasdaq, "ASML").kind, Kind::DepositaryReceipt);
        let amex = read_us(&file("amsmst.cod")).unwrap();
        assert_eq!(amex.instruments.len(), 3, "the header is no record");
        assert_eq!(find(&amex, "SOXL").exchange, Exchange::Amex);
        assert_eq!(find(&amex, "VXX").kind, Kind::Etn);
    }

    #[test]
    fn the_wrong_file_is_refused_and_a_bad_line_is_only_skipped() {
        let kospi = file("kospi_code.mst");
        assert!(matches!(read_krx(&kospi, Segment::Kosdaq), Err(MasterError::Unreadable { bad: 7, .. })));
        assert!(matches!(read_krx(&file("kosdaq_code.mst"), Segment::Kospi), Err(MasterError::Unreadable { bad: 4, .. })));
        assert!(matches!(read_us(&kospi), Err(MasterError::Unreadable { .. })));
        assert!(matches!(read_krx(b"<html>\n<body>404</body>", Segment::Kospi), Err(MasterError::Unreadable { bad: 2, line: 1, .. })));
        assert_eq!(read_krx(b" \r\n\n", Segment::Kospi), Err(MasterError::Empty));
        let mut many = kospi.repeat(2);
        many.extend(b"cut off");
        let master = read_krx(&many, Segment::Kospi).unwrap();
        assert_eq!((master.instruments.len(), master.skipped), (14, vec![Skipped { line: 15, reason: "too short" }]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
            let _ = (read_krx(&bytes, Segment::Kospi), read_krx(&bytes, Segment::Kosdaq), read_krx(&bytes, Segment::Konex), read_us(&bytes));
        }

        #[test]
        fn a_damaged_file_is_read_or_refused(at in 0_usize..2_000, byte in any::<u8>(), cut in 0_usize..2_100) {
            let mut bytes = file("kospi_code.mst");
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(cut);
            let _ = read_krx(&bytes, Segment::Kospi);
        }

        #[test]
        fn damaged_columns_are_read_or_refused(columns in proptest::collection::vec("[A-Z0-9.가-힣]{0,8}", 20..28)) {
            let text = columns.join("\t");
            let _ = read_us(&EUC_KR.encode(&text).0);
        }
    }
}
