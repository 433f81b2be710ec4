//! Codes of Korean orders: order division and venue.

use crate::domain::order::{OrderKind, Venue};

/// Order divisions with their names, and whether Nextrade and the smart routing take them. The kinds
/// for the sessions outside the regular one (05, 06, 07) and the immediate midpoints (23, 24) are not
/// traded here.
const KINDS: [(&str, OrderKind, &str, bool, bool); 13] = [
    ("00", OrderKind::Limit, "지정가", true, true),
    ("01", OrderKind::Market, "시장가", false, true),
    ("02", OrderKind::ConditionalLimit, "조건부지정가", false, false),
    ("03", OrderKind::BestLimit, "최유리지정가", true, true),
    ("04", OrderKind::PriorityLimit, "최우선지정가", true, true),
    ("11", OrderKind::IocLimit, "IOC지정가", true, true),
    ("12", OrderKind::FokLimit, "FOK지정가", true, true),
    ("13", OrderKind::IocMarket, "IOC시장가", true, true),
    ("14", OrderKind::FokMarket, "FOK시장가", true, true),
    ("15", OrderKind::IocBest, "IOC최유리", true, true),
    ("16", OrderKind::FokBest, "FOK최유리", true, true),
    ("21", OrderKind::Midpoint, "중간가", true, false),
    ("22", OrderKind::StopLimit, "스톱지정가", true, false),
];

/// The order kind of a division on a venue; `None` when it is not taken there. The paper host takes
/// limit and market orders on KRX; what else it takes is not known.
pub(super) fn kind(division: &str, venue: Venue, paper: bool) -> Option<OrderKind> {
    let (code, kind, _, nxt, sor) = KINDS.into_iter().find(|(code, ..)| *code == division)?;
    let taken = match venue {
        Venue::Krx => !paper || matches!(code, "00" | "01"),
        Venue::Nxt => !paper && nxt,
        Venue::Sor => !paper && sor,
    };
    taken.then_some(kind)
}

/// Division code and name of an order kind.
pub(in super::super) fn division(kind: OrderKind) -> (&'static str, &'static str) {
    KINDS.iter().find(|(_, known, ..)| *known == kind).map_or(("00", "지정가"), |(code, _, name, ..)| (code, name))
}

/// The venue of a code; KRX when there is none.
pub(super) fn venue(code: &str) -> Option<Venue> {
    match code {
        "" | "KRX" => Some(Venue::Krx),
        "NXT" => Some(Venue::Nxt),
        "SOR" => Some(Venue::Sor),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisions_are_taken_as_the_brokers_table_has_them() {
        assert_eq!(kind("00", Venue::Nxt, false), Some(OrderKind::Limit));
        assert_eq!(kind("01", Venue::Nxt, false), None);
        assert_eq!(kind("01", Venue::Sor, false), Some(OrderKind::Market));
        assert_eq!(kind("02", Venue::Sor, false), None);
        assert_eq!((kind("21", Venue::Nxt, false), kind("21", Venue::Sor, false)), (Some(OrderKind::Midpoint), None));
        assert_eq!((kind("01", Venue::Krx, true), kind("03", Venue::Krx, true)), (Some(OrderKind::Market), None));
        assert_eq!((kind("", Venue::Krx, false), kind("99", Venue::Krx, false), kind("05", Venue::Krx, false)), (None, None, None));
        for (code, known, name, ..) in KINDS.into_iter() {
            assert_eq!(division(known), (code, name));
        }
    }
}
