//! Answers that were given before and still hold: pages ask for the same lists and totals again and
//! again, and between two trades nothing in them changes.

use std::collections::HashMap;
use std::sync::Mutex;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::error::ApiError;
use crate::domain::id::UserId;

/// Bytes that one thread of the server keeps; all are dropped when there would be more.
const MOST: usize = 8 << 20;

/// What an answer was made from. It holds while all of this is the same. To be asked for before the
/// reading: what changes meanwhile must make the answer old, not new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// Of the user's rows.
    pub rows: u64,
    /// Of prices, rates and cash.
    pub quotes: u64,
    /// Since 1970: days and sessions begin with a full minute.
    pub minute: i64,
}

struct Kept {
    basis: Basis,
    body: Bytes,
}

#[derive(Default)]
struct Inner {
    kept: HashMap<(UserId, String), Kept>,
    bytes: usize,
}

/// The answers to readings, by user and address.
#[derive(Default)]
pub struct Answers(Mutex<Inner>);

impl Answers {
    /// The answer to a reading: the one given before if its basis is still the same.
    ///
    /// # Errors
    /// Those of `make`, which are not kept.
    pub fn give<T: Serialize>(
        &self,
        req: &HttpRequest,
        user: UserId,
        basis: Basis,
        make: impl FnOnce() -> Result<T, ApiError>,
    ) -> Result<HttpResponse, ApiError> {
        let key = (user, req.uri().to_string());
        let known = self.lock().kept.get(&key).filter(|kept| kept.basis == basis).map(|kept| kept.body.clone());
        let body = match known {
            Some(body) => body,
            None => {
                let body = Bytes::from(serde_json::to_vec(&make()?).map_err(ApiError::internal)?);
                self.keep(key, Kept { basis, body: body.clone() });
                body
            }
        };
        Ok(HttpResponse::Ok().content_type("application/json").body(body))
    }

    fn keep(&self, key: (UserId, String), kept: Kept) {
        let mut inner = self.lock();
        let more = key.1.len() + kept.body.len();
        if inner.bytes + more > MOST {
            *inner = Inner::default();
        }
        if more <= MOST {
            let (address, before) = (key.1.len(), inner.kept.insert(key, kept));
            inner.bytes = inner.bytes + more - before.map_or(0, |before| address + before.body.len());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;
    use uuid::Uuid;

    async fn ask(answers: &Answers, user: u128, path: &str, rows: u64, now: u64) -> String {
        let req = TestRequest::with_uri(path).to_http_request();
        let basis = Basis { rows, ..Basis::default() };
        let answer = answers.give(&req, UserId(Uuid::from_u128(user)), basis, || Ok(now)).unwrap();
        String::from_utf8(to_bytes(answer.into_body()).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_answer_holds_until_its_basis_changes_for_one_user_and_one_address() {
        let answers = Answers::default();
        assert_eq!(ask(&answers, 1, "/orders?limit=20", 0, 5).await, "5");
        assert_eq!(ask(&answers, 1, "/orders?limit=20", 0, 6).await, "5", "nothing was written");
        assert_eq!(ask(&answers, 1, "/orders?limit=2", 0, 7).await, "7", "another page");
        assert_eq!(ask(&answers, 2, "/orders?limit=20", 0, 8).await, "8", "another user");
        assert_eq!(ask(&answers, 1, "/orders?limit=20", 1, 9).await, "9", "written since");
        assert_eq!(ask(&answers, 2, "/orders?limit=20", 0, 10).await, "8");
    }

    #[tokio::test]
    async fn what_is_kept_stays_small() {
        let answers = Answers::default();
        let path = format!("/orders?symbol={}", "A".repeat(60_000));
        for user in 0..1_000 {
            ask(&answers, user, &path, 0, 1).await;
            ask(&answers, user, &path, 1, 2).await;
            let inner = answers.lock();
            let kept: usize = inner.kept.iter().map(|((_, address), kept)| address.len() + kept.body.len()).sum();
            assert!(kept == inner.bytes && kept <= MOST, "{kept} of {}", inner.bytes);
        }
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let answers = Answers::default();
        let req = TestRequest::with_uri("/orders").to_http_request();
        let user = UserId(Uuid::from_u128(1));
        let failed = answers.give::<u64>(&req, user, Basis::default(), || Err(ApiError::not_found("account")));
        assert!(failed.is_err());
        assert_eq!(ask(&answers, 1, "/orders", 0, 3).await, "3");
    }
}
