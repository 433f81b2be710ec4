//! Old EggMoney accounts brought into a test server, with their counterpart at the simulated broker.

use std::path::PathBuf;
use std::sync::Arc;

use eggmoney::app::Config;
use eggmoney::domain::calendar::Calendar;
use eggmoney::domain::id::AccountId;
use eggmoney::domain::ledger::Position;
use eggmoney::domain::order::BrokerHost;
use eggmoney::importers::eggmoney::{ImportRequest, OldFiles, read, run};
use eggmoney::simulators::{KisSimulator, Scenario, SimAccount, SimConfig, SimPosition};
use eggmoney::storage::account_key;
use eggmoney::storage::tables::POSITIONS;
use jiff::Timestamp;
use rust_decimal::Decimal;

use super::TestServer;
use eggmoney::domain::clock::SteppedClock;

/// The folder of the old program's files.
pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data-fixtures/eggmoney")
}

/// A server whose broker is the simulator, both on one stepped market clock.
pub struct Night {
    pub server: TestServer,
    pub broker: KisSimulator,
}

/// An imported account and who owns it.
#[derive(Clone)]
pub struct Owned {
    pub username: &'static str,
    pub account: AccountId,
    pub app_key: String,
}

/// The account number of somebody.
fn cano(username: &str) -> String {
    format!("5001{:04}", username.len())
}

impl Owned {
    /// The account as the broker has it, without Korean money.
    pub fn at_broker(&self, host: BrokerHost, cash_usd: i64, positions: Vec<SimPosition>) -> SimAccount {
        SimAccount {
            environment: host,
            app_key: self.app_key.clone(),
            app_secret: format!("{:s<180}", self.username),
            cano: cano(self.username),
            product: "01".to_owned(),
            cash_usd: cash_usd.into(),
            cash_krw: Decimal::ZERO,
            positions,
        }
    }
}

impl Night {
    /// Starts both at `start`.
    pub async fn start(start: &str) -> Self {
        Self::start_with(start, Scenario::default()).await
    }

    pub async fn start_with(start: &str, scenario: Scenario) -> Self {
        Self::start_configured(start, scenario, |_| {}).await
    }

    /// Starts with a changed configuration of the server.
    pub async fn start_configured(start: &str, scenario: Scenario, change: impl FnOnce(&mut Config)) -> Self {
        let market = Arc::new(SteppedClock::new(start.parse().unwrap()));
        let config = SimConfig { scenario, ..SimConfig::default() };
        let broker = KisSimulator::start(config, market.clone(), Arc::new(Calendar::nyse().unwrap())).await.unwrap();
        let (live, mock) = (broker.live_url(), broker.mock_url());
        let server = TestServer::start_at(market, move |config| {
            config.brokers.kis.live = live;
            config.brokers.kis.mock = mock;
            change(config);
        })
        .await;
        Self { server, broker }
    }

    /// Makes a user, imports one of the fixtures into an account on the mock host, and opens the same
    /// account at the broker with `cash_usd` and the positions of the books.
    pub async fn bring(&self, username: &'static str, fixture: &'static str, cash_usd: i64) -> Owned {
        self.bring_on(BrokerHost::Mock, username, fixture, cash_usd).await
    }

    /// The same on either of the broker's hosts.
    pub async fn bring_on(&self, host: BrokerHost, username: &'static str, fixture: &'static str, cash_usd: i64) -> Owned {
        self.server.create(username, eggmoney::domain::user::Role::User).await;
        let app = &self.server.app;
        let user = app.auth.users().unwrap().into_iter().find(|u| u.username == username).unwrap().id;
        let folder = tempfile::tempdir().unwrap();
        let app_key = format!("{:X<36}", format!("PS{username}"));
        let cano = cano(username);
        let url = if host == BrokerHost::Mock { "openapivts" } else { "openapi" };
        let env = format!(
            "IS_TEST=false\nADMIN={fixture}\nHANTOO_CANO={cano}\nHANTOO_ACNT_PRDT_CD=01\nHANTOO_API_URL=https://{url}.koreainvestment.com\nHANTOO_APP_KEY={app_key}\nHANTOO_APP_SECRET={:s<180}\n",
            username
        );
        fs_err::write(folder.path().join("env"), env).unwrap();
        let files = OldFiles {
            db: fixtures().join(format!("egg_{fixture}.db")),
            db_name: None,
            key_store: Some(fixtures().join(format!("key_store.{fixture}.json"))),
            env: Some(folder.path().join("env")),
        };
        let request = ImportRequest {
            user,
            by: None,
            account_name: Some("main".to_owned()),
            bot_sync: None,
            session_relative: true,
            skip_refused: false,
            book_fills: true,
            at: app.market.now(),
        };
        let (store, vault) = (app.store.clone(), app.vault.clone());
        let account =
            tokio::task::spawn_blocking(move || run(&store, &vault, &Arc::new(read(&files).unwrap()), &request).unwrap().account_id)
                .await
                .unwrap();
        let positions: Vec<Position> = app.store.user(user).read(|v| v.list(&POSITIONS, &account_key(account))).unwrap();
        let owned = Owned { username, account, app_key };
        let positions = positions
            .into_iter()
            .filter(|p| p.quantity > Decimal::ZERO)
            .map(|p| SimPosition { average_price: (p.cost / p.quantity).round_dp(4), quantity: p.quantity, symbol: p.symbol })
            .collect();
        self.broker.add_account(owned.at_broker(host, cash_usd, positions));
        owned
    }

    /// Ticks every `seconds` until a time.
    pub async fn run_until(&self, at: &str, seconds: i64) {
        let end: Timestamp = at.parse().unwrap();
        while self.server.app.market.now() < end {
            let next = (self.server.app.market.now() + jiff::SignedDuration::from_secs(seconds)).min(end);
            self.server.market.advance_to(next);
            self.server.app.trading.tick().await;
        }
    }
}

impl Night {
    /// Stops the server as if it had died and starts another over the same data folder; the broker
    /// and the market clock go on.
    pub async fn restart(self) -> Self {
        let Self { server, broker } = self;
        Self { server: server.restart().await, broker }
    }
}
