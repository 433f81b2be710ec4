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

/// Refuses addresses that are not on the installation's list, and those that ask too fast.
pub(super) async fn middleware(
    req: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    match admit(&req) {
        Ok(()) => Ok(next.call(req).await?.map_into_left_body()),
        Err(error) => Ok(req.into_response(error.error_response()).map_into_right_body()),
    }
}

fn admit(req: &ServiceRequest) -> Result<(), ApiError> {
    let Some(app) = req.app_data::<AppData>() else { return Ok(()) };
    if OPEN_TO_ALL.contains(&req.path()) {
        return Ok(());
    }
    let origin = extract::origin(req.request());
    if !app.auth.admits(origin.address) {
        return Err(ApiError::new(ErrorCode::AddressNotAllowed, "this installation does not admit your address"));
    }
    // Files of the pages cost next to nothing, and a page has many. A caller who hides behind an
    // unreadable header counts as the proxy.
    if is_file(req) { Ok(()) } else { Ok(app.auth.admit_address(origin.address.or(origin.peer))?) }
}

/// Whether a file of the pages is asked for. The router decodes a path that is written with `%`, so what is
/// written so is none for sure: no file's name needs it.
pub(super) fn is_file(req: &ServiceRequest) -> bool {
    let path = req.path();
    !path.starts_with("/api/") && !path.starts_with("/ws/") && !path.contains('%')
}
