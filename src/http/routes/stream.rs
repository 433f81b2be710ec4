//! Live events over a websocket. The first frame carries the access token, because a browser cannot
//! set headers on a socket; until it was checked nothing is sent.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{Closed, Message, Session};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::interval;

use crate::auth::Identity;
use crate::http::access::{AppData, Public};
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

pub fn routes() -> Vec<Route> {
    vec![route::<__path_events, _, _>(events)]
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Hello {
    Auth { token: String },
}

/// The caller's live events (websocket). First frame: `{"type":"auth","token":"…"}`.
#[utoipa::path(get, path = "/ws/events", tag = "live", responses((status = 101)))]
async fn events(_: Public, app: AppData, req: HttpRequest, body: web::Payload) -> actix_web::Result<HttpResponse> {
    let (response, session, stream) = actix_ws::handle(&req, body)?;
    actix_web::rt::spawn(serve(app, session, stream.max_frame_size(16 * 1024)));
    Ok(response)
}

async fn serve(app: AppData, mut session: Session, mut stream: actix_ws::MessageStream) {
    let token = match tokio::time::timeout(PATIENCE, stream.next()).await {
        Ok(Some(Ok(Message::Text(text)))) => match serde_json::from_str::<Hello>(&text) {
            Ok(Hello::Auth { token }) => token,
            Err(_) => return refuse(session, "the first frame must be {\"type\":\"auth\",\"token\":\"…\"}").await,
        },
        _ => return refuse(session, "no token came").await,
    };
    let who = match app.auth.authenticate(&token) {
        Ok(who) => who,
        Err(error) => return refuse(session, &error.to_string()).await,
    };
    // Ends by itself when the peer is gone.
    let _ = pump(&app, &who, &mut session, &mut stream).await;
    let _ = session.close(None).await;
}

async fn refuse(mut session: Session, detail: &str) {
    let _ = session.text(json!({ "type": "error", "code": "unauthorized", "detail": detail }).to_string()).await;
    let _ = session.close(None).await;
}

async fn pump(app: &AppData, who: &Identity, session: &mut Session, stream: &mut actix_ws::MessageStream) -> Result<(), Closed> {
    let mut events = app.trading.bus().subscribe();
    session.text(json!({ "type": "ready" }).to_string()).await?;
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
                Ok(addressed) if addressed.user_id == who.user_id => session.text(text_of(&addressed.event)).await?,
                Ok(_) => {}
                // Some were missed: the page reads everything again.
                Err(RecvError::Lagged(_)) => session.text(json!({ "type": "resync" }).to_string()).await?,
                Err(RecvError::Closed) => return Ok(()),
            },
            _ = check.tick() => {
                if !app.auth.session_open(who) {
                    return Ok(());
                }
                beats += 1;
                if beats.is_multiple_of(PING_EVERY) {
                    session.ping(b"").await?;
                }
                session.text(json!({ "type": "clock", "market_time": app.market.now() }).to_string()).await?;
            }
        }
    }
}

fn text_of(event: &LiveEvent) -> String {
    match event {
        LiveEvent::Order { account_id, order } => json!({ "type": "order", "account_id": account_id, "order": OrderView::from(&**order) }),
        LiveEvent::Fill { account_id, order_id, symbol, side, quantity, price, bot_name } => json!({
            "type": "fill", "account_id": account_id, "order_id": order_id, "symbol": symbol, "side": side,
            "quantity": quantity.to_string(), "price": crate::http::views::decimal(*price), "bot_name": bot_name,
        }),
        LiveEvent::Sheet { account_id, sheet_id } => json!({ "type": "sheet", "account_id": account_id, "sheet_id": sheet_id }),
        LiveEvent::Alert { message } => json!({ "type": "alert", "alert": AlertView::from(&**message) }),
        LiveEvent::Account { account_id } => json!({ "type": "account", "account_id": account_id }),
        LiveEvent::Portfolio { account_id } => json!({ "type": "portfolio", "account_id": account_id }),
    }
    .to_string()
}
