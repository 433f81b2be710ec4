//! Lists of instruments as brokers publish them, and the archives that they come in.

use eggmoney::market::masters::{Segment, read_krx, read_us};
use eggmoney::market::zip::first_file;
use rust_decimal::Decimal;

use super::engine::Hunt;
use super::spoil;

const FILES: [(&str, Option<Segment>); 5] = [
    ("kospi_code.mst", Some(Segment::Kospi)),
    ("kosdaq_code.mst", Some(Segment::Kosdaq)),
    ("konex_code.mst", Some(Segment::Konex)),
    ("nasmst.cod", None),
    ("amsmst.cod", None),
];
const LARGEST: usize = 1 << 20;

#[test]
fn lists_of_instruments() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data-fixtures/brokers/masters");
    let samples: Vec<(Vec<u8>, Option<Segment>)> = FILES
        .iter()
        .map(|(name, segment)| {
            let whole = fs_err::read(format!("{folder}/{name}")).unwrap();
            // A hundred lines say as much as all.
            let end = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(99).map_or(whole.len(), |(at, _)| at + 1);
            (whole[..end].to_vec(), *segment)
        })
        .collect();
    let archives: Vec<Vec<u8>> = samples.iter().map(|(bytes, _)| eggmoney::simulators::kis_master_archive("list.mst", bytes)).collect();
    let others: Vec<Vec<u8>> = samples.iter().map(|(bytes, _)| bytes.clone()).collect();
    let mut hunt = Hunt::new("lists of instruments", 600);
    while let Some(mut chance) = hunt.next() {
        let n = chance.below(samples.len());
        if chance.once_in(3) {
            let spoilt = spoil::bytes(&mut chance, &archives[n], &archives);
            hunt.tries(&spoilt);
            if let Ok(content) = first_file(&spoilt, LARGEST) {
                hunt.taken();
                assert!(content.len() <= LARGEST);
                // Names and times of an archive may change; its content may not without its checksum.
                assert!(others.contains(&content) || spoilt.len() != archives[n].len(), "another content passed for whole");
            }
            continue;
        }
        let (sample, segment) = &samples[n];
        let spoilt = spoil::bytes(&mut chance, sample, &others);
        hunt.tries(&spoilt);
        let read = match segment {
            Some(segment) => read_krx(&spoilt, *segment),
            None => read_us(&spoilt),
        };
        let Ok(master) = read else { continue };
        hunt.taken();
        for listed in &master.instruments {
            let symbol = &listed.instrument.symbol;
            assert!(!symbol.is_empty() && symbol.bytes().all(|b| b.is_ascii_graphic()), "the symbol {symbol:?}");
            assert!(listed.lot > 0, "{symbol} is traded by zero shares");
            assert!(
                listed.reference_price.is_none_or(|price| price > Decimal::ZERO),
                "{symbol} has a price of {:?}",
                listed.reference_price
            );
            assert!(listed.tick(Decimal::ONE_HUNDRED) > Decimal::ZERO);
        }
    }
}
