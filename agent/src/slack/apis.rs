//! One client for each bot token: cards, private answers and questions about people share its connection and its limits.

use super::{
    api::Api,
    secret::{BOT_TOKEN, Secret},
};
use crate::alert::{Secrets, channel::Source};
use podmender_policy::bounds::Name;
use reqwest::Url;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// The clients, each made when its token is first named.
#[derive(Debug)]
pub struct Apis {
    base: Url,
    folder: Secrets,
    known: Mutex<BTreeMap<Source, Api>>,
}

impl Apis {
    /// `base` is `https://slack.com/api/` outside tests; tokens are files in `folder`.
    #[must_use]
    pub fn new(base: Url, folder: Secrets) -> Self {
        Self {
            base,
            folder,
            known: Mutex::default(),
        }
    }

    /// The client for a policy's `token`.
    #[must_use]
    pub fn of(&self, token: &Source) -> Api {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let secret = Secret::new(self.folder.clone(), token.clone());
            Api::new(self.base.clone(), secret)
        };
        known.entry(token.clone()).or_insert_with(make).clone()
    }

    /// The client of the app whose buttons and commands come in: its token is the file `SLACK_BOT_TOKEN`.
    #[must_use]
    pub fn app(&self) -> Api {
        self.of(&Source::Named(Name::new(BOT_TOKEN)))
    }

    /// A secret of the app beside its bot token, by the name of its file.
    #[must_use]
    pub fn secret(&self, name: &str) -> Secret {
        Secret::named(self.folder.clone(), name)
    }
}
