//! How a body arrives: whoever goes silent in the middle of one is not waited for, and whoever goes on
//! sending after the answer is cut off. Either would keep a connection for nothing, and there are only
//! so many.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage};
use futures_util::{Stream, StreamExt, stream};

use super::access::AppData;

/// Must be the outermost: what is inside may be done with the answer before it is sent.
pub(super) async fn middleware<B: MessageBody + 'static>(
    mut req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, Held>>, Error> {
    let patience = req.app_data::<AppData>().map(|app| app.config.body_patience);
    // Live events are no body: who listens may be silent for long.
    let live = req.head().upgrade() && req.path().starts_with("/ws/");
    let (Some(patience), false) = (patience, live) else {
        return Ok(next.call(req).await?.map_into_left_body());
    };
    match req.take_payload() {
        Payload::None => Ok(next.call(req).await?.map_into_left_body()),
        payload => {
            let rest = Rc::new(RefCell::new(payload));
            let arriving: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(arriving(rest.clone(), patience));
            req.set_payload(Payload::from(arriving));
            let response = next.call(req).await?;
            Ok(response.map_body(|_, body| EitherBody::right(Held { body: body.boxed(), _rest: rest })))
        }
    }
}

/// The chunks of a body, as long as each comes in time.
fn arriving(rest: Rc<RefCell<Payload>>, patience: Duration) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    stream::unfold(Some(rest), move |rest| async move {
        let rest = rest?;
        let chunk = poll_fn(|cx| Pin::new(&mut *rest.borrow_mut()).poll_next(cx));
        match tokio::time::timeout(patience, chunk).await {
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(rest))),
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Ok(None) => None,
            Err(_) => {
                let silence = format!("nothing more came for {} seconds", patience.as_secs());
                Some((Err(PayloadError::Io(io::Error::new(io::ErrorKind::TimedOut, silence))), None))
            }
        }
    })
    // Readers of forms ask once more after the end.
    .fuse()
}

/// An answer that keeps hold of the body of its request. The framework reads on and on from a chunked body
/// that nobody holds any more; a held one that was not read to its end closes the connection.
pub(super) struct Held {
    body: BoxBody,
    _rest: Rc<RefCell<Payload>>,
}

impl MessageBody for Held {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}
