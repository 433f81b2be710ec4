//! Live events over a websocket. The first frame carries the access token, because a browser cannot
//! set headers on a socket; until it was checked nothing is sent.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{Closed, Message, Session};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::interval;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Identity;
use crate::domain::order::Side;
use crate::http::access::{AppData, Public};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::extract;
use crate::http::route::{Route, route};
use crate::http::views::alert::AlertView;
use crate::http::views::order::OrderView;
use crate::trading::LiveEvent;

/// The token must come within this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// The session is looked up again this often, so that a sign-out closes its sockets.
const RECHECK: Duration = Duration::from_secs(1);
/// A silent socket is pinged, so that dead ones are noticed.
const PING_EVERY: u32 = 25;
/// The reverse proxy of a NAS cuts what is silent for 60 s.
const _: () = assert!(RECHECK.as_secs() * PING_EVERY as u64 <= 30);

pub fn routes() -> Vec<Route> {
    vec![route::<__path_events, _, _>(events)]
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Hello {
    Auth { token: String },
}

/// The caller's live events (websocket). First frame: `{"type":"auth","token":"…"}`.
#[utoipa::path(get, path = "/ws/events", tag = "live", responses((status = 101, description = "Frames of this form follow", body = Frame)))]
async fn events(_: Public, app: AppData, req: HttpRequest, body: web::Payload) -> actix_web::Result<HttpResponse> {
    if !req.headers().get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return Err(no_upgrade(&req).into());
    }
    let (response, session, stream) = actix_ws::handle(&req, body)?;
    let address = extract::origin(&req).address;
    actix_web::rt::spawn(serve(app, address, session, stream.max_frame_size(16 * 1024)));
    Ok(response)
}

/// A browser's key for the handshake passes every proxy; the two headers that ask for the upgrade pass only one
/// that was told so.
fn no_upgrade(req: &HttpRequest) -> ApiError {
    let detail = if req.headers().contains_key(header::SEC_WEBSOCKET_KEY) {
        "a reverse proxy has taken the headers Upgrade and Connection away: let it pass websockets on \
         (on a Synology NAS: reverse proxy, custom header, create, WebSocket)"
    } else {
        "this address speaks as a websocket only: connect with ws:// or wss://"
    };
    ApiError::new(ErrorCode::UpgradeRequired, detail)
}

async fn serve(app: AppData, address: Option<IpAddr>, mut session: Session, mut stream: actix_ws::MessageStream) {
    let token = match tokio::time::timeout(PATIENCE, stream.next()).await {
        Ok(Some(Ok(Message::Text(text)))) => match serde_json::from_str::<Hello>(&text) {
            Ok(Hello::Auth { token }) => token,
            Err(_) => return refuse(session, "the first frame must be {\"type\":\"auth\",\"token\":\"…\"}").await,
        },
        _ => return refuse(session, "no token came").await,
    };
    let who = match app.auth.authenticate(&token, address) {
        Ok(who) => who,
        Err(error) => return refuse(session, &error.to_string()).await,
    };
    let _open = app.metrics.socket();
    // Ends by itself when the peer is gone.
    let _ = pump(&app, &who, address, &mut session, &mut stream).await;
    let _ = session.close(None).await;
}

async fn refuse(mut session: Session, detail: &str) {
    let _ = session.text(Frame::Error { code: "unauthorized", detail: detail.to_owned() }.text()).await;
    let _ = session.close(None).await;
}

async fn pump(
    app: &AppData,
    who: &Identity,
    address: Option<IpAddr>,
    session: &mut Session,
    stream: &mut actix_ws::MessageStream,
) -> Result<(), Closed> {
    let mut events = app.trading.bus().subscribe();
    session.text(Frame::Ready.text()).await?;
    let mut check = interval(RECHECK);
    let mut beats = 0_u32;
    loop {
        tokio::select! {
            frame = stream.next() => match frame {
                Some(Ok(Message::Ping(bytes))) => session.pong(&bytes).await?,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                Some(Ok(_)) => {}
            },
            event = events.recv() => match event {
                Ok(addressed) if addressed.user_id == who.user_id => session.text(Frame::of(&addressed.event, app.market.now()).text()).await?,
                Ok(_) => {}
                // Some were missed: the page reads everything again.
                Err(RecvError::Lagged(_)) => session.text(Frame::Resync.text()).await?,
                Err(RecvError::Closed) => return Ok(()),
            },
            _ = check.tick() => {
                if !app.auth.session_open(who, address) {
                    return Ok(());
                }
                beats += 1;
                if beats.is_multiple_of(PING_EVERY) {
                    session.ping(b"").await?;
                }
                session.text(Frame::Clock { market_time: app.market.now() }.text()).await?;
            }
        }
    }
}

/// A frame that the server sends.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = LiveEvent)]
enum Frame {
    /// The token was good; events follow.
    Ready,
    /// The token was not; the connection closes.
    Error {
        code: &'static str,
        detail: String,
    },
    /// Events were missed: read everything again.
    Resync,
    Clock {
        market_time: Timestamp,
    },
    Order {
        account_id: Uuid,
        order: Box<OrderView>,
    },
    Fill {
        account_id: Uuid,
        order_id: Uuid,
        symbol: String,
        side: Side,
        quantity: String,
        price: String,
        bot_name: String,
        at: Timestamp,
    },
    Sheet {
        account_id: Uuid,
        sheet_id: Uuid,
    },
    Alert {
        alert: Box<AlertView>,
    },
    Account {
        account_id: Uuid,
    },
    Portfolio {
        account_id: Uuid,
    },
}

impl Frame {
    /// `now` is the market's time.
    fn of(event: &LiveEvent, now: Timestamp) -> Self {
        match event {
            LiveEvent::Order { account_id, order } => Self::Order { account_id: account_id.0, order: Box::new(OrderView::from(&**order)) },
            LiveEvent::Fill { account_id, order_id, symbol, side, quantity, price, bot_name } => Self::Fill {
                account_id: account_id.0,
                order_id: order_id.0,
                symbol: symbol.clone(),
                side: *side,
                quantity: quantity.to_string(),
                price: crate::http::views::decimal(*price),
                bot_name: bot_name.clone(),
                at: now,
            },
            LiveEvent::Sheet { account_id, sheet_id } => Self::Sheet { account_id: account_id.0, sheet_id: sheet_id.0 },
            LiveEvent::Alert { message } => Self::Alert { alert: Box::new(AlertView::from(&**message)) },
            LiveEvent::Account { account_id } => Self::Account { account_id: account_id.0 },
            LiveEvent::Portfolio { account_id } => Self::Portfolio { account_id: account_id.0 },
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
