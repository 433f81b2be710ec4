//! Ids of imported rows: the layout of UUID v7, but computed from the row, so that the same file
//! gives the same ids and ids sort by the row's own time.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::domain::id::AccountId;

/// An id at `at` (to the microsecond) for the row that `parts` name within `account`.
pub fn row_id(account: AccountId, at: Timestamp, parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(account.as_bytes());
    id(at, hash, parts)
}

/// The id of the account that an import creates.
pub fn account_id(at: Timestamp, parts: &[&str]) -> Uuid {
    id(at, Sha256::new(), parts)
}

fn id(at: Timestamp, mut hash: Sha256, parts: &[&str]) -> Uuid {
    for part in parts {
        // With its length, so that ("ab", "c") and ("a", "bc") differ.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let micros = u64::try_from(at.as_microsecond()).unwrap_or(0);
    // Twelve bits after the milliseconds carry the fraction, as RFC 9562 allows.
    let fraction = (micros % 1000) * 4096 / 1000;
    let mut random = [0_u8; 10];
    random.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    let [high, low] = (fraction as u16).to_be_bytes();
    random[0] = high;
    random[1] = low;
    Builder::from_unix_timestamp_millis(micros / 1000, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_sort_by_time_and_repeat(a in 0_i64..4_000_000_000_000_000, b in 0_i64..4_000_000_000_000_000) {
            let account = AccountId(Uuid::nil());
            let at = |us| Timestamp::from_microsecond(us).unwrap();
            let (first, second) = (row_id(account, at(a), &["x"]), row_id(account, at(b), &["x"]));
            prop_assert_eq!(first, row_id(account, at(a), &["x"]));
            prop_assert_eq!(first.get_version_num(), 7);
            if a < b {
                prop_assert!(first < second);
            }
        }
    }

    #[test]
    fn ids_differ_between_accounts_and_rows() {
        let at = Timestamp::UNIX_EPOCH;
        let one = AccountId(Uuid::from_u128(1));
        let two = AccountId(Uuid::from_u128(2));
        assert_ne!(row_id(one, at, &["ab", "c"]), row_id(two, at, &["ab", "c"]));
        assert_ne!(row_id(one, at, &["ab", "c"]), row_id(one, at, &["a", "bc"]));
    }
}
