//! Signing in tells by nothing whether a user exists: not by its work, and not by its time. The few tries of
//! a common run compare the work; `scripts/prove timing` takes thousands and compares the times.

use std::time::{Duration, Instant};

use eggmoney::domain::user::Role;
use serde_json::json;

use super::support::{TestServer, answer};

/// Beyond this, a difference is none of chance.
const MOST: f64 = 4.5;
/// Tries before the first that counts: pages and caches get warm.
const WARM: usize = 20;

/// Mean, variance and number.
fn moments(sample: &[f64]) -> (f64, f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    (mean, sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0), n)
}

/// Welch's t.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, var_a, n_a), (mean_b, var_b, n_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (var_a / n_a + var_b / n_b).sqrt()
}

fn median(sample: &[f64]) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[test]
fn the_statistic_sees_what_it_should() {
    let noise = |n: u64| (n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 40) as f64 / 1e6;
    let one: Vec<f64> = (0..2_000).map(noise).collect();
    let other: Vec<f64> = (2_000..4_000).map(noise).collect();
    assert!(welch(&one, &other).abs() < MOST);
    let later: Vec<f64> = other.iter().map(|x| x + 1.0).collect();
    assert!(welch(&one, &later) < -MOST);
    assert!((welch(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]) + 1.549_193).abs() < 1e-5);
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_take_the_same_work_and_time() {
    let tries = std::env::var("EGGMONEY_SIGN_INS").ok().map(|n| n.parse::<usize>().unwrap());
    let server = TestServer::start().await;
    let names: Vec<String> = (0..10).map(|n| format!("known-user-{n:04}")).collect();
    for name in &names {
        server.create(name, Role::User).await;
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..tries.unwrap_or(20) + WARM {
        // Nobody is slowed down: the minutes pass, and each try comes from somewhere else.
        server.advance(Duration::from_secs(3_600));
        let mut both = [(names[n % names.len()].clone(), true), (format!("nobody-{n:08}"), false)];
        if rand::random() {
            both.swap(0, 1);
        }
        for (name, is_known) in both {
            let body = json!({"username": name, "password": format!("a wrong phrase {n:08}")});
            let address = format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
            let request = server.anybody().request("POST", "/api/v1/auth/login").header("x-forwarded-for", address).json(&body);
            let before = server.app.auth.hashing_work().done;
            let started = Instant::now();
            let (status, refused) = answer(request).await;
            let took = started.elapsed().as_secs_f64() * 1e3;
            assert_eq!((status, &refused["code"]), (401, &json!("wrong_credentials")), "{refused}");
            assert_eq!(server.app.auth.hashing_work().done - before, 1, "one password is compared, known: {is_known}");
            if n >= WARM {
                if is_known { known.push(took) } else { unknown.push(took) }
            }
        }
    }
    let t = welch(&known, &unknown);
    println!(
        "sign-in, {} pairs: a known user {:.3} ms (median {:.3}), an unknown one {:.3} ms (median {:.3}), Welch's t = {t:.2}",
        known.len(),
        moments(&known).0,
        median(&known),
        moments(&unknown).0,
        median(&unknown)
    );
    // So few tries on a machine that does something else prove nothing either way.
    if tries.is_some() {
        assert!(t.abs() < MOST, "the time tells whether a user exists: |t| = {:.2}", t.abs());
    }
}
