//! One client for each bot token: cards, private answers and questions about people share its connection and its limits.

use super::{
    api::Api,
    ears::Ears,
    secret::{APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, Secret},
};
use crate::{
    alert::{Secrets, channel::Source, notice::Answers},
    args::Interactions,
};
use podmender_policy::bounds::{Name, Text};
use reqwest::Url;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The clients, each made when its token is first named.
#[derive(Debug)]
pub struct Apis {
    base: Url,
    folder: Secrets,
    interactions: Interactions,
    ears: Arc<Ears>,
    known: Mutex<BTreeMap<Source, Api>>,
}

impl Apis {
    /// `base` is `https://slack.com/api/` outside tests; tokens are files in `folder`. What is pressed in Slack leads nowhere yet.
    #[must_use]
    pub fn new(base: Url, folder: Secrets) -> Self {
        Self {
            base,
            folder,
            interactions: Interactions::Off,
            ears: Arc::default(),
            known: Mutex::default(),
        }
    }

    /// With what is pressed in Slack coming in by that way.
    #[must_use]
    pub fn heard_by(self, interactions: Interactions) -> Self {
        Self {
            interactions,
            ..self
        }
    }

    /// How readers of a card that is posted with `token` can answer, as the Secret stands now: by buttons only if presses come in,
    /// and from the app that posts it.
    #[must_use]
    pub fn answers(&self, token: &Source) -> Answers {
        let by = match self.interactions {
            Interactions::Off => return Answers::ByCommand,
            Interactions::Socket => APP_TOKEN,
            Interactions::Http => SIGNING_SECRET,
        };
        if self.trouble().is_some() {
            return Answers::ByCommand;
        }
        let posts = Secret::new(self.folder.clone(), token.clone()).read();
        let answers = self.secret(BOT_TOKEN).read();
        let same_app = posts.is_ok() && posts == answers;
        match same_app && self.secret(by).read().is_ok() {
            true => Answers::ByButton,
            false => Answers::ByCommand,
        }
    }

    /// What the socket says of itself.
    #[must_use]
    pub fn ears(&self) -> Arc<Ears> {
        Arc::clone(&self.ears)
    }

    /// Why nothing that is pressed comes in, if a person has to mend it.
    #[must_use]
    pub fn trouble(&self) -> Option<Text<256>> {
        self.ears.trouble()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slack::answer::ApiError;

    /// An app that nobody listens to has no buttons; one whose token was put in later has them from then on.
    #[test]
    fn there_are_buttons_where_presses_come_in_and_only_there() {
        let dir = std::env::temp_dir().join(format!("podmender-apis-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        let put = |name: &str, value: &str| std::fs::write(dir.join(name), value).expect("secret");
        let apis = |how| {
            let base = "https://slack.com/api/".parse().expect("address");
            Apis::new(base, Secrets::new(dir.clone())).heard_by(how)
        };
        let named = |name: &str| Source::Named(Name::new(name));
        let (app, other) = (named(BOT_TOKEN), named("OTHER_TOKEN"));
        let (socket, http) = (apis(Interactions::Socket), apis(Interactions::Http));
        for name in [APP_TOKEN, SIGNING_SECRET] {
            let _ = std::fs::remove_file(dir.join(name));
        }
        put(BOT_TOKEN, "xoxb-1");
        put("OTHER_TOKEN", "xoxb-2");
        assert_eq!(socket.answers(&app), Answers::ByCommand);
        put(APP_TOKEN, "xapp-1\n");
        assert_eq!(socket.answers(&app), Answers::ByButton);
        assert_eq!(http.answers(&app), Answers::ByCommand);
        put(SIGNING_SECRET, "s");
        assert_eq!(http.answers(&app), Answers::ByButton);
        assert_eq!(apis(Interactions::Off).answers(&app), Answers::ByCommand);
        // What is pressed on another app's card does not come in here.
        assert_eq!(socket.answers(&other), Answers::ByCommand);
        put("OTHER_TOKEN", "xoxb-1");
        assert_eq!(socket.answers(&other), Answers::ByButton);
        let revoked = ApiError::Revoked("invalid_auth".into());
        socket.ears().refused(&revoked);
        assert_eq!(socket.answers(&app), Answers::ByCommand);
        let trouble = socket.trouble().expect("a trouble");
        assert!(
            trouble.as_str().ends_with("renew it in the Secret"),
            "{trouble}"
        );
        socket
            .ears()
            .refused(&ApiError::Unreachable("no DNS".to_owned()));
        assert_eq!(socket.trouble(), Some(trouble), "that tells nothing new");
        socket.ears().open();
        assert_eq!(socket.answers(&app), Answers::ByButton);
        put(APP_TOKEN, "\n");
        assert_eq!(socket.answers(&app), Answers::ByCommand);
    }
}
