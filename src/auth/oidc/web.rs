//! What signing in through a provider needs of the outside.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::domain::reach::Reach;

/// How a client names itself to the token endpoint.
#[derive(Clone, Debug)]
pub enum ClientProof {
    /// The identifier alone.
    None,
    /// Identifier and secret in the header `Authorization`.
    Basic { id: String, secret: SecretString },
}

/// An answer of a provider, whatever its status.
#[derive(Clone, Debug)]
pub struct WebAnswer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// HTTP to providers: no redirects are followed, and nobody outside of `reach` is connected to. An error
/// is a sentence without secrets.
#[async_trait]
pub trait Web: Send + Sync {
    async fn get(&self, url: &str, reach: Reach) -> Result<WebAnswer, String>;
    async fn post_form(
        &self,
        url: &str,
        form: Vec<(&'static str, SecretString)>,
        proof: ClientProof,
        reach: Reach,
    ) -> Result<WebAnswer, String>;
}
