//! Whose money US orders spend, as the account's owner has chosen.

use super::tickets::{IN_SESSION, buy, code, trader};
use super::*;
use crate::brokers::{BuyingPower, PowerBasis};
use crate::domain::account::UsFunds;
use crate::domain::order::OrderState;
use crate::trading::{AccountPatch, NewOrder};

fn power(basis: PowerBasis, amount: i64, other: Option<i64>) -> BuyingPower {
    BuyingPower { amount: amount.into(), basis, other: other.map(Into::into), usd_krw: None }
}

#[test]
fn the_owner_chooses_between_the_figures_that_the_broker_shows() {
    use PowerBasis::{CashOnly, DollarsOnly, IntegratedMargin};
    for (shown, wanted, expected) in [
        (power(IntegratedMargin, 200, Some(50)), UsFunds::Automatic, power(IntegratedMargin, 200, Some(50))),
        (power(IntegratedMargin, 200, Some(50)), UsFunds::DollarsOnly, power(DollarsOnly, 50, Some(200))),
        (power(IntegratedMargin, 200, Some(50)), UsFunds::IntegratedMargin, power(IntegratedMargin, 200, Some(50))),
        (power(DollarsOnly, 50, Some(200)), UsFunds::Automatic, power(DollarsOnly, 50, Some(200))),
        (power(DollarsOnly, 50, Some(200)), UsFunds::IntegratedMargin, power(IntegratedMargin, 200, Some(50))),
        // What the broker does not show cannot be spent.
        (power(DollarsOnly, 50, None), UsFunds::IntegratedMargin, power(DollarsOnly, 50, None)),
        (power(CashOnly, 50, None), UsFunds::DollarsOnly, power(CashOnly, 50, None)),
        (power(CashOnly, 50, None), UsFunds::IntegratedMargin, power(CashOnly, 50, None)),
    ] {
        assert_eq!(shown.clone().going_by(wanted), expected, "{shown:?} {wanted:?}");
    }
}

#[tokio::test]
async fn the_choice_is_kept_audited_and_goes_for_the_gate_and_the_preview() {
    let (mut world, kim) = trader(IN_SESSION).await;
    let account = world.trading.own_account(kim.user).await.unwrap();
    world.trading.quotes().put_usd_krw(1_400.into(), world.clock_now(), "chart");
    let paper = |quantity| NewOrder { account: None, ..buy(&kim, "TQQQ", quantity, "61") };
    let preview = world.trading.preview_ticket(kim.user, paper(3)).await.unwrap();
    let shown = preview.power.unwrap();
    assert_eq!((shown.basis, shown.amount.to_string(), shown.other), (PowerBasis::IntegratedMargin, "71428.57".to_owned(), Some(0.into())));
    assert!(preview.refusal.is_none());

    let patch = AccountPatch { us_funds: Some(UsFunds::DollarsOnly), ..AccountPatch::default() };
    let saved = world.trading.patch_account(kim.user, account, preview.account.version, patch).await.unwrap();
    assert_eq!(saved.settings.us_funds, UsFunds::DollarsOnly);
    let audit = world.store.read(|v| v.user(kim.user).list(&crate::storage::AUDIT, &crate::storage::Key::new())).unwrap();
    let told = audit.iter().any(|row| row.action == "account.changed" && row.detail.to_string().contains("\"us_funds\":\"dollars_only\""));
    assert!(told, "{audit:?}");

    let preview = world.trading.preview_ticket(kim.user, paper(3)).await.unwrap();
    assert_eq!(preview.power.map(|p| (p.basis, p.amount)), Some((PowerBasis::DollarsOnly, 0.into())));
    assert_eq!(preview.refusal.unwrap().code, "limit_buying_power");
    let refused = world.trading.place_ticket(kim.user, paper(3), None).await.unwrap();
    assert_eq!((refused.state, code(&refused)), (OrderState::Rejected, "limit_buying_power"));
    // Won go on buying Korean shares.
    world.run_until("2026-05-15T00:30:00Z", std::time::Duration::from_secs(600)).await;
    let korean = NewOrder { account: None, ..buy(&kim, "005930", 10, "70000") };
    let preview = world.trading.preview_ticket(kim.user, korean).await.unwrap();
    assert_eq!(preview.power.map(|p| (p.basis, p.amount)), Some((PowerBasis::CashOnly, 100_000_000.into())));
}

#[tokio::test]
async fn an_order_that_waited_is_not_paid_in_won_by_an_account_that_spends_dollars_only() {
    let (mut world, kim) = trader("2026-05-14T12:00:00Z").await;
    let account = world.trading.own_account(kim.user).await.unwrap();
    world.trading.quotes().put_usd_krw(1_400.into(), world.clock_now(), "chart");
    let order = world.trading.place_ticket(kim.user, NewOrder { account: None, ..buy(&kim, "TQQQ", 3, "61") }, None).await.unwrap();
    assert_eq!(order.state, OrderState::Accepted);
    let own = Client { account, ..kim.clone() };
    world.edit_account(&own, |a| a.settings.us_funds = UsFunds::DollarsOnly);
    world.run_until("2026-05-14T13:31:00Z", std::time::Duration::from_secs(60)).await;
    let order = world.orders(&own).remove(0);
    assert_eq!((order.state, code(&order)), (OrderState::Rejected, "insufficient_cash"));
}
