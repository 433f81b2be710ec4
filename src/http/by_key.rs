//! Callers with an API key, recognised before anything else of a request is handled: the signature is
//! over the body, which can be read once only, and a nonce counts once. Everybody else passes untouched.

use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};
use futures_util::StreamExt;

use super::access::{self, AppData};
use super::error::{ApiError, ErrorCode};
use super::extract::{self, LARGEST_BODY};
use crate::auth::{Identity, KEY_PREFIX, KeyError, SignatureHeader, SignedParts};

/// A body that takes longer is not waited for.
const LONGEST_BODY_TIME: Duration = Duration::from_secs(30);
/// Characters of a whole key after its prefix.
const REST_OF_KEY: usize = 32 + 1 + 64;

/// Looks at keys and signatures.
pub(super) async fn middleware(
    mut req: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    match recognise(&mut req).await {
        Ok(identity) => {
            if let Some(identity) = identity {
                req.extensions_mut().insert(identity);
            }
            Ok(next.call(req).await?.map_into_left_body())
        }
        Err(error) => Ok(req.into_response(error.error_response()).map_into_right_body()),
    }
}

/// Who shows a key or has signed with one; `None` for everybody else.
async fn recognise(req: &mut ServiceRequest) -> Result<Option<Identity>, ApiError> {
    if req.uri().path_and_query().is_some_and(|address| holds_key(address.as_str())) {
        return Err(KeyError::InAddress.into());
    }
    let app = req.app_data::<AppData>().ok_or_else(|| ApiError::internal("the application state is not registered"))?.clone();
    let address = extract::client_address(req.request()).parse().ok();
    if let Some(token) = access::bearer_token(req.request()).filter(|token| token.starts_with(KEY_PREFIX)) {
        only_one(req)?;
        return Ok(Some(app.auth.by_key(token, address).await?));
    }
    let header = req.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(header) = header.and_then(SignatureHeader::parse).transpose()? else { return Ok(None) };
    only_one(req)?;
    app.auth.may_be_signed(&header)?;
    let body = tokio::time::timeout(LONGEST_BODY_TIME, whole_body(req.take_payload())).await;
    let body = body.map_err(|_| ApiError::new(ErrorCode::Malformed, "the body did not come within 30 seconds"))??;
    req.set_payload(Payload::from(body.clone()));
    let parts = SignedParts { method: req.method().as_str(), path: req.path(), query: req.query_string(), body: &body };
    Ok(Some(app.auth.by_signature(&header, &parts, address).await?))
}

/// Two headers could mean two callers.
fn only_one(req: &ServiceRequest) -> Result<(), ApiError> {
    match req.headers().get_all(header::AUTHORIZATION).count() {
        1 => Ok(()),
        _ => Err(KeyError::SignatureMalformed("the header Authorization stands twice").into()),
    }
}

async fn whole_body(mut payload: Payload) -> Result<web::Bytes, ApiError> {
    let mut body = web::BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|e| ApiError::new(ErrorCode::Malformed, format!("the body broke off: {e}")))?;
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(ApiError::new(ErrorCode::TooLarge, format!("the body is larger than {LARGEST_BODY} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn holds_key(address: &str) -> bool {
    let is_rest = |rest: &str| {
        rest.get(..REST_OF_KEY)
            .is_some_and(|key| key.bytes().enumerate().all(|(at, byte)| if at == 32 { byte == b'_' } else { byte.is_ascii_hexdigit() }))
    };
    address.split(KEY_PREFIX).skip(1).any(is_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_keys_are_seen_in_addresses_and_their_names_are_not() {
        let (name, secret) = ("ab".repeat(16), "cd".repeat(32));
        assert!(holds_key(&format!("/api/v1/trading/orders?key=egg_{name}_{secret}&limit=1")));
        assert!(holds_key(&format!("/api/v1/egg_/egg_{name}_{secret}")));
        for address in
            [format!("/x?key=egg_{name}"), "/egg_".to_owned(), format!("/x?egg_{name}-{secret}"), format!("/egg_{secret}_{name}")]
        {
            assert!(!holds_key(&address), "{address}");
        }
    }
}
