//! English names of Korean instruments. The broker's Korean lists have none, so that a reader of English
//! finds at least what most people look for; everything else is found by its code.

use std::collections::BTreeMap;
use std::sync::LazyLock;

static NAMES: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| BTreeMap::from(LARGEST));

/// The English name of a Korean code, if it is one of the largest.
pub(super) fn name(code: &str) -> Option<&'static str> {
    NAMES.get(code).copied()
}

const LARGEST: [(&str, &str); 60] = [
    ("000100", "Yuhan"),
    ("000120", "CJ Logistics"),
    ("000270", "Kia"),
    ("000660", "SK hynix"),
    ("000720", "Hyundai Engineering & Construction"),
    ("000810", "Samsung Fire & Marine Insurance"),
    ("001450", "Hyundai Marine & Fire Insurance"),
    ("003490", "Korean Air"),
    ("003550", "LG"),
    ("003670", "POSCO Future M"),
    ("004020", "Hyundai Steel"),
    ("005380", "Hyundai Motor"),
    ("005490", "POSCO Holdings"),
    ("005830", "DB Insurance"),
    ("005930", "Samsung Electronics"),
    ("005935", "Samsung Electronics (preferred)"),
    ("006400", "Samsung SDI"),
    ("006800", "Mirae Asset Securities"),
    ("009150", "Samsung Electro-Mechanics"),
    ("009540", "HD Korea Shipbuilding & Offshore Engineering"),
    ("009830", "Hanwha Solutions"),
    ("010130", "Korea Zinc"),
    ("010140", "Samsung Heavy Industries"),
    ("010950", "S-Oil"),
    ("011070", "LG Innotek"),
    ("011170", "Lotte Chemical"),
    ("011200", "HMM"),
    ("012330", "Hyundai Mobis"),
    ("012450", "Hanwha Aerospace"),
    ("015760", "Korea Electric Power (KEPCO)"),
    ("017670", "SK Telecom"),
    ("018260", "Samsung SDS"),
    ("024110", "Industrial Bank of Korea"),
    ("028260", "Samsung C&T"),
    ("030200", "KT"),
    ("032830", "Samsung Life Insurance"),
    ("033780", "KT&G"),
    ("034020", "Doosan Enerbility"),
    ("034730", "SK"),
    ("035420", "NAVER"),
    ("035720", "Kakao"),
    ("036570", "NCSoft"),
    ("042660", "Hanwha Ocean"),
    ("047050", "POSCO International"),
    ("051910", "LG Chem"),
    ("055550", "Shinhan Financial Group"),
    ("066570", "LG Electronics"),
    ("068270", "Celltrion"),
    ("069500", "KODEX 200"),
    ("086790", "Hana Financial Group"),
    ("090430", "Amorepacific"),
    ("096770", "SK Innovation"),
    ("105560", "KB Financial Group"),
    ("114800", "KODEX Inverse"),
    ("122630", "KODEX Leverage"),
    ("207940", "Samsung Biologics"),
    ("229200", "KODEX KOSDAQ 150"),
    ("247540", "EcoPro BM"),
    ("252670", "KODEX 200 Futures Inverse 2X"),
    ("373220", "LG Energy Solution"),
];
