//! What one user lets another one do with one account: every kind on every route, and everything that ends
//! a grant.

use std::time::Duration;

use eggmoney::domain::instrument::Exchange;
use eggmoney::domain::user::Role;
use eggmoney::http::routes;
use eggmoney::storage::tables::{LISTINGS, Listing};
use eggmoney::storage::{Key, StoreError};
use serde_json::{Value, json};

use super::support::{Answer, Caller, TestServer};

const UNTIL: &str = "2026-11-21T00:00:00Z";
const SHARED: &str = "/api/v1/shared";

fn expect(status: u16, code: &str, (found, body): &Answer) {
    assert_eq!((*found, body["code"].as_str()), (status, Some(code)), "{body}");
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

/// Anna, who owns two accounts with a bot each, and the others.
struct World {
    server: TestServer,
    account: String,
    bot: String,
    other_bot: String,
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        for (name, role) in [("anna", Role::User), ("ben", Role::User), ("vera", Role::Viewer), ("carl", Role::User)] {
            server.create(name, role).await;
        }
        server.create("root-admin", Role::Admin).await;
        let anna = server.login("anna").await;
        let owner = server.app.auth.find_user("anna").unwrap().unwrap().id;
        let account = server.app.trading.own_account(owner).await.unwrap().to_string();
        let listed = server.app.store.write(|tx| tx.put(&LISTINGS, &Key::new().text("TQQQ"), &Listing(Exchange::Nasdaq)));
        let listed: Result<(), StoreError> = listed.await;
        listed.unwrap();
        let (status, second) = anna.post("/api/v1/trading/accounts", &json!({"name": "second", "environment": "mock"})).await;
        assert_eq!(status, 201, "{second}");
        let other = id(&second);
        let make = async |account: &str, name: &str| {
            let (status, bot) = anna.post("/api/v1/trading/bots", &new_bot(account, name)).await;
            assert_eq!(status, 201, "{bot}");
            id(&bot)
        };
        let (bot, other_bot) = (make(&account, "A").await, make(&other, "B").await);
        drop(anna);
        Self { server, account, bot, other_bot }
    }

    fn grants(&self) -> String {
        format!("/api/v1/trading/accounts/{}/grants", self.account)
    }

    async fn give(&self, to: &str, kind: &str) -> String {
        let anna = self.server.login("anna").await;
        anna.prove().await;
        let (status, given) = anna.post(&self.grants(), &json!({"username": to, "kind": kind, "until": UNTIL})).await;
        assert_eq!(status, 201, "{given}");
        id(&given)
    }

    /// What somebody gets on each route with a grant: `name of the route → status`.
    async fn cells(&self, caller: &Caller<'_>, grant: &str) -> Vec<(&'static str, u16)> {
        let at = |rest: &str| format!("{SHARED}/{grant}/{rest}");
        let mut cells = Vec::new();
        for what in ["account", "positions", "orders", "bots"] {
            cells.push((what, caller.get(&at(what)).await.0));
        }
        let made = caller.post(&at("bots"), &new_bot(&self.account, "NEW")).await;
        cells.push(("create", made.0));
        let bot = made.1["id"].as_str().unwrap_or(&self.bot).to_owned();
        let seen = caller.get(&at("bots")).await.1;
        let version =
            seen["items"].as_array().and_then(|b| b.iter().find(|b| b["id"] == bot.as_str())).map_or(json!(1), |b| b["version"].clone());
        let changed = caller.patch(&at(&format!("bots/{bot}")), &json!({"version": version, "seed": 77})).await;
        cells.push(("change", changed.0));
        let version = changed.1.get("version").filter(|_| changed.0 == 200).cloned().unwrap_or(json!(1));
        cells.push(("rename", caller.post(&at(&format!("bots/{bot}/rename")), &json!({"version": version, "name": "NEWER"})).await.0));
        cells.push(("delete", caller.delete(&at(&format!("bots/{bot}"))).await.0));
        cells.push(("stop", caller.post(&at("stop"), &Value::Null).await.0));
        cells
    }

    async fn lift(&self) {
        let anna = self.server.login("anna").await;
        anna.prove().await;
        let body = json!({"on": false, "account": self.account});
        assert_eq!(anna.post("/api/v1/trading/kill-switch", &body).await.0, 200);
    }
}

fn new_bot(account: &str, name: &str) -> Value {
    json!({"account_id": account, "name": name, "symbol": "TQQQ", "seed": 100, "profit_rate": 0.1, "t_div": 20, "max_tier": 10})
}

/// Routes in the order of `World::cells`.
const ROUTES: [&str; 9] = ["account", "positions", "orders", "bots", "create", "change", "rename", "delete", "stop"];

#[tokio::test]
async fn every_kind_opens_exactly_its_routes() {
    let w = World::new().await;
    let (ben, vera, carl) = (w.server.login("ben").await, w.server.login("vera").await, w.server.login("carl").await);
    let admin = w.server.login("root-admin").await;
    // Kind by kind: a user, a viewer, and everybody else with the same id.
    const SEES: [u16; 4] = [200; 4];
    let of = |sees: [u16; 4], manages: [u16; 4], stops: u16| -> Vec<u16> { sees.into_iter().chain(manages).chain([stops]).collect() };
    let table: [(&str, &str, &Caller<'_>, Vec<u16>); 5] = [
        ("ben", "view", &ben, of(SEES, [403; 4], 403)),
        ("ben", "manage_bots", &ben, of(SEES, [201, 200, 200, 204], 403)),
        ("ben", "emergency_stop", &ben, of([403; 4], [403; 4], 200)),
        ("vera", "view", &vera, of(SEES, [403; 4], 403)),
        ("vera", "emergency_stop", &vera, of([403; 4], [403; 4], 200)),
    ];
    let mut cells = 0;
    for (name, kind, caller, expected) in table {
        let grant = w.give(name, kind).await;
        let found = w.cells(caller, &grant).await;
        let wanted: Vec<(&str, u16)> = ROUTES.into_iter().zip(expected).collect();
        assert_eq!(found, wanted, "{name} with {kind}");
        cells += found.len();
        // The id is no key: nobody else gets in with it, the owner and administrators included.
        let owner = w.server.login("anna").await;
        for stranger in [&carl, &admin, &owner] {
            for (route, status) in w.cells(stranger, &grant).await {
                assert_eq!(status, 404, "{route} for a stranger with the id of {kind}");
                cells += 1;
            }
        }
        for (route, status) in w.cells(&w.server.anybody(), &grant).await {
            assert_eq!(status, 401, "{route} for nobody");
            cells += 1;
        }
        if kind == "emergency_stop" {
            let halted = owner.get("/api/v1/trading/kill-switch").await.1;
            assert_eq!(halted["accounts"][0]["account_id"], w.account.as_str(), "{halted}");
            w.lift().await;
        }
    }
    assert_eq!(cells, 5 * 9 * 5);
    let shared = routes::all().iter().filter(|r| r.path.starts_with(SHARED)).count();
    assert_eq!(shared, ROUTES.len() + 2, "a new shared route belongs into the table");
    // Managing is nothing for somebody who may only look.
    let anna = w.server.login("anna").await;
    anna.prove().await;
    let answer = anna.post(&w.grants(), &json!({"username": "vera", "kind": "manage_bots", "until": UNTIL})).await;
    expect(422, "invalid", &answer);
    assert_eq!(answer.1["pointer"], "/kind");
}

#[tokio::test]
async fn a_grant_ends_by_its_date_by_either_side_and_with_its_people() {
    let w = World::new().await;
    let (ben, anna) = (w.server.login("ben").await, w.server.login("anna").await);
    let opens = async |grant: &str| ben.get(&format!("{SHARED}/{grant}/account")).await.0;

    // Taken back, and given back.
    let grant = w.give("ben", "view").await;
    assert_eq!(opens(&grant).await, 200);
    assert_eq!(anna.delete(&format!("{}/{grant}", w.grants())).await.0, 204);
    assert_eq!(opens(&grant).await, 404, "at once");
    let grant = w.give("ben", "view").await;
    assert_eq!(ben.delete(&format!("{SHARED}/{grant}")).await.0, 204);
    assert_eq!(opens(&grant).await, 404);
    expect(404, "not_found", &ben.delete(&format!("{SHARED}/{grant}")).await);
    assert_eq!(anna.get(&w.grants()).await.1["items"], json!([]));

    // Replaced by another of its kind.
    let (old, new) = (w.give("ben", "view").await, w.give("ben", "view").await);
    assert_eq!((opens(&old).await, opens(&new).await), (404, 200));

    // With either person's deactivation, and back with them.
    let admin = w.server.login("root-admin").await;
    admin.prove().await;
    for name in ["anna", "ben"] {
        let person = format!("/api/v1/admin/users/{}", w.server.app.auth.find_user(name).unwrap().unwrap().id);
        assert_eq!(admin.patch(&person, &json!({"active": false})).await.0, 200);
        assert_eq!(opens(&new).await, if name == "ben" { 401 } else { 404 }, "{name} is blocked");
        assert_eq!(admin.patch(&person, &json!({"active": true})).await.0, 200);
    }
    let ben = w.server.login("ben").await;
    let path = format!("{SHARED}/{new}/account");
    assert_eq!(ben.get(&path).await.0, 200);

    // An owner who may only look from now on lets nobody do more.
    let manage = w.give("ben", "manage_bots").await;
    let person = format!("/api/v1/admin/users/{}", w.server.app.auth.find_user("anna").unwrap().unwrap().id);
    assert_eq!(admin.patch(&person, &json!({"role": "viewer"})).await.0, 200);
    expect(404, "not_found", &ben.get(&format!("{SHARED}/{manage}/bots")).await);
    assert_eq!(ben.get(&path).await.0, 200);
    assert_eq!(admin.patch(&person, &json!({"role": "user"})).await.0, 200);

    // By its date, to the second; the owner still sees that it was there.
    w.server.advance(Duration::from_secs(23 * 3_600 - 1));
    let ben = w.server.login("ben").await;
    assert_eq!(ben.get(&path).await.0, 200);
    assert_eq!(ben.get(SHARED).await.1["items"].as_array().unwrap().len(), 2);
    w.server.advance(Duration::from_secs(1));
    expect(404, "not_found", &ben.get(&path).await);
    assert_eq!(ben.get(SHARED).await.1["items"], json!([]));
    let anna = w.server.login("anna").await;
    assert_eq!(anna.get(&w.grants()).await.1["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_grant_reaches_one_account_and_its_acts_name_the_actor_to_both() {
    let w = World::new().await;
    let (ben, anna) = (w.server.login("ben").await, w.server.login("anna").await);
    let grant = w.give("ben", "manage_bots").await;
    let at = format!("{SHARED}/{grant}/bots");

    // The owner's other account does not exist here, nor do the owner's own routes.
    let other = format!("{at}/{}", w.other_bot);
    expect(404, "not_found", &ben.patch(&other, &json!({"version": 1, "seed": 5})).await);
    expect(404, "not_found", &ben.post(&format!("{other}/rename"), &json!({"version": 1, "name": "X"})).await);
    expect(404, "not_found", &ben.delete(&other).await);
    let second = anna.get("/api/v1/trading/accounts").await.1["items"].as_array().unwrap().iter().find(|a| a["name"] == "second").map(id);
    expect(404, "not_found", &ben.post(&at, &new_bot(&second.unwrap(), "X")).await);
    for path in [format!("/api/v1/trading/bots/{}", w.bot), format!("/api/v1/trading/accounts/{}", w.account), w.grants()] {
        expect(404, "not_found", &ben.get(&path).await);
    }
    let text = ben.get(&format!("{SHARED}/{grant}/account")).await.1.to_string();
    for hidden in ["broker_key", "limits", "telegram", "settings"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }

    // What was done names who did it, in both logs.
    let (status, changed) = ben.patch(&format!("{at}/{}", w.bot), &json!({"version": 1, "seed": 123})).await;
    assert_eq!((status, &changed["seed"]), (200, &json!("123")), "{changed}");
    let ben_id = w.server.app.auth.find_user("ben").unwrap().unwrap().id.to_string();
    let rows = async |caller: &Caller<'_>| caller.get("/api/v1/users/audit").await.1["items"].as_array().unwrap().clone();
    let of = |rows: &[Value], action: &str| rows.iter().find(|r| r["action"] == action).unwrap_or_else(|| panic!("no {action}")).clone();
    let (hers, his) = (rows(&anna).await, rows(&ben).await);
    for (log, action) in [(&hers, "bot.changed"), (&hers, "shared.bot_changed"), (&his, "shared.bot_changed")] {
        assert_eq!(of(log, action)["by"], ben_id.as_str(), "{action}");
    }
    assert_eq!(of(&hers, "shared.bot_changed")["detail"]["user"], "ben");
    assert_eq!(of(&his, "shared.bot_changed")["detail"]["user"], "anna");
    assert_eq!(
        (&of(&hers, "grant.given")["detail"]["user"], &of(&his, "grant.received")["detail"]["user"]),
        (&json!("ben"), &json!("anna"))
    );
    assert_eq!(anna.delete(&format!("{}/{grant}", w.grants())).await.0, 204);
    assert_eq!(of(&rows(&ben).await, "grant.ended")["detail"]["user"], "anna");

    // A grantee stops; only the owner goes on.
    let stop = w.give("ben", "emergency_stop").await;
    assert_eq!(ben.post(&format!("{SHARED}/{stop}/stop"), &Value::Null).await.1, json!({"halted": true}));
    let body = json!({"on": false, "account": w.account});
    expect(404, "not_found", &ben.post("/api/v1/trading/kill-switch", &body).await);
    assert_eq!(of(&rows(&anna).await, "kill_switch.on")["by"], ben_id.as_str());
    w.lift().await;
    assert_eq!(w.server.app.store.verify().unwrap().differences, []);
}

#[tokio::test]
async fn giving_needs_a_proof_and_a_sensible_grant() {
    let w = World::new().await;
    let anna = w.server.login("anna").await;
    let body = |to: &str, kind: &str, until: &str| json!({"username": to, "kind": kind, "until": until});
    expect(403, "step_up_required", &anna.post(&w.grants(), &body("ben", "view", UNTIL)).await);
    anna.prove().await;
    for (body, pointer) in [
        (body("nobody-here", "view", UNTIL), "/username"),
        (body("anna", "view", UNTIL), "/username"),
        (body("ben", "view", "2026-11-20T01:00:00Z"), "/until"),
        (body("ben", "view", "2027-12-01T00:00:00Z"), "/until"),
        (body("ben", "everything", UNTIL), "/kind"),
    ] {
        let answer = anna.post(&w.grants(), &body).await;
        assert_eq!((answer.0, &answer.1["pointer"]), (422, &json!(pointer)), "{}", answer.1);
    }
    let vera = w.server.login("vera").await;
    vera.prove().await;
    expect(403, "forbidden", &vera.post(&w.grants(), &body("ben", "view", UNTIL)).await);
}
