//! Who may call what. Every handler's first argument is [`Public`] or [`Require<P>`]; a handler
//! without one cannot be registered, so nothing is open by accident.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};
use std::ops::Deref;
use std::sync::Arc;

use super::error::{ApiError, ErrorCode};
use super::extract;
use crate::app::App;
use crate::auth::{AuthError, Identity, KeyError, Via};
use crate::domain::order::Environment;
use crate::domain::user::{Role, Scope};

/// What a caller must be allowed to do.
pub trait Permission: 'static {
    /// `orders.place`
    const NAME: &'static str;
    /// Roles that have it.
    const ROLES: &'static [Role];
    /// What an API key must reach; `None` = only a signed-in person.
    const SCOPE: Option<Scope>;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident $text:literal $roles:ident $scope:expr;)+) => {
        /// One marker type per permission.
        pub mod perm {
            $($(#[$doc])* #[derive(Clone, Copy, Debug)] pub struct $name;)+
        }
        $(impl Permission for perm::$name {
            const NAME: &'static str = $text;
            const ROLES: &'static [Role] = $roles;
            const SCOPE: Option<Scope> = $scope;
        })+
    };
}

/// Administrators own accounts like everybody else; they see nobody else's.
const TRADERS: &[Role] = &[Role::Admin, Role::User];
const EVERYBODY: &[Role] = &[Role::Admin, Role::User, Role::Viewer];
const ADMIN: &[Role] = &[Role::Admin];

permissions! {
    /// Own name, language, address, password.
    ProfileManage "profile.manage" EVERYBODY None;
    /// Own API keys.
    KeysManage "keys.manage" EVERYBODY None;
    /// Own sessions.
    SessionsManage "sessions.manage" EVERYBODY None;
    /// Own accounts, schedules and runs.
    AccountsRead "accounts.read" EVERYBODY Some(Scope::Read);
    /// Own accounts, broker keys and schedules; starting and stopping.
    AccountsManage "accounts.manage" TRADERS None;
    /// Own bots, previews and sheets.
    BotsRead "bots.read" EVERYBODY Some(Scope::Read);
    /// Own bots.
    BotsManage "bots.manage" TRADERS None;
    /// Own orders, positions and history.
    OrdersRead "orders.read" EVERYBODY Some(Scope::Read);
    /// Emergency stop of own accounts. Lifting it needs the person.
    AccountsHalt "accounts.halt" TRADERS Some(Scope::Paper);
    /// Own orders.
    OrdersPlace "orders.place" TRADERS Some(Scope::Paper);
    /// Corrections of own books.
    LedgerCorrect "ledger.correct" TRADERS None;
    /// Prices, indicators, calendars.
    MarketRead "market.read" EVERYBODY Some(Scope::Read);
    /// Own portfolio.
    PortfolioRead "portfolio.read" EVERYBODY Some(Scope::Read);
    /// Own alerts.
    AlertsRead "alerts.read" EVERYBODY Some(Scope::Read);
    /// Marking own alerts as read.
    AlertsManage "alerts.manage" EVERYBODY None;
    /// Imports into own accounts.
    ImportsRun "imports.run" TRADERS None;
    /// What others may do with own accounts.
    SharingManage "sharing.manage" TRADERS None;
    /// What others have shared, as far as each grant goes; giving a grant back.
    SharedRead "shared.read" EVERYBODY None;
    /// Bots of accounts that others have shared for it.
    SharedBots "shared.bots" TRADERS None;
    /// The kill switch of accounts that others have shared for it: stopping is for everybody.
    SharedStop "shared.stop" EVERYBODY None;
    /// The list of users.
    UsersManage "users.manage" ADMIN None;
    /// Settings of the installation.
    SettingsManage "settings.manage" ADMIN None;
    /// State of the installation.
    SystemRead "system.read" ADMIN None;
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
        let allowed = |identity: Identity| -> Result<Self, ApiError> {
            allow::<P>(&identity)?;
            signed_to_change(req, &identity)?;
            Ok(Self { identity, permission: PhantomData })
        };
        ready(identify(req).and_then(allowed))
    }
}

fn allow<P: Permission>(identity: &Identity) -> Result<(), ApiError> {
    let forbidden = |why: String| Err(ApiError::new(ErrorCode::Forbidden, why));
    if !P::ROLES.contains(&identity.role) {
        return forbidden(format!("this needs the permission {}, which your role does not have", P::NAME));
    }
    match (identity.via, P::SCOPE) {
        (Via::Session { .. }, _) => Ok(()),
        (Via::Key { scope, signed, .. }, Some(needed)) if scope >= needed => {
            if signed || needed == Scope::Read {
                Ok(())
            } else {
                Err(KeyError::SignatureMissing.into())
            }
        }
        (Via::Key { .. }, Some(_)) => forbidden(format!("this needs the permission {}, which lies beyond this key's scope", P::NAME)),
        (Via::Key { .. }, None) => Err(beyond_keys::<P>()),
    }
}

fn beyond_keys<P: Permission>() -> ApiError {
    ApiError::new(ErrorCode::Forbidden, format!("{} needs a signed-in person here: no key reaches it", P::NAME))
}

/// A key that only shows itself can be copied from wherever it was shown: it reads, and no more.
fn signed_to_change(req: &HttpRequest, identity: &Identity) -> Result<(), ApiError> {
    match identity.via {
        Via::Key { signed: false, .. } if !req.method().is_safe() => Err(KeyError::SignatureMissing.into()),
        _ => Ok(()),
    }
}

/// Lets a key only pass to accounts that its scope reaches.
///
/// # Errors
/// 403 `beyond_scope`.
pub fn within_reach(who: &Identity, environment: Environment) -> Result<(), ApiError> {
    if who.reaches(environment) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::BeyondScope, "this key reaches accounts that trade on paper only: live ones need the scope trade"))
}

/// A caller with the permission `P` who gave password or code within the last five minutes.
pub struct Proved<P>(Require<P>);

impl<P> Deref for Proved<P> {
    type Target = Identity;
    fn deref(&self) -> &Identity {
        &self.0
    }
}

impl<P: Permission> FromRequest for Proved<P> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let proved = |who: Require<P>| -> Result<Self, ApiError> {
            if who.session().is_none() {
                return Err(beyond_keys::<P>());
            }
            state(req)?.auth.require_proof(&who)?;
            Ok(Self(who))
        };
        ready(Require::from_request(req, payload).into_inner().and_then(proved))
    }
}

fn state(req: &HttpRequest) -> Result<&AppData, ApiError> {
    req.app_data::<AppData>().ok_or_else(|| ApiError::internal("the application state is not registered"))
}

/// Who sent a request.
///
/// # Errors
/// 401 when nobody is signed in; 429 when a person asks too fast.
pub fn identify(req: &HttpRequest) -> Result<Identity, ApiError> {
    // Keys were looked at before anything of the request was handled.
    if let Some(identity) = req.extensions().get::<Identity>() {
        return Ok(identity.clone());
    }
    let token = bearer_token(req).ok_or(AuthError::NotSignedIn)?;
    let auth = &state(req)?.auth;
    let identity = auth.authenticate(token, extract::origin(req).address)?;
    auth.admit_caller(identity.user_id.0)?;
    Ok(identity)
}

/// The token of a header `Authorization: Bearer …`.
pub(super) fn bearer_token(req: &HttpRequest) -> Option<&str> {
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
    /// `proof`: password or code within the last five minutes.
    Permission {
        name: &'static str,
        roles: &'static [Role],
        scope: Option<Scope>,
        proof: bool,
    },
}

/// First arguments that say who may call.
pub trait Guard {
    const ACCESS: Access;
}

impl Guard for Public {
    const ACCESS: Access = Access::Public;
}

impl<P: Permission> Guard for Require<P> {
    const ACCESS: Access = Access::Permission { name: P::NAME, roles: P::ROLES, scope: P::SCOPE, proof: false };
}

impl<P: Permission> Guard for Proved<P> {
    // A key cannot give a password.
    const ACCESS: Access = Access::Permission { name: P::NAME, roles: P::ROLES, scope: None, proof: true };
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
