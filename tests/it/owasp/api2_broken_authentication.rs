//! API2:2023 Broken Authentication. Tokens and signatures that are none are in `bad_input.rs`, the life of
//! sessions in `auth.rs`, second factor and recovery in `identity.rs`.

use std::time::Duration;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};

use super::expect;
use crate::support::{Caller, PASSWORD, TestServer, answer};

const LOGIN: &str = "/api/v1/auth/login";
const PROFILE: &str = "/api/v1/users/profile";

#[tokio::test]
async fn names_that_look_alike_are_refused_and_case_is_no_difference() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    assert_eq!(admin.patch("/api/v1/admin/settings", &json!({"registration": "open"})).await.0, 200);
    let nobody = server.anybody();
    let register = async |name: &str| nobody.post("/api/v1/auth/register", &json!({"username": name, "password": PASSWORD})).await;
    assert_eq!(register("anna").await.0, 201);
    for taken in ["ANNA", "Anna", " anna ", "Root-Admin"] {
        expect(409, "username_taken", &register(taken).await);
        server.advance(Duration::from_secs(3_600));
    }
    for (name, how) in [
        ("аnna", "a Cyrillic letter"),
        ("ａnna", "a full-width letter"),
        ("anna\u{200b}", "a space of no width"),
        ("an\u{00ad}na", "a soft hyphen"),
        ("\u{202e}anna", "right to left"),
        ("a\u{301}nna", "a combining accent"),
        ("annа\u{0}", "a zero byte"),
        ("ınna", "a Turkish letter"),
        ("\u{212a}im", "the sign of the kelvin"),
        ("가\u{1100}\u{1161}", "Korean in single letters"),
        ("anna\u{3164}", "the Korean filler"),
    ] {
        let (status, refused) = register(name).await;
        assert_eq!((status, &refused["pointer"]), (422, &json!("/username")), "{how}: {refused}");
        server.advance(Duration::from_secs(3_600));
    }
    assert_eq!(server.app.auth.users().unwrap().len(), 2);
}

#[tokio::test]
async fn writing_a_name_in_another_way_gives_no_more_guesses() {
    let server = TestServer::start().await;
    server.user("kim").await;
    let nobody = server.anybody();
    let guess = async |name: &str| nobody.post(LOGIN, &json!({"username": name, "password": "wrong horse battery"})).await;
    // The kelvin sign is a `k` in lower case.
    for name in ["kim", "KIM", "Kim", " kim", "kim ", "\tkim", "kIM", "kiM", "\u{212a}im", "\u{3000}kim"] {
        expect(401, "wrong_credentials", &guess(name).await);
    }
    for name in ["kim", "KIM", "\u{212a}IM", "  kim\n"] {
        expect(429, "too_many_requests", &guess(name).await);
    }
}

#[tokio::test]
async fn one_kind_of_secret_does_not_stand_in_for_another() {
    let server = TestServer::start().await;
    let (anna, ben) = (server.user("anna").await, server.user("ben").await);
    let access = anna.token.clone().unwrap();
    let get = async |token: String| Caller { token: Some(token), ..server.anybody() }.get(PROFILE).await;
    expect(401, "unauthorized", &get(anna.refresh_token.clone()).await);
    let refreshed = server.anybody().post("/api/v1/auth/refresh", &json!({"refresh_token": access})).await;
    expect(401, "session_ended", &refreshed);
    // Somebody else's name over one's own signature.
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (mine, theirs) = (parts(&access), parts(ben.token.as_ref().unwrap()));
    expect(401, "unauthorized", &get(format!("{}.{}.{}", mine[0], theirs[1], mine[2])).await);
    let mut claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(mine[1].as_bytes()).unwrap()).unwrap();
    claims["exp"] = json!(4_000_000_000_u64);
    expect(401, "unauthorized", &get(format!("{}.{}.{}", mine[0], BASE64URL_NOPAD.encode(claims.to_string().as_bytes()), mine[2])).await);
    // Where passwords and tokens do not belong.
    let basic = format!("Basic {}", BASE64.encode(format!("anna:{PASSWORD}").as_bytes()));
    expect(401, "unauthorized", &answer(server.anybody().request("GET", PROFILE).header("authorization", basic)).await);
    for cookie in [format!("access_token={access}"), format!("eggmoney-refresh={}", anna.refresh_token)] {
        expect(401, "unauthorized", &answer(server.anybody().request("GET", PROFILE).header("cookie", cookie)).await);
    }
    for query in [format!("access_token={access}"), format!("token={access}"), format!("username=anna&password={PASSWORD}")] {
        let (status, body) = server.anybody().get(&format!("{PROFILE}?{query}")).await;
        assert_eq!((status, &body["code"]), (401, &json!("unauthorized")), "{body}");
    }
    assert_eq!(anna.get(PROFILE).await.0, 200, "none of it ended the session");
}
