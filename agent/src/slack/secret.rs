//! Tokens and the signing secret: files that the kubelet replaces when the Secret changes, so they are read at each use.

use crate::alert::{Secrets, address::AddressError, channel::Source};
use podmender_policy::bounds::Name;
use std::fmt;

/// The file with the bot token (`xoxb-…`).
pub const BOT_TOKEN: &str = "SLACK_BOT_TOKEN";
/// The file with the app-level token (`xapp-…`), which opens sockets.
pub const APP_TOKEN: &str = "SLACK_APP_TOKEN";
/// The file with the signing secret, which proves HTTP requests.
pub const SIGNING_SECRET: &str = "SLACK_SIGNING_SECRET";

/// Where a secret stands. Holds no value, so it may be cloned and printed.
#[derive(Clone, Debug)]
pub struct Secret {
    folder: Secrets,
    source: Source,
}

/// A secret's value for one use. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Value(String);

impl Secret {
    /// What a policy's `token: ${NAME}` means.
    #[must_use]
    pub fn new(folder: Secrets, source: Source) -> Self {
        Self { folder, source }
    }

    /// The file `name` in the folder of secrets.
    #[must_use]
    pub fn named(folder: Secrets, name: &str) -> Self {
        Self::new(folder, Source::Named(Name::new(name)))
    }

    /// The value as it is now, never empty.
    ///
    /// # Errors
    /// If the file is missing, unreadable, too long or empty: the text says what to put where.
    pub fn read(&self) -> Result<Value, AddressError> {
        let value = self.folder.read(&self.source)?;
        if value.is_empty() {
            return Err(AddressError::Empty(match &self.source {
                Source::Literal(_) => "the token in the policy".to_owned(),
                Source::Named(name) => format!("the value of `${{{name}}}`"),
            }));
        }
        Ok(Value(value))
    }
}

impl Value {
    /// The value itself: for the request that needs it, and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl From<&str> for Value {
    fn from(raw: &str) -> Self {
        Self(raw.to_owned())
    }
}
