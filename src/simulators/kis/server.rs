//! The path of a request through the gateway, in the order of its checks.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Value, json};

use super::super::exchange::{Noise, SimExchange};
use super::super::http1::{Handler, Reply, Request, Response};
use super::call::{Answer, Call, Parameters};
use super::failure::Failure;
use super::faults::Fault;
use super::format::Row;
use super::oauth::{self, Endpoint};
use super::registry::{self, Action, Mismatch, Transaction};
use super::state::{Gate, RequestRecord, Shared};
use super::tokens::TokenCheck;
use super::{balances, domestic, intraday, lists, masters, orders, quotes};
use crate::domain::clock::kst_datetime;
use crate::domain::order::BrokerHost;

/// Ledger sentences are padded to this many characters.
const MESSAGE_WIDTH: usize = 80;

/// One of the two hosts.
#[derive(Debug)]
pub(super) struct Host {
    pub environment: BrokerHost,
    pub shared: Arc<Shared>,
}

impl Handler for Host {
    async fn handle(&self, request: Request) -> Reply {
        let now = self.shared.clock.now();
        if self.shared.gate().faults.is_down(now) {
            let (app_key, tr_id) = (request.header("appkey").unwrap_or_default(), request.header("tr_id").unwrap_or_default());
            self.record(now, app_key, tr_id, 503, String::new());
            return Reply::Send(maintenance_page());
        }
        if request.path.starts_with(masters::FOLDER) {
            let response = masters::answer(&request);
            self.record(now, "", masters::FOLDER, response.status, String::new());
            return Reply::Send(response);
        }
        let (response, fault) = match Endpoint::find(&request.path) {
            Some(endpoint) => self.oauth(endpoint, &request, now),
            None => self.business(&request, now),
        };
        match fault {
            Some(Fault::DropBefore | Fault::DropAfter) => Reply::Drop,
            Some(Fault::ResetBefore | Fault::ResetAfter) => Reply::Reset,
            Some(Fault::TimeoutBefore { seconds } | Fault::TimeoutAfter { seconds }) => {
                self.shared.clock.sleep(Duration::from_secs(seconds.into())).await;
                Reply::Drop
            }
            Some(Fault::Maintenance) => Reply::Send(maintenance_page()),
            Some(Fault::Truncate) => Reply::Truncate(response),
            Some(Fault::Slow { seconds }) => {
                self.shared.clock.sleep(Duration::from_secs(seconds.into())).await;
                Reply::Send(response)
            }
            _ => Reply::Send(response),
        }
    }
}

impl Host {
    fn oauth(&self, endpoint: Endpoint, request: &Request, now: Timestamp) -> (Response, Option<Fault>) {
        let outcome = if request.method == "POST" {
            oauth::answer(&self.shared, self.environment, endpoint, request, now)
        } else {
            let body = json!({"error_description": "POST 만 지원합니다.", "error_code": "EGW00101"});
            oauth::Outcome { app_key: String::new(), status: 405, body, fault: None }
        };
        let code = outcome.body.get("error_code").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.record(now, &outcome.app_key, endpoint.name(), outcome.status, code);
        (json_response(outcome.status, &outcome.body, Vec::new()), outcome.fault)
    }

    fn business(&self, request: &Request, now: Timestamp) -> (Response, Option<Fault>) {
        let app_key = request.header("appkey").unwrap_or_default();
        let tr_id = request.header("tr_id").unwrap_or_default();
        if !registry::path_is_known(&request.path) {
            let body = json!({"rt_cd": "1", "msg_cd": "EGW00202", "msg1": "없는 경로입니다."});
            self.record(now, app_key, tr_id, 404, "EGW00202".to_owned());
            return (json_response(404, &body, self.headers(request, "", now)), None);
        }
        let mut fault = None;
        let result = self.run(request, now, app_key, tr_id, &mut fault);
        if matches!(fault, Some(Fault::ServerError | Fault::ServerErrorAfter)) {
            self.record(now, app_key, tr_id, 500, String::new());
            let headers = vec![("Content-Type", "text/plain; charset=utf-8".to_owned())];
            return (Response { status: 500, headers, body: b"Internal Server Error".to_vec() }, None);
        }
        let result = match fault {
            Some(Fault::TransactionTimeout) => {
                Err(Failure::gateway("EGW00302", "거래 처리 시간이 초과되었습니다. 거래 여부를 확인하세요."))
            }
            _ => result,
        };
        let (status, continuation, mut body) = match result {
            Ok((answer, action)) => {
                let mut body = answer.body;
                if action.is_ledger() && self.shared.gate().quirks.pad_messages {
                    pad_message(&mut body);
                }
                (200, answer.continuation, body)
            }
            Err(failure) => (failure.status, "", envelope(&failure)),
        };
        match fault {
            Some(Fault::EmptyOutput) => empty_output(&mut body),
            Some(Fault::ExtraKey) => add_extra_keys(&mut body),
            Some(Fault::DuplicateRows) => change_rows(&mut body, |rows| rows.iter().flat_map(|row| [row.clone(), row.clone()]).collect()),
            Some(Fault::MissingRows { rows: missing }) => {
                change_rows(&mut body, |rows| rows.iter().skip(usize::try_from(missing).unwrap_or(usize::MAX)).cloned().collect());
            }
            _ => {}
        }
        let code = body.get("msg_cd").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.record(now, app_key, tr_id, status, code);
        (json_response(status, &Value::Object(body), self.headers(request, continuation, now)), fault)
    }

    /// The checks of the gateway in their order, then the transaction itself.
    fn run(
        &self,
        request: &Request,
        now: Timestamp,
        app_key: &str,
        tr_id: &str,
        fault: &mut Option<Fault>,
    ) -> Result<(Answer, Action), Failure> {
        if request.chunked {
            return Err(Failure::gateway("EGW00202", "GW라우팅 중 오류가 발생했습니다."));
        }
        let (transaction, quirks) = {
            let mut gate = self.shared.gate();
            self.check_credentials(&mut gate, request, app_key, now)?;
            *fault = gate.faults.take(app_key, tr_id);
            match fault {
                Some(Fault::TooManyCalls) => return Err(too_many_calls()),
                Some(Fault::TooManyLedgerCalls) => return Err(Failure::gateway("EGW00215", "원장 초당 거래건수를 초과하였습니다.")),
                Some(Fault::TokenExpired) => return Err(token_expired()),
                Some(Fault::TokenRevoked) => {
                    gate.tokens.revoke_all(app_key);
                    return Err(token_unknown());
                }
                Some(fault) if !fault.executes() => return Err(Failure::gateway("EGW00002", "서버 에러가 발생했습니다.")),
                _ => {}
            }
            let most = match self.environment {
                BrokerHost::Live => gate.limits.live_calls_per_second,
                BrokerHost::Mock => gate.limits.paper_calls_per_second,
            };
            if !self.shared.permissive && !gate.quota.admit(self.environment, app_key, now, most) {
                return Err(too_many_calls());
            }
            (self.find_transaction(request, tr_id)?, gate.quirks.clone())
        };
        let parameters = Parameters::read(request, transaction)?;
        let continues = request.header("tr_cont").is_some_and(|value| value.trim() == "N");
        let call = Call { now, environment: self.environment, app_key: app_key.to_owned(), transaction, parameters, continues, quirks };
        if transaction.action.is_ledger() && !self.shared.find_account(&call.account()) {
            return Err(Failure::unknown_account());
        }
        let mut exchange = self.shared.exchange();
        let answer = execute(&mut exchange, &call)?;
        if transaction.action.changes_orders() {
            self.shared.keep(&exchange);
        }
        drop(exchange);
        Ok((answer, transaction.action))
    }

    fn check_credentials(&self, gate: &mut Gate, request: &Request, app_key: &str, now: Timestamp) -> Result<(), Failure> {
        let secret = request.header("appsecret").unwrap_or_default();
        if app_key.is_empty() {
            return Err(Failure::gateway("EGW00102", "AppKey는 필수입니다."));
        }
        let token = request.header("authorization").unwrap_or_default().strip_prefix("Bearer ").map(str::trim);
        if self.shared.permissive {
            return match token {
                Some(token) if !token.is_empty() => Ok(()),
                _ => Err(Failure::gateway("EGW00205", "credentials_type이 유효하지 않습니다.(Bearer)")),
            };
        }
        let (here, there) = match self.environment {
            BrokerHost::Live => (BrokerHost::Live, BrokerHost::Mock),
            BrokerHost::Mock => (BrokerHost::Mock, BrokerHost::Live),
        };
        match gate.keys.get(&(here, app_key.to_owned())) {
            None if gate.keys.contains_key(&(there, app_key.to_owned())) => {
                return Err(match here {
                    BrokerHost::Live => Failure::gateway("EGW02004", "실전투자 TR 이 아닙니다."),
                    BrokerHost::Mock => Failure::gateway("EGW02007", "모의투자 AppKey가 아닙니다."),
                });
            }
            None => return Err(Failure::gateway("EGW00103", "유효하지 않은 AppKey입니다.")),
            Some(_) if secret.is_empty() => return Err(Failure::gateway("EGW00104", "AppSecret은 필수입니다.")),
            Some(known) if known != secret => return Err(Failure::gateway("EGW00105", "유효하지 않은 AppSecret입니다.")),
            Some(_) => {}
        }
        let token = token.ok_or_else(|| Failure::gateway("EGW00205", "credentials_type이 유효하지 않습니다.(Bearer)"))?;
        match gate.tokens.check(self.environment, app_key, token, now) {
            TokenCheck::Good => Ok(()),
            TokenCheck::Unknown => Err(token_unknown()),
            TokenCheck::Expired => Err(token_expired()),
        }
    }

    fn find_transaction(&self, request: &Request, tr_id: &str) -> Result<&'static Transaction, Failure> {
        if tr_id.is_empty() {
            return Err(Failure::gateway("OPSQ9999", "tr_id 가 존재하지 않습니다."));
        }
        registry::find(tr_id, &request.path, &request.method, self.environment).map_err(|mismatch| match mismatch {
            Mismatch::NotPaper => Failure::gateway("EGW02006", "모의투자 TR 이 아닙니다."),
            Mismatch::NotLive => Failure::gateway("EGW02004", "실전투자 TR 이 아닙니다."),
            Mismatch::Unknown => Failure::gateway("OPSQ0002", "없는 서비스 코드 입니다."),
        })
    }

    /// The broker's own header names are lower case, all others title case.
    fn headers(&self, request: &Request, continuation: &str, now: Timestamp) -> Vec<(&'static str, String)> {
        let given = request.header("gt_uid").filter(|uid| !uid.is_empty()).map(str::to_owned);
        let uid = given.unwrap_or_else(|| {
            let word = Noise::new(now.as_nanosecond() as u64).named(&request.path);
            format!("{:016x}{:016x}", word.bits(), word.at(1).bits())
        });
        let shown = now.saturating_add(self.shared.gate().skew).unwrap_or(now);
        vec![
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("tr_id", request.header("tr_id").unwrap_or_default().to_owned()),
            ("tr_cont", continuation.to_owned()),
            ("gt_uid", uid),
            ("Date", DateTimePrinter::new().timestamp_to_rfc9110_string(&shown).unwrap_or_default()),
        ]
    }

    fn record(&self, at: Timestamp, app_key: &str, tr_id: &str, status: u16, code: String) {
        tracing::debug!(tr_id, status, code, at = %kst_datetime(at), "simulated KIS request");
        let record =
            RequestRecord { at, environment: self.environment, app_key: app_key.to_owned(), tr_id: tr_id.to_owned(), status, code };
        self.shared.gate().record(record);
    }
}

fn execute(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    match call.transaction.action {
        Action::Price => quotes::price(exchange, call),
        Action::PriceDetail => quotes::price_detail(exchange, call),
        Action::DailyPrices => quotes::daily_prices(exchange, call),
        Action::CurrencyChart => quotes::currency_chart(exchange, call),
        Action::Order(side) => orders::place(exchange, call, side),
        Action::ModifyOrCancel => orders::modify_or_cancel(exchange, call),
        Action::OpenOrders => lists::open_orders(exchange, call),
        Action::Orders => lists::orders(exchange, call),
        Action::Balance => balances::balance(exchange, call),
        Action::PresentBalance => balances::present_balance(exchange, call),
        Action::BuyingPower => balances::buying_power(exchange, call),
        Action::SettledBalance => balances::settled_balance(exchange, call),
        Action::Minutes => intraday::minutes(exchange, call),
        Action::Book => intraday::book(exchange, call),
        Action::CashOrder(side) => domestic::orders::place(exchange, call, side),
        Action::CashModifyOrCancel => domestic::orders::modify_or_cancel(exchange, call),
        Action::CashOpenOrders => domestic::lists::open_orders(exchange, call),
        Action::CashOrders { recent } => domestic::lists::orders(exchange, call, recent),
        Action::CashBalance => domestic::balances::balance(exchange, call),
        Action::CashBalanceWithProfit => domestic::balances::balance_with_profit(exchange, call),
        Action::CashBuyingPower => domestic::balances::buying_power(exchange, call),
        Action::CashSellable => domestic::balances::sellable(exchange, call),
        Action::KrxPrice => domestic::quotes::price(exchange, call),
        Action::KrxBook => domestic::quotes::book(exchange, call),
        Action::KrxChart => domestic::quotes::chart(exchange, call),
        Action::KrxMinutes => domestic::quotes::minutes(exchange, call),
        Action::KrxDays => domestic::quotes::days(exchange, call),
    }
}

fn too_many_calls() -> Failure {
    Failure::gateway("EGW00201", "초당 거래건수를 초과하였습니다.")
}

fn token_unknown() -> Failure {
    Failure::gateway("EGW00121", "유효하지 않은 token 입니다.")
}

fn maintenance_page() -> Response {
    let headers = vec![("Content-Type", "text/html; charset=utf-8".to_owned())];
    Response { status: 503, headers, body: "<html><body>시스템 점검 중입니다.</body></html>".as_bytes().to_vec() }
}

fn token_expired() -> Failure {
    Failure::gateway("EGW00123", "기간이 만료된 token 입니다.")
}

fn envelope(failure: &Failure) -> Row {
    let text = |text: &str| Value::String(text.to_owned());
    Row::from_iter([
        ("rt_cd".to_owned(), text(failure.rt_cd)),
        ("msg_cd".to_owned(), text(&failure.code)),
        ("msg1".to_owned(), text(&failure.message)),
    ])
}

fn pad_message(body: &mut Row) {
    if let Some(Value::String(message)) = body.get_mut("msg1") {
        *message = format!("{message:<MESSAGE_WIDTH$}");
    }
}

/// Empties every output member, keeping its kind.
fn empty_output(body: &mut Row) {
    for (name, member) in body.iter_mut() {
        if name.starts_with("output") {
            *member = if member.is_array() { json!([]) } else { json!({}) };
        }
    }
}

/// Puts other rows in the place of every output list's.
fn change_rows(body: &mut Row, change: impl Fn(&[Value]) -> Vec<Value>) {
    for (name, member) in body.iter_mut() {
        if let Value::Array(rows) = member
            && name.starts_with("output")
        {
            *rows = change(rows);
        }
    }
}

/// Adds a member that no client can know.
fn add_extra_keys(body: &mut Row) {
    let extra = || ("sim_new_member".to_owned(), Value::String("1".to_owned()));
    for (name, member) in body.iter_mut() {
        match member {
            Value::Object(row) if name.starts_with("output") => row.extend([extra()]),
            Value::Array(rows) => {
                for row in rows.iter_mut().filter_map(Value::as_object_mut) {
                    row.extend([extra()]);
                }
            }
            _ => {}
        }
    }
    body.extend([extra()]);
}

fn json_response(status: u16, body: &Value, headers: Vec<(&'static str, String)>) -> Response {
    let headers = if headers.is_empty() { vec![("Content-Type", "application/json; charset=utf-8".to_owned())] } else { headers };
    Response { status, headers, body: body.to_string().into_bytes() }
}
