//! `${NAME}` and literals become addresses; the address itself never appears in an error, a log or a condition.

use crate::alert::{
    channel::{Channel, Source},
    pagerduty,
};
use podmender_policy::bounds::{Name, Text};
use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};
use thiserror::Error;

/// Longer files are no addresses.
const MAX_LEN: u64 = 4096;

/// Why a channel has no usable address. The text is for a policy's condition: it says what to fix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// The name could leave the folder.
    #[error("`${{{0}}}` is no name of a Secret key: use letters, digits, `_`, `-` and `.`")]
    BadName(Name),
    /// No such file.
    #[error(
        "`${{{0}}}` is not mounted: put the key {0} into the Secret that the chart's `existingSecret` names"
    )]
    Missing(Name),
    /// The file is there, and cannot be read.
    #[error("`${{{0}}}` cannot be read: {1}")]
    Unreadable(Name, String),
    /// Empty.
    #[error("{0} is empty: expected an address such as https://hooks.example.org/…")]
    Empty(String),
    /// The secret for signing, or the token, is empty.
    #[error(
        "`${{{0}}}` is empty: put the secret that the receiver knows under that key of the Secret"
    )]
    EmptySecret(Name),
    /// Not an address.
    #[error("{0} is not an address: expected https://HOST/PATH, with nothing around it")]
    Malformed(String),
}

/// The folder in which Secrets are mounted.
#[derive(Clone, Debug)]
pub struct Secrets {
    dir: PathBuf,
}

impl Secrets {
    /// Reads from `dir`, at each use: the kubelet replaces the files when the Secret changes.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The value, without the line break that `echo` and editors put at its end.
    ///
    /// # Errors
    /// If the file is missing, unreadable or too long, or the name is none.
    pub fn read(&self, source: &Source) -> Result<String, AddressError> {
        let name = match source {
            Source::Literal(value) => return Ok(value.as_str().trim().to_owned()),
            Source::Named(name) => name,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.as_str().starts_with('.') || !name.as_str().chars().all(plain) {
            return Err(AddressError::BadName(name.clone()));
        }
        let mut value = String::new();
        File::open(self.dir.join(name.as_str()))
            .and_then(|file| file.take(MAX_LEN).read_to_string(&mut value))
            .map_err(|e| match e.kind() {
                io::ErrorKind::NotFound => AddressError::Missing(name.clone()),
                kind => AddressError::Unreadable(name.clone(), kind.to_string()),
            })?;
        Ok(value.trim().to_owned())
    }

    /// The address that `source` means.
    ///
    /// # Errors
    /// See [`AddressError`]; none of them holds the address.
    pub fn address(&self, source: &Source) -> Result<reqwest::Url, AddressError> {
        let value = self.read(source)?;
        let what = match source {
            Source::Literal(_) => "the address in the policy".to_owned(),
            Source::Named(name) => format!("the value of `${{{name}}}`"),
        };
        if value.is_empty() {
            return Err(AddressError::Empty(what));
        }
        match reqwest::Url::parse(&value) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
            _ => Err(AddressError::Malformed(what)),
        }
    }
}

/// Where a message is posted to, and by which secret it is signed, if by any. Never printed.
pub(crate) struct Target {
    pub(crate) url: reqwest::Url,
    pub(crate) signing: Option<String>,
}

/// How a channel is reached.
pub(crate) enum Way {
    /// By one HTTP POST.
    Post(Target),
    /// By one HTTP POST with a key in its body.
    Keyed(Target, String),
    /// By a Slack app, whose client reads the token at each use.
    App { channel: Text<80>, token: Source },
}

impl Secrets {
    /// Everything that a message to `channel` needs, as it stands in the Secret now.
    ///
    /// # Errors
    /// See [`AddressError`]; none of them holds a value.
    pub(crate) fn way(&self, channel: &Channel) -> Result<Way, AddressError> {
        let (url, signing) = match channel {
            Channel::SlackApp { channel, token } => {
                self.secret(token)?;
                return Ok(Way::App {
                    channel: channel.clone(),
                    token: token.clone(),
                });
            }
            Channel::Webhook {
                url,
                signing: Some(signing),
            } => (url, Some(signing)),
            Channel::PagerDuty { key, url } => {
                let usual = Source::Literal(Text::new(pagerduty::ADDRESS));
                let url = self.address(url.as_ref().unwrap_or(&usual))?;
                let target = Target { url, signing: None };
                return Ok(Way::Keyed(target, self.secret(key)?));
            }
            Channel::Alertmanager { url } => {
                let mut url = self.address(url)?;
                let path = format!("{}/api/v2/alerts", url.path().trim_end_matches('/'));
                url.set_path(&path);
                return Ok(Way::Post(Target { url, signing: None }));
            }
            Channel::SlackWebhook { url }
            | Channel::Teams { url }
            | Channel::Discord { url }
            | Channel::Webhook { url, signing: None } => (url, None),
        };
        Ok(Way::Post(Target {
            url: self.address(url)?,
            signing: signing.map(|source| self.secret(source)).transpose()?,
        }))
    }

    /// A secret that is not empty.
    fn secret(&self, source: &Source) -> Result<String, AddressError> {
        match (self.read(source)?, source) {
            (secret, Source::Named(name)) if secret.is_empty() => {
                Err(AddressError::EmptySecret(name.clone()))
            }
            (secret, _) => Ok(secret),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(test: &str, files: &[(&str, &str)]) -> Secrets {
        let dir = std::env::temp_dir().join(format!("podmender-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        for (name, value) in files {
            std::fs::write(dir.join(name), value).expect("file");
        }
        Secrets::new(dir)
    }

    fn named(name: &str) -> Source {
        Source::Named(Name::new(name))
    }

    #[test]
    fn a_name_means_a_file_without_its_line_break() {
        let secrets = dir("read", &[("HOOK", "https://h.example/x\n")]);
        let url = secrets.address(&named("HOOK")).expect("address");
        assert_eq!(url.as_str(), "https://h.example/x");
        std::fs::write(secrets.dir.join("HOOK"), "http://h.example/y").expect("changed");
        let url = secrets.address(&named("HOOK")).expect("address");
        assert_eq!(url.as_str(), "http://h.example/y");
    }

    #[test]
    fn errors_say_what_to_fix_and_never_the_value() {
        let secrets = dir(
            "bad",
            &[
                ("BAD", "hooks.slack.com/s3cret"),
                ("NONE", "\n"),
                ("MAIL", "mailto:s3cret"),
            ],
        );
        for (name, says) in [
            ("BAD", "is not an address"),
            ("MAIL", "is not an address"),
            ("NONE", "is empty"),
            ("ABSENT", "is not mounted"),
            ("../etc/passwd", "is no name"),
            ("..", "is no name"),
            ("", "is no name"),
        ] {
            let e = secrets.address(&named(name)).expect_err(name).to_string();
            assert!(e.contains(says), "{name}: {e}");
            assert!(!e.contains("s3cret"), "{e}");
        }
    }
}
