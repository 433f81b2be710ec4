//! What a difference between books and broker can be. Pure: figures in, a verdict out.

use jiff::civil::Date;
use rust_decimal::{Decimal, dec};

use crate::domain::difference::{DifferenceKind, KnownPrice, OutsideExecution, PriceJump, SplitRatio};
use crate::domain::order::{Order, OrderState, Side};

/// Brokers hold whole shares; fractions in the books come from imports and from reverse splits that
/// the broker paid out in cash.
const ONE_SHARE: Decimal = Decimal::ONE;
/// No split is larger.
const LARGEST_RATIO: u32 = 100;
/// How far a price may lie from an exact n-th or n-fold and still look like a split.
const NEAR: Decimal = dec!(0.10);
/// A price that is so many times the last known one, or so many times less, is out of bounds: the worst
/// day of a threefold fund so far (a fall by 34 %) and a split of 3 for 2 both lie beyond.
const OUT_OF_BOUNDS: Decimal = dec!(1.47);

/// Both sides' shares of one instrument, and what is known about them.
#[derive(Clone, Copy, Debug)]
pub(in crate::trading) struct Sides<'a> {
    pub ours: Decimal,
    pub brokers: Decimal,
    /// The market was never compared before, or that question is still open.
    pub first: bool,
    /// Executions of the broker's list that are in no books.
    pub outside: &'a [OutsideExecution],
    pub split_denied: bool,
    /// A split that was confirmed not long ago.
    pub split: Option<SplitRatio>,
    pub moving: Moving,
}

/// Shares that orders of ours may be moving at this moment, so that one side shows them already.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::trading) struct Moving {
    /// The broker may have so many more than the books.
    pub more: Decimal,
    /// … or so many fewer.
    pub fewer: Decimal,
}

impl Moving {
    /// Counts an order; `fresh` when it changed so lately that the broker's two lists may disagree.
    pub fn add(&mut self, order: &Order, fresh: bool) {
        let open = !order.state.is_final();
        if !open && !fresh {
            return;
        }
        let never_left = order.state == OrderState::Rejected && !order.is_not_placed();
        let to_come = if never_left { 0 } else { order.intent.quantity.saturating_sub(order.filled_quantity) };
        let booked = if fresh { order.filled_quantity } else { 0 };
        let (more, fewer) = if order.intent.side == Side::Buy { (to_come, booked) } else { (booked, to_come) };
        self.more += Decimal::from(more);
        self.fewer += Decimal::from(fewer);
    }

    fn may_explain(&self, difference: Decimal) -> bool {
        difference < self.more + ONE_SHARE && difference > -self.fewer - ONE_SHARE && !(self.more + self.fewer).is_zero()
    }
}

/// What the figures say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::trading) enum Verdict {
    Equal,
    /// Orders under way may explain it: look again.
    Undecided,
    Differs(DifferenceKind, Option<SplitRatio>),
}

/// Judges one instrument.
pub(in crate::trading) fn judge(sides: &Sides<'_>) -> Verdict {
    let difference = sides.brokers - sides.ours;
    if difference.abs() < ONE_SHARE {
        return Verdict::Equal;
    }
    if sides.moving.may_explain(difference) {
        return Verdict::Undecided;
    }
    if let Some(split) = sides.split
        && (split.shares(sides.brokers) - sides.ours).abs() < split.factor().max(ONE_SHARE)
    {
        return Verdict::Differs(DifferenceKind::SplitAwaited, Some(split));
    }
    let outside: Decimal = sides.outside.iter().map(OutsideExecution::signed).sum();
    if !sides.outside.is_empty() && (difference - outside).abs() < ONE_SHARE {
        return Verdict::Differs(DifferenceKind::OutsideTrade, None);
    }
    if sides.first && difference > Decimal::ZERO {
        return Verdict::Differs(DifferenceKind::FirstSurplus, None);
    }
    // The first connection has no earlier look to compare with, but an import's shares may be older than a
    // reverse split.
    if sides.outside.is_empty()
        && !sides.split_denied
        && let Some(ratio) = share_ratio(sides.ours, sides.brokers)
    {
        return Verdict::Differs(DifferenceKind::SplitSuspected, Some(ratio));
    }
    Verdict::Differs(DifferenceKind::Unexplained, None)
}

const THREE_FOR_TWO: SplitRatio = SplitRatio { new: 3, old: 2 };

/// The whole number of a ratio, if a split may have it.
fn whole(rounded: Decimal) -> Option<u32> {
    u32::try_from(rounded).ok().filter(|n| (2..=LARGEST_RATIO).contains(n))
}

/// The split that makes one number of shares another; the broker pays fractions out.
pub(in crate::trading) fn share_ratio(before: Decimal, after: Decimal) -> Option<SplitRatio> {
    if before <= Decimal::ZERO || after <= Decimal::ZERO {
        return None;
    }
    let n_fold = if after > before {
        whole((after / before).round()).map(|new| SplitRatio { new, old: 1 })
    } else {
        // Fractions are gone, so what is left divides the old shares at least so often.
        whole((before / after).floor()).map(|old| SplitRatio { new: 1, old })
    };
    let fits = |ratio: &SplitRatio| {
        let exact = ratio.shares(before);
        after <= exact && exact - after < ONE_SHARE
    };
    // Of a share or two nothing can be told about halves.
    let halves = if after > before { THREE_FOR_TWO } else { THREE_FOR_TWO.inverse() };
    n_fold.filter(fits).or_else(|| Some(halves).filter(|ratio| before >= dec!(4) && fits(ratio)))
}

/// The split that one price out of bounds of another is near to, if any: shares move against the price.
/// `None` within bounds.
fn price_ratio(before: Decimal, after: Decimal) -> Option<Option<SplitRatio>> {
    if before <= Decimal::ZERO || after <= Decimal::ZERO {
        return None;
    }
    let falls = before > after;
    let exact = if falls { before / after } else { after / before };
    if exact < OUT_OF_BOUNDS {
        return None;
    }
    let near = |ratio: &SplitRatio| (exact / ratio.factor() - Decimal::ONE).abs() <= NEAR;
    // Just below two is as near to it as just above.
    let n_fold = whole(exact.round()).map(|new| SplitRatio { new, old: 1 }).filter(near);
    let ratio = n_fold.or_else(|| Some(THREE_FOR_TWO).filter(near));
    Some(ratio.map(|ratio| if falls { ratio } else { ratio.inverse() }))
}

/// Whether a price is out of bounds, and the split that it looks like: against the last price of an
/// earlier session, or against the broker's own previous close. Within a session prices only move.
pub(in crate::trading) fn price_jump(
    known: Option<&KnownPrice>,
    session: Date,
    last: Decimal,
    previous_close: Option<Decimal>,
) -> Option<(PriceJump, Option<SplitRatio>)> {
    if known.is_some_and(|k| k.answered == Some(session)) {
        return None;
    }
    let before = known.filter(|k| k.session < session).map(|k| k.price);
    // An adjusted close betrays the split even where the price has moved away from the exact ratio.
    let pairs = [before.zip(previous_close), before.map(|b| (b, last)), previous_close.map(|close| (close, last))];
    pairs.into_iter().flatten().find_map(|(before, now)| Some((PriceJump { before, now }, price_ratio(before, now)?)))
}

/// An order of the form that bots send: a limit a little through the market.
pub(in crate::trading) fn looks_like_a_bots(execution: &OutsideExecution) -> bool {
    const LEAST: Decimal = dec!(0.005);
    const MOST: Decimal = dec!(0.035);
    let quantity = Decimal::from(execution.quantity);
    if execution.limit <= Decimal::ZERO || execution.gross <= Decimal::ZERO || quantity.is_zero() {
        return false;
    }
    let through = execution.limit * quantity / execution.gross - Decimal::ONE;
    let through = if execution.side == Side::Buy { through } else { -through };
    (LEAST..=MOST).contains(&through)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn sides(ours: u32, brokers: u32) -> Sides<'static> {
        let (ours, brokers) = (Decimal::from(ours), Decimal::from(brokers));
        Sides { ours, brokers, first: false, outside: &[], split_denied: false, split: None, moving: Moving::default() }
    }

    fn bought(quantity: u64, limit: Decimal, price: Decimal) -> OutsideExecution {
        OutsideExecution {
            date: date(2026, 5, 14),
            broker_order_no: "7".to_owned(),
            side: Side::Buy,
            quantity,
            gross: price * Decimal::from(quantity),
            limit,
            ordered_at: None,
        }
    }

    #[test]
    fn what_is_behind_a_difference() {
        use DifferenceKind::*;
        let differs = |kind, new, old| Verdict::Differs(kind, Some(SplitRatio { new, old }));
        assert_eq!(judge(&sides(10, 10)), Verdict::Equal);
        assert_eq!(judge(&Sides { ours: dec!(10.4), ..sides(0, 10) }), Verdict::Equal, "fractions are nobody's shares");
        assert_eq!(judge(&sides(10, 13)), Verdict::Differs(Unexplained, None));
        assert_eq!(judge(&Sides { first: true, ..sides(10, 13) }), Verdict::Differs(FirstSurplus, None));
        assert_eq!(
            judge(&Sides { first: true, ..sides(10, 20) }),
            Verdict::Differs(FirstSurplus, None),
            "no earlier figure to compare with"
        );
        assert_eq!(judge(&Sides { first: true, ..sides(13, 10) }), Verdict::Differs(Unexplained, None));
        assert_eq!(judge(&Sides { first: true, ..sides(40, 13) }), differs(SplitSuspected, 1, 3), "the import is older than the split");
        assert_eq!(judge(&sides(10, 20)), differs(SplitSuspected, 2, 1));
        assert_eq!(judge(&sides(35, 13)), Verdict::Differs(Unexplained, None), "more than a fraction is missing");
        assert_eq!(judge(&sides(35, 8)), differs(SplitSuspected, 1, 4), "8.75 shares, of which 0.75 are paid out");
        assert_eq!(judge(&sides(40, 60)), differs(SplitSuspected, 3, 2));
        assert_eq!(judge(&sides(41, 27)), differs(SplitSuspected, 2, 3));
        assert_eq!(judge(&sides(2, 3)), Verdict::Differs(Unexplained, None), "one share more");
        assert_eq!(judge(&Sides { split_denied: true, ..sides(10, 20) }), Verdict::Differs(Unexplained, None));
        let trade = [bought(3, dec!(60), dec!(60))];
        assert_eq!(judge(&Sides { outside: &trade, ..sides(10, 13) }), Verdict::Differs(OutsideTrade, None));
        assert_eq!(judge(&Sides { outside: &trade, ..sides(10, 14) }), Verdict::Differs(Unexplained, None));
        let ten = [bought(10, dec!(60), dec!(60))];
        assert_eq!(judge(&Sides { outside: &ten, ..sides(10, 20) }), Verdict::Differs(OutsideTrade, None), "a trade is no split");
        let split = Some(SplitRatio { new: 2, old: 1 });
        assert_eq!(judge(&Sides { split, ..sides(20, 10) }), differs(SplitAwaited, 2, 1));
        let moving = Moving { more: dec!(5), fewer: Decimal::ZERO };
        assert_eq!(judge(&Sides { moving, ..sides(10, 13) }), Verdict::Undecided);
        assert_eq!(judge(&Sides { moving, ..sides(10, 17) }), Verdict::Differs(Unexplained, None), "more than all orders could fill");
        assert_eq!(judge(&Sides { moving, ..sides(10, 8) }), Verdict::Differs(Unexplained, None), "a buy takes no shares away");
    }

    #[test]
    fn a_price_near_a_ratio_of_the_last_close_is_suspected_only_over_night() {
        let known = |price| KnownPrice { session: date(2026, 5, 13), price, at: jiff::Timestamp::UNIX_EPOCH, answered: None, split: None };
        let jump = |before, last, close| {
            price_jump(Some(&known(before)), date(2026, 5, 14), last, close).map(|(_, ratio)| ratio.map(|r| (r.new, r.old)))
        };
        assert_eq!(jump(dec!(60), dec!(31), None), Some(Some((2, 1))));
        assert_eq!(jump(dec!(60), dec!(27), Some(dec!(30.2))), Some(Some((2, 1))), "the adjusted close tells");
        assert_eq!(jump(dec!(60), dec!(604), Some(dec!(60))), Some(Some((1, 10))));
        assert_eq!(jump(dec!(8.1), dec!(118), Some(dec!(121.5))), Some(Some((1, 15))), "a reverse split of a fund that fell");
        assert_eq!(jump(dec!(60), dec!(39.6), Some(dec!(60))), Some(Some((3, 2))), "a crash by 34 % is asked about, too");
        assert_eq!(jump(dec!(60), dec!(35), Some(dec!(60))), Some(None), "near no ratio");
        assert_eq!(jump(dec!(60), dec!(42), Some(dec!(60))), None, "a bad day of a leveraged fund");
        assert_eq!(jump(dec!(60), dec!(84), Some(dec!(60))), None);
        assert_eq!(price_jump(Some(&known(dec!(60))), date(2026, 5, 13), dec!(31), None), None, "the same session");
        let answered = KnownPrice { answered: Some(date(2026, 5, 14)), ..known(dec!(60)) };
        assert_eq!(price_jump(Some(&answered), date(2026, 5, 14), dec!(31), Some(dec!(60))), None, "its owner has answered");
        assert_eq!(price_jump(None, date(2026, 5, 14), dec!(31), Some(dec!(60))).map(|(_, r)| r.map(|r| r.new)), Some(Some(2)));
    }

    #[test]
    fn only_a_limit_a_little_through_the_market_looks_like_a_bots() {
        assert!(looks_like_a_bots(&bought(5, dec!(61.2), dec!(60))));
        assert!(!looks_like_a_bots(&bought(5, dec!(60), dec!(60))), "a limit at the market");
        assert!(!looks_like_a_bots(&bought(5, Decimal::ZERO, dec!(60))), "a market order");
        assert!(!looks_like_a_bots(&bought(5, dec!(70), dec!(60))));
        assert!(looks_like_a_bots(&OutsideExecution { side: Side::Sell, ..bought(5, dec!(58.8), dec!(60)) }));
        assert!(!looks_like_a_bots(&OutsideExecution { side: Side::Sell, ..bought(5, dec!(61.2), dec!(60)) }));
    }

    proptest! {
        /// A split of whole shares is found, and its ratio brings the books to what the broker holds.
        #[test]
        fn a_split_is_found_from_the_shares(held in 1u32..5_000, n in 2u32..=20, reverse: bool) {
            let before = Decimal::from(held);
            let after = if reverse { (before / Decimal::from(n)).floor() } else { before * Decimal::from(n) };
            prop_assume!(after > Decimal::ZERO);
            let ratio = share_ratio(before, after).unwrap();
            let left = ratio.shares(before) - after;
            prop_assert!(left >= Decimal::ZERO && left < Decimal::ONE);
            let sides = Sides { ours: ratio.shares(before), brokers: after, ..sides(0, 0) };
            prop_assert_eq!(judge(&sides), Verdict::Equal);
        }

        /// Whatever is adopted, the books equal the broker afterwards: the second look finds nothing.
        #[test]
        fn adopting_the_difference_ends_it(ours in 0u32..10_000, brokers in 0u32..10_000, first: bool, denied: bool) {
            let before = Sides { first, split_denied: denied, ..sides(ours, brokers) };
            let gained = before.brokers - before.ours;
            let after = Sides { ours: before.ours + gained, ..before };
            prop_assert_eq!(judge(&after), Verdict::Equal);
            prop_assert_eq!(judge(&before) == Verdict::Equal, ours == brokers);
        }
    }
}
