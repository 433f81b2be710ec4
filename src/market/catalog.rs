//! What is listed, looked up and searched. Filled file by file; a file that cannot be read anew leaves
//! what is known of its exchange as it was.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use super::masters::{Kind, Listed, Master, MasterError, Segment, read_krx, read_us};
use crate::domain::instrument::Market;
use crate::domain::limits::Product;

/// One of the broker's master files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MasterFile {
    Kospi,
    Kosdaq,
    Konex,
    Nasdaq,
    Nyse,
    Amex,
}

impl MasterFile {
    pub const ALL: [MasterFile; 6] =
        [MasterFile::Kospi, MasterFile::Kosdaq, MasterFile::Konex, MasterFile::Nasdaq, MasterFile::Nyse, MasterFile::Amex];

    /// Its name at the broker.
    pub fn name(self) -> &'static str {
        match self {
            MasterFile::Kospi => "kospi_code.mst",
            MasterFile::Kosdaq => "kosdaq_code.mst",
            MasterFile::Konex => "konex_code.mst",
            MasterFile::Nasdaq => "nasmst.cod",
            MasterFile::Nyse => "nysmst.cod",
            MasterFile::Amex => "amsmst.cod",
        }
    }

    /// Reads its unpacked content.
    ///
    /// # Errors
    /// When it is no such file.
    pub fn read(self, bytes: &[u8]) -> Result<Master, MasterError> {
        match self {
            MasterFile::Kospi => read_krx(bytes, Segment::Kospi),
            MasterFile::Kosdaq => read_krx(bytes, Segment::Kosdaq),
            MasterFile::Konex => read_krx(bytes, Segment::Konex),
            MasterFile::Nasdaq | MasterFile::Nyse | MasterFile::Amex => read_us(bytes),
        }
    }

    /// Files without which a market's list is not complete. The smallest Korean segment is no part of it.
    fn of(market: Market) -> &'static [MasterFile] {
        match market {
            Market::Krx => &[MasterFile::Kospi, MasterFile::Kosdaq],
            Market::Us => &[MasterFile::Nasdaq, MasterFile::Nyse, MasterFile::Amex],
        }
    }
}

type Shelf = BTreeMap<(Market, String), Arc<Listed>>;

/// The listed instruments of all markets; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Catalog(Arc<RwLock<BTreeMap<MasterFile, Shelf>>>);

impl Catalog {
    /// Puts a file's instruments in place of what it had before.
    pub fn replace(&self, file: MasterFile, master: Master) {
        let shelf = master
            .instruments
            .into_iter()
            .map(|listed| ((listed.instrument.market, listed.instrument.symbol.clone()), Arc::new(listed)))
            .collect();
        self.0.write().unwrap_or_else(|e| e.into_inner()).insert(file, shelf);
    }

    pub fn get(&self, market: Market, symbol: &str) -> Option<Arc<Listed>> {
        let key = (market, symbol.to_owned());
        self.read(|files| files.values().find_map(|shelf| shelf.get(&key).cloned()))
    }

    /// Whether the market's whole list is known: then what is not in it is not listed.
    pub fn is_complete(&self, market: Market) -> bool {
        self.read(|files| MasterFile::of(market).iter().all(|file| files.contains_key(file)))
    }

    /// Whether an instrument is an ETF or ETN; `None` when it is not known.
    pub fn is_fund(&self, market: Market, symbol: &str) -> Option<bool> {
        self.get(market, symbol).map(|listed| matches!(listed.kind, Kind::Etf | Kind::Etn))
    }

    /// The product that limits know an instrument as; `None` for what they do not tell apart.
    pub fn product(&self, market: Market, symbol: &str) -> Option<Product> {
        match self.get(market, symbol)?.kind {
            Kind::Etf | Kind::Etn => Some(Product::Etf),
            Kind::Share | Kind::Reit | Kind::DepositaryReceipt | Kind::Fund => Some(Product::Stock),
            Kind::Warrant | Kind::Index | Kind::Other => None,
        }
    }

    /// Instruments whose code or name has a text in it, best first: the very code, codes that begin
    /// with it, names that begin with it, the others.
    pub fn search(&self, text: &str, most: usize) -> Vec<Arc<Listed>> {
        let wanted = text.trim().to_lowercase();
        if wanted.is_empty() {
            return Vec::new();
        }
        let rank = |listed: &Listed| {
            let code = listed.instrument.symbol.to_lowercase();
            let names = [Some(&listed.name_ko), listed.name_en.as_ref()].map(|name| name.map(|n| n.to_lowercase()).unwrap_or_default());
            match () {
                () if code == wanted => Some(0),
                () if code.starts_with(&wanted) => Some(1),
                () if names.iter().any(|name| name.starts_with(&wanted)) => Some(2),
                () if names.iter().any(|name| name.contains(&wanted)) => Some(3),
                () => None,
            }
        };
        let mut found: Vec<(u8, Arc<Listed>)> = self.read(|files| {
            let all = files.values().flat_map(BTreeMap::values);
            let traded = all.filter(|listed| !matches!(listed.kind, Kind::Index | Kind::Warrant));
            traded.filter_map(|listed| Some((rank(listed)?, listed.clone()))).collect()
        });
        found.sort_by(|(a, x), (b, y)| (a, x.name_ko.chars().count(), &x.instrument).cmp(&(b, y.name_ko.chars().count(), &y.instrument)));
        found.truncate(most);
        found.into_iter().map(|(_, listed)| listed).collect()
    }

    /// Instruments that are known.
    pub fn len(&self) -> usize {
        self.read(|files| files.values().map(BTreeMap::len).sum())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read<T>(&self, f: impl FnOnce(&BTreeMap<MasterFile, Shelf>) -> T) -> T {
        f(&self.0.read().unwrap_or_else(|e| e.into_inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let catalog = Catalog::default();
        for file in [MasterFile::Kospi, MasterFile::Kosdaq, MasterFile::Konex, MasterFile::Nasdaq, MasterFile::Amex] {
            let bytes = fs_err::read(format!("data-fixtures/brokers/masters/{}", file.name())).unwrap();
            catalog.replace(file, file.read(&bytes).unwrap());
        }
        catalog
    }

    #[test]
    fn kinds_decide_product_and_tax() {
        let catalog = catalog();
        assert_eq!((catalog.is_fund(Market::Krx, "005930"), catalog.product(Market::Krx, "005930")), (Some(false), Some(Product::Stock)));
        assert_eq!((catalog.is_fund(Market::Krx, "069500"), catalog.product(Market::Krx, "069500")), (Some(true), Some(Product::Etf)));
        assert_eq!(catalog.product(Market::Us, "TQQQ"), Some(Product::Etf));
        assert_eq!((catalog.is_fund(Market::Krx, "999999"), catalog.product(Market::Us, "005930")), (None, None));
        assert!(catalog.is_complete(Market::Krx) && !catalog.is_complete(Market::Us), "one US file is missing");
    }

    #[test]
    fn codes_come_before_names_and_names_are_found_in_korean() {
        let catalog = catalog();
        let first = |text: &str| catalog.search(text, 5).first().map(|l| l.instrument.symbol.clone());
        assert_eq!([first("005930"), first("tqqq"), first("삼성전자")].map(Option::unwrap), ["005930", "TQQQ", "005930"]);
        assert_eq!(
            [first("Samsung"), first("samsung elec"), first("애플"), first("apple")].map(Option::unwrap),
            ["005930", "005930", "AAPL", "AAPL"]
        );
        assert_eq!((first(" "), first("no such name anywhere")), (None, None));
        assert_eq!(catalog.search("0", 2).len(), 2);
    }
}
