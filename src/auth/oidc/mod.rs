//! Signing in through an OpenID Connect provider: authorization code with PKCE (S256), state and nonce.
//! A user links a sign-in to the own name first, with a proof; nobody is recognised by an e-mail address,
//! and nobody is registered by it.

mod discovery;
mod id_token;
mod links;
mod pending;
mod provider;
mod web;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

use self::discovery::Endpoints;
use self::id_token::{Expected, Subject};
pub use self::links::Link;
pub(super) use self::links::unlink_all;
use self::pending::Pending;
pub use self::provider::{NewProvider, Probe, Provider, ProviderPatch};
pub use self::web::{ClientProof, Web, WebAnswer};
use super::error::AuthError;
use super::identity::{Auth, Identity};
use super::session::{self, Client};
use super::sign_in::SignedIn;
use super::{random_bytes, second_factor};
use crate::domain::id::{SessionId, UserId};

/// Path below the public address to which providers send people back.
pub const CALLBACK_PATH: &str = "/api/v1/auth/oidc/callback";
/// What a provider says of itself is asked for anew after this.
const DISCOVERED_LASTS: SignedDuration = SignedDuration::from_mins(10);

/// Why somebody was sent to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    SignIn,
    /// The user of this session links the sign-in.
    Link {
        user: UserId,
        session: SessionId,
    },
}

/// A person who was sent to a provider and has not come back.
struct Away {
    provider: Provider,
    endpoints: Endpoints,
    redirect_uri: String,
    nonce: String,
    verifier: SecretString,
    purpose: Purpose,
}

/// A person whom a provider let in and whose own second factor is still to come.
#[derive(Clone, Copy)]
struct HalfWay {
    user: UserId,
    provider: Uuid,
    link: Uuid,
}

/// Where to send a browser, and what it must bring back.
#[derive(Debug)]
pub struct Departure {
    pub url: String,
    /// For a cookie that scripts cannot read.
    pub browser: SecretString,
}

/// What a browser brings back from a provider.
#[derive(Debug)]
pub struct Arrival {
    pub state: SecretString,
    pub code: SecretString,
    /// Who answers (RFC 9207), where the provider says it.
    pub issuer: Option<String>,
    /// Of the cookie.
    pub browser: SecretString,
}

/// How far somebody got.
#[derive(Debug)]
pub enum Entered {
    In(Box<SignedIn>),
    /// The word with which the code of the second factor is given.
    CodeNeeded(SecretString),
}

/// The use cases of signing in through providers.
pub struct Providers {
    auth: Auth,
    web: Arc<dyn Web>,
    away: Pending<Away>,
    half_way: Pending<HalfWay>,
    discovered: Mutex<HashMap<(String, bool), (Endpoints, Timestamp)>>,
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Providers")
    }
}

/// 256 random bits as text.
fn word() -> String {
    BASE64URL_NOPAD.encode(&random_bytes::<32>())
}

/// RFC 7636, 4.2.
fn challenge(verifier: &SecretString) -> String {
    BASE64URL_NOPAD.encode(&Sha256::digest(verifier.expose_secret()))
}

impl Providers {
    pub fn new(auth: Auth, web: Arc<dyn Web>) -> Self {
        Self { auth, web, away: Pending::default(), half_way: Pending::default(), discovered: Mutex::default() }
    }

    /// Sends somebody who wants to sign in to a provider.
    ///
    /// # Errors
    /// `NotFound` for a provider that is not offered, `PublicUrlMissing`, `ProviderTrouble`, `Throttled`.
    pub async fn start(&self, provider: Uuid, client: &Client) -> Result<Departure, AuthError> {
        self.depart(provider, Purpose::SignIn, client).await
    }

    /// Sends a user to a provider whose sign-in is to be linked.
    ///
    /// # Errors
    /// As [`Self::start`]; `SessionEnded` for a key, behind which there is no person.
    pub async fn start_link(&self, who: &Identity, provider: Uuid, client: &Client) -> Result<Departure, AuthError> {
        let session = who.session().ok_or(AuthError::SessionEnded)?;
        self.depart(provider, Purpose::Link { user: who.user_id, session }, client).await
    }

    async fn depart(&self, provider: Uuid, purpose: Purpose, client: &Client) -> Result<Departure, AuthError> {
        let now = self.auth.now();
        // Asking a provider costs us a request, too.
        let attempt = self.auth.throttle.attempt("", &client.address, now)?;
        let public = self.auth.settings()?.public_url.ok_or(AuthError::PublicUrlMissing)?;
        let provider = self.enabled(provider)?.ok_or(AuthError::NotFound("sign-in provider"))?;
        let endpoints = self.endpoints(&provider, now).await?;
        let redirect_uri = format!("{public}{CALLBACK_PATH}");
        let (state, nonce, verifier, browser) = (word(), word(), SecretString::from(word()), SecretString::from(word()));
        let mut url = endpoints.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", &redirect_uri)
            .append_pair("scope", "openid")
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge(&verifier))
            .append_pair("code_challenge_method", "S256");
        let away = Away { provider, endpoints, redirect_uri, nonce, verifier, purpose };
        self.away.begin(state, away, browser.expose_secret(), &client.address, now)?;
        self.auth.throttle.forgive(&attempt);
        Ok(Departure { url: url.into(), browser })
    }

    /// Lets in whoever a provider vouches for, if a user is linked to that sign-in.
    ///
    /// # Errors
    /// `SignInUnknown`, `ProviderTrouble`, `ProviderRefused`, `IdentityUnlinked`, `Throttled`.
    pub async fn finish(&self, arrival: Arrival, client: &Client) -> Result<Entered, AuthError> {
        let now = self.auth.now();
        let attempt = self.auth.throttle.attempt("", &client.address, now)?;
        let away = self.back(&arrival, |purpose| purpose == Purpose::SignIn)?;
        let subject = self.subject(&away, &arrival).await?;
        let found = self.auth.store.read(|view| links::owner(view, &away.provider.issuer, &subject.id))?;
        let Some((user, link)) = found.filter(|(user, _)| user.active) else {
            tracing::warn!(address = %client.address, provider = %away.provider.name, "a sign-in that is linked to nobody");
            return Err(AuthError::IdentityUnlinked);
        };
        self.auth.throttle.forgive(&attempt);
        let half = HalfWay { user: user.id, provider: away.provider.id, link: link.id };
        if !away.provider.trusted_second_factor && self.auth.store.user(user.id).read(second_factor::is_on)? {
            let word = word();
            self.half_way.begin(word.clone(), half, arrival.browser.expose_secret(), &client.address, now)?;
            return Ok(Entered::CodeNeeded(word.into()));
        }
        Ok(Entered::In(Box::new(self.enter(half, client).await?)))
    }

    /// Takes the code of the second factor from somebody whom a provider let in.
    ///
    /// # Errors
    /// `SignInUnknown`, `WrongCode`, `Throttled`; `IdentityUnlinked` when that changed meanwhile.
    pub async fn finish_with_code(
        &self,
        word: &SecretString,
        browser: &SecretString,
        code: SecretString,
        client: &Client,
    ) -> Result<SignedIn, AuthError> {
        let now = self.auth.now();
        let attempt = self.auth.throttle.attempt("", &client.address, now)?;
        let half = self.half_way.look(word.expose_secret(), browser.expose_secret(), now, |half| *half).ok_or(AuthError::SignInUnknown)?;
        self.auth.take_code(half.user, code).await?;
        let half = self.half_way.take(word.expose_secret(), browser.expose_secret(), now).ok_or(AuthError::SignInUnknown)?;
        self.auth.throttle.forgive(&attempt);
        self.enter(half, client).await
    }

    /// Opens the session. Whether user, link and provider still stand is looked at in the same transaction.
    async fn enter(&self, half: HalfWay, client: &Client) -> Result<SignedIn, AuthError> {
        let (now, client) = (self.auth.now(), client.clone());
        let opened = self.auth.store.write(move |tx| {
            let view = tx.view();
            let offered = provider::find(&view, half.provider)?.is_some_and(|p| p.enabled);
            let link = links::list(&view.user(half.user))?.into_iter().find(|link| link.id == half.link).filter(|_| offered);
            let link = link.ok_or(AuthError::IdentityUnlinked)?;
            let (user, _) = links::owner(&view, &link.issuer, &link.subject)?
                .filter(|(user, _)| user.active && user.id == half.user)
                .ok_or(AuthError::IdentityUnlinked)?;
            if !user.networks.admits(client.ip()) {
                return Err(AuthError::AddressNotAllowed);
            }
            links::used(tx, user.id, link, now)?;
            let (session, refresh) = session::open(&mut tx.user(user.id), &client, now)?;
            Ok::<_, AuthError>((user, session, refresh))
        });
        let (user, session, refresh) = opened.await?;
        self.auth.signed_in(user, session, refresh, now)
    }

    /// Links the sign-in with which a user came back. Linking the same one again changes nothing.
    ///
    /// # Errors
    /// `SignInUnknown` also for another session than the one that began; `ProviderTrouble`,
    /// `ProviderRefused`, `IdentityTaken`, `TooMany`, `Throttled`.
    pub async fn link(&self, who: &Identity, arrival: Arrival, client: &Client) -> Result<Link, AuthError> {
        let now = self.auth.now();
        let attempt = self.auth.throttle.attempt("", &client.address, now)?;
        let session = who.session().ok_or(AuthError::SessionEnded)?;
        let user = who.user_id;
        let away = self.back(&arrival, |purpose| purpose == Purpose::Link { user, session })?;
        let subject = self.subject(&away, &arrival).await?;
        self.auth.throttle.forgive(&attempt);
        let Provider { name, issuer, .. } = away.provider;
        self.auth.store.write(move |tx| links::link(tx, user, &name, &issuer, &subject, now)).await
    }

    /// A user's linked sign-ins, oldest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn links(&self, user: UserId) -> Result<Vec<Link>, AuthError> {
        Ok(self.auth.store.user(user).read(links::list)?)
    }

    /// Removes one of a user's linked sign-ins; the user's other sessions end. Every user has a password,
    /// so nobody is locked out by it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn unlink(&self, who: &Identity, id: Uuid) -> Result<(), AuthError> {
        let (now, user, keep) = (self.auth.now(), who.user_id, who.session());
        let removed = self.auth.store.write(move |tx| {
            if !links::unlink(tx, user, id, Some(user), now)? {
                return Err(AuthError::NotFound("linked sign-in"));
            }
            session::revoke_others(&mut tx.user(user), keep)?;
            Ok(())
        });
        removed.await
    }

    fn enabled(&self, id: Uuid) -> Result<Option<Provider>, AuthError> {
        Ok(self.auth.store.read(|view| provider::find(view, id))?.filter(|p| p.enabled))
    }

    /// Takes a person who comes back in: the state counts once, for what it was made.
    fn back(&self, arrival: &Arrival, meant: impl FnOnce(Purpose) -> bool) -> Result<Away, AuthError> {
        let now = self.auth.now();
        let away = self.away.take(arrival.state.expose_secret(), arrival.browser.expose_secret(), now).ok_or(AuthError::SignInUnknown)?;
        // What an administrator changed meanwhile holds already.
        let same =
            self.enabled(away.provider.id)?.is_some_and(|p| p.issuer == away.provider.issuer && p.client_id == away.provider.client_id);
        if !meant(away.purpose) || !same {
            return Err(AuthError::SignInUnknown);
        }
        Ok(away)
    }

    /// Exchanges the code and says of whom the ID token speaks.
    async fn subject(&self, away: &Away, arrival: &Arrival) -> Result<Subject, AuthError> {
        let provider = &away.provider;
        let refused = |why: &'static str| {
            tracing::warn!(provider = %provider.name, why, "a provider's answer was refused");
            AuthError::ProviderRefused(why)
        };
        match &arrival.issuer {
            Some(issuer) if *issuer != provider.issuer => return Err(refused("it comes from another provider")),
            None if away.endpoints.names_issuer => return Err(refused("it does not say from which provider it comes")),
            _ => {}
        }
        let token = self.exchange(away, &arrival.code).await?;
        // Read anew each time: keys change, and nobody signs in a thousand times a minute.
        let keys = discovery::keys(&*self.web, &away.endpoints, provider.reach()).await.map_err(|why| trouble(provider, &why))?;
        let expected = Expected { issuer: &provider.issuer, client_id: &provider.client_id, nonce: &away.nonce, now: self.auth.now() };
        id_token::verify(token.expose_secret(), &keys, expected).map_err(refused)
    }

    /// Exchanges the code for an ID token.
    async fn exchange(&self, away: &Away, code: &SecretString) -> Result<SecretString, AuthError> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: SecretString,
        }
        let provider = &away.provider;
        let mut form: Vec<(&'static str, SecretString)> = vec![
            ("grant_type", "authorization_code".into()),
            ("code", code.clone()),
            ("redirect_uri", away.redirect_uri.as_str().into()),
            ("code_verifier", away.verifier.clone()),
        ];
        let mut proof = ClientProof::None;
        match self.client_secret(provider.id)? {
            Some(secret) if !away.endpoints.secret_in_form => proof = ClientProof::Basic { id: provider.client_id.clone(), secret },
            secret => {
                form.push(("client_id", provider.client_id.as_str().into()));
                form.extend(secret.map(|secret| ("client_secret", secret)));
            }
        }
        let answer = self.web.post_form(away.endpoints.token.as_str(), form, proof, provider.reach()).await;
        if let Ok(answer) = &answer
            && matches!(answer.status, 400 | 401)
        {
            tracing::warn!(provider = %provider.name, status = answer.status, "a provider refused a code");
            return Err(AuthError::ProviderRefused("it does not accept the code, or not this server's client id and secret"));
        }
        let body = discovery::body(answer).map_err(|why| trouble(provider, &why))?;
        let tokens: Tokens = serde_json::from_slice(&body).map_err(|_| trouble(provider, "its answer to the code holds no ID token"))?;
        Ok(tokens.id_token)
    }

    /// Where a provider is asked for what, as it said within the last minutes.
    async fn endpoints(&self, provider: &Provider, now: Timestamp) -> Result<Endpoints, AuthError> {
        let key = (provider.issuer.clone(), provider.lan);
        let known = self.discovered().get(&key).filter(|(_, at)| now.duration_since(*at) < DISCOVERED_LASTS).cloned();
        if let Some((endpoints, _)) = known {
            return Ok(endpoints);
        }
        let found = discovery::discover(&*self.web, &provider.issuer, provider.reach()).await;
        let endpoints = found.map_err(|why| trouble(provider, &why))?;
        self.discovered().insert(key, (endpoints.clone(), now));
        Ok(endpoints)
    }

    fn forget_discovered(&self) {
        self.discovered().clear();
    }

    fn discovered(&self) -> std::sync::MutexGuard<'_, HashMap<(String, bool), (Endpoints, Timestamp)>> {
        self.discovered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn trouble(provider: &Provider, why: &str) -> AuthError {
    tracing::warn!(provider = %provider.name, why, "a sign-in provider gives no usable answer");
    AuthError::ProviderTrouble
}

/// The page of our own to which the callback leads, with what the provider said.
pub fn landing(public_url: &str, said: &[(&str, &str)]) -> Option<String> {
    let mut query = Url::parse("http://query.invalid").ok()?;
    query.query_pairs_mut().extend_pairs(said);
    Some(format!("{public_url}/#/signed-in?{}", query.query().unwrap_or_default()))
}
