//! Who may come to the door at all. It stands before every route, so that nothing is told to addresses
//! that the administrator does not admit.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError};

use super::access::AppData;
use super::error::{ApiError, ErrorCode};
use super::extract;

/// Signs of life for whoever watches the process; they say nothing about anybody.
const OPEN_TO_ALL: [&str; 2] = ["/healthz", "/readyz"];

/// Refuses addresses that are not on the installation's list.
pub(super) async fn middleware<B: MessageBody>(req: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let address = extract::origin(req.request()).address;
    let admitted = OPEN_TO_ALL.contains(&req.path()) || req.app_data::<AppData>().is_none_or(|app| app.auth.admits(address));
    if admitted {
        return Ok(next.call(req).await?.map_into_left_body());
    }
    let error = ApiError::new(ErrorCode::AddressNotAllowed, "this installation does not admit your address");
    let refusal = error.error_response();
    Ok(req.into_response(refusal).map_into_right_body())
}
