//! A sentence for people together with its code and values, so that a page can say it in the reader's language.

use std::collections::BTreeMap;

use serde::Serialize;

/// An English sentence, and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema, thiserror::Error)]
#[error("{text}")]
pub struct Remark {
    /// Stable name of the sentence.
    pub code: &'static str,
    /// What the sentence quotes, by name.
    pub values: BTreeMap<&'static str, String>,
    pub text: String,
}

impl Remark {
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, values: BTreeMap::new(), text: text.into() }
    }

    /// Adds a value that the sentence quotes.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.insert(name, value.to_string());
        self
    }
}
