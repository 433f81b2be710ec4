//! Who may call what. Every handler's first argument is [`Public`] or [`Require<P>`]; a handler
//! without one cannot be registered, so nothing is open by accident.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use std::ops::Deref;
use std::sync::Arc;

use super::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::auth::{AuthError, Identity};
use crate::domain::user::Role;

/// What a caller must be allowed to do.
pub trait Permission: 'static {
    /// `orders.place`
    const NAME: &'static str;
    /// Roles that have it.
    const ROLES: &'static [Role];
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident $text:literal $roles:expr;)+) => {
        /// One marker type per permission.
        pub mod perm {
            $($(#[$doc])* #[derive(Clone, Copy, Debug)] pub struct $name;)+
        }
        $(impl Permission for perm::$name {
            const NAME: &'static str = $text;
            const ROLES: &'static [Role] = $roles;
        })+
    };
}

/// Administrators own accounts like everybody else; they see nobody else's.
const EVERYBODY: &[Role] = &[Role::Admin, Role::User];
const ADMIN: &[Role] = &[Role::Admin];

permissions! {
    /// Own name, language, address, password.
    ProfileManage "profile.manage" EVERYBODY;
    /// Own sessions.
    SessionsManage "sessions.manage" EVERYBODY;
    /// Own accounts, schedules and runs.
    AccountsRead "accounts.read" EVERYBODY;
    /// Own accounts, broker keys and schedules; starting and stopping.
    AccountsManage "accounts.manage" EVERYBODY;
    /// Own bots, previews and sheets.
    BotsRead "bots.read" EVERYBODY;
    /// Own bots.
    BotsManage "bots.manage" EVERYBODY;
    /// Own orders, positions and history.
    OrdersRead "orders.read" EVERYBODY;
    /// Own orders.
    OrdersPlace "orders.place" EVERYBODY;
    /// Corrections of own books.
    LedgerCorrect "ledger.correct" EVERYBODY;
    /// Prices, indicators, calendars.
    MarketRead "market.read" EVERYBODY;
    /// Own portfolio.
    PortfolioRead "portfolio.read" EVERYBODY;
    /// Own alerts.
    AlertsManage "alerts.manage" EVERYBODY;
    /// Imports into own accounts.
    ImportsRun "imports.run" EVERYBODY;
    /// The list of users.
    UsersManage "users.manage" ADMIN;
    /// Settings of the installation.
    SettingsManage "settings.manage" ADMIN;
    /// State of the installation.
    SystemRead "system.read" ADMIN;
}

/// The caller, who was proven to have the permission `P`.
pub struct Require<P> {
    identity: Identity,
    permission: PhantomData<P>,
}

impl<P> Deref for Require<P> {
    type Target = Identity;
    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl<P: Permission> FromRequest for Require<P> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(identify(req).and_then(|identity| {
            if P::ROLES.contains(&identity.role) {
                Ok(Self { identity, permission: PhantomData })
            } else {
                Err(ApiError::new(ErrorCode::Forbidden, format!("this needs the permission {}, which your role does not have", P::NAME)))
            }
        }))
    }
}

fn identify(req: &HttpRequest) -> Result<Identity, ApiError> {
    let app = req.app_data::<web::Data<App>>().ok_or_else(|| ApiError::internal("the application state is not registered"))?;
    let token = bearer_token(req).ok_or(AuthError::NotSignedIn)?;
    Ok(app.auth.authenticate(token)?)
}

fn bearer_token(req: &HttpRequest) -> Option<&str> {
    let value = req.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Anybody, signed in or not. Stands in a signature to say that this is meant.
#[derive(Clone, Copy, Debug)]
pub struct Public;

impl FromRequest for Public {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self))
    }
}

/// What a route demands, for lists and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    Permission { name: &'static str, roles: &'static [Role] },
}

/// First arguments that say who may call.
pub trait Guard {
    const ACCESS: Access;
}

impl Guard for Public {
    const ACCESS: Access = Access::Public;
}

impl<P: Permission> Guard for Require<P> {
    const ACCESS: Access = Access::Permission { name: P::NAME, roles: P::ROLES };
}

/// Argument lists whose first member is a [`Guard`].
pub trait Guarded {
    const ACCESS: Access;
}

macro_rules! guarded {
    ($($rest:ident)*) => {
        impl<G: Guard, $($rest),*> Guarded for (G, $($rest,)*) {
            const ACCESS: Access = G::ACCESS;
        }
    };
}
guarded!();
guarded!(A);
guarded!(A B);
guarded!(A B C);
guarded!(A B C D);
guarded!(A B C D E);
guarded!(A B C D E F);

/// The shared state as handlers take it.
pub type AppData = web::Data<App>;

/// The state as the server holds it.
pub(super) fn app_data(app: Arc<App>) -> AppData {
    web::Data::from(app)
}
