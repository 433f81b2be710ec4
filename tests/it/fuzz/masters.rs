//! Lists of instruments as brokers publish them, and the archives that they come in.

use eggmoney::market::masters::{Segment, read_krx, read_us};
use eggmoney::market::zip::first_file;
use rust_decimal::Decimal;

use super::engine::{Chance, Target};
use super::spoil;

/// What the first byte of a case says: a list of the file at this place, or an archive.
const FILES: [(&str, Option<Segment>); 5] = [
    ("kospi_code.mst", Some(Segment::Kospi)),
    ("kosdaq_code.mst", Some(Segment::Kosdaq)),
    ("konex_code.mst", Some(Segment::Konex)),
    ("nasmst.cod", None),
    ("amsmst.cod", None),
];
const ARCHIVE: u8 = 5;
const LARGEST: usize = 1 << 20;
/// A few lines say as much as all.
const LINES: usize = 20;

pub struct Lists {
    lists: Vec<Vec<u8>>,
}

impl Lists {
    pub fn open() -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data-fixtures/brokers/masters");
        let list = |(name, _): (&str, Option<Segment>)| {
            let whole = fs_err::read(format!("{folder}/{name}")).unwrap();
            whole.split_inclusive(|b| *b == b'\n').take(LINES).flatten().copied().collect()
        };
        Self { lists: FILES.into_iter().map(list).collect() }
    }
}

fn archive(bytes: &[u8]) -> bool {
    let Ok(content) = first_file(bytes, LARGEST) else { return false };
    assert!(content.len() <= LARGEST);
    // Nothing passes for whole whose checksum does not stand in the archive.
    let mut sum = flate2::Crc::new();
    sum.update(&content);
    assert!(bytes.windows(4).any(|four| four == sum.sum().to_le_bytes()), "another content passed for whole");
    true
}

fn list(bytes: &[u8], segment: Option<Segment>) -> bool {
    let read = match segment {
        Some(segment) => read_krx(bytes, segment),
        None => read_us(bytes),
    };
    let Ok(master) = read else { return false };
    for listed in &master.instruments {
        let symbol = &listed.instrument.symbol;
        assert!(!symbol.is_empty() && symbol.bytes().all(|b| b.is_ascii_graphic()), "the symbol {symbol:?}");
        assert!(listed.lot > 0, "{symbol} is traded by zero shares");
        let price = listed.reference_price;
        assert!(price.is_none_or(|price| price > Decimal::ZERO), "{symbol} has a price of {price:?}");
        assert!(listed.tick(Decimal::ONE_HUNDRED) > Decimal::ZERO);
    }
    true
}

impl Target for Lists {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let lists = self.lists.iter().enumerate().map(|(n, list)| [&[u8::try_from(n).unwrap()], &list[..]].concat());
        let archives = self.lists.iter().map(|list| [&[ARCHIVE], &eggmoney::simulators::kis_master_archive("list.mst", list)[..]].concat());
        lists.chain(archives).collect()
    }

    fn words(&self) -> &'static [&'static str] {
        &["KR7005930003", "NAS\tTQQQ\t", "\t3\t", "PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "PK\x07\x08"]
    }

    fn spoil(&self, chance: &mut Chance, case: &[u8]) -> Vec<u8> {
        let (kind, rest) = case.split_at(1);
        [kind, &spoil::bytes(chance, rest, &self.lists)].concat()
    }

    fn tries(&mut self, case: &[u8]) -> bool {
        let Some((kind, rest)) = case.split_first() else { return false };
        match FILES.get(usize::from(*kind)) {
            Some((_, segment)) => list(rest, *segment),
            None if *kind == ARCHIVE => archive(rest),
            None => false,
        }
    }
}
