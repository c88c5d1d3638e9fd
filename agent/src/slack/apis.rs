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
    time::Duration,
};
use tokio::time::Instant;

/// The clients, each made when its token is first named.
#[derive(Debug)]
pub struct Apis {
    base: Url,
    folder: Secrets,
    interactions: Interactions,
    ears: Arc<Ears>,
    known: Mutex<BTreeMap<Source, Api>>,
    /// Whether presses come in from cards that are posted with a token, as the Secret stood then.
    heard: Mutex<BTreeMap<Source, (Instant, Answers)>>,
}

/// An answer from the files counts for so long: the kubelet takes longer to replace them, and every pass asks.
const FRESH: Duration = Duration::from_secs(1);

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
            heard: Mutex::default(),
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

    /// How readers of a card that is posted with `token` can answer, as the Secret stands now (or stood a second ago): by buttons
    /// only if presses come in, and from the app that posts it.
    #[must_use]
    pub fn answers(&self, token: &Source) -> Answers {
        // That Slack refuses the token counts at once.
        if self.interactions == Interactions::Off || self.ears.trouble().is_some() {
            return Answers::ByCommand;
        }
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match heard.get(token) {
            Some((at, answers)) if at.elapsed() < FRESH => *answers,
            _ => {
                let answers = self.look(token);
                match answers {
                    Answers::ByButton => heard.insert(token.clone(), (Instant::now(), answers)),
                    // What was missing counts as soon as it is there.
                    Answers::ByCommand => heard.remove(token),
                };
                answers
            }
        }
    }

    /// The secret by which presses come in, by the name of its file.
    fn hears_by(&self) -> Option<&'static str> {
        match self.interactions {
            Interactions::Off => None,
            Interactions::Socket => Some(APP_TOKEN),
            Interactions::Http => Some(SIGNING_SECRET),
        }
    }

    /// What the files say now.
    fn look(&self, token: &Source) -> Answers {
        let Some(by) = self.hears_by() else {
            return Answers::ByCommand;
        };
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

    /// Why nothing that is pressed comes in, if a person has to mend it: Slack refuses what is in the Secret, or it is not there.
    #[must_use]
    pub fn trouble(&self) -> Option<Text<256>> {
        let refused = self.ears.trouble();
        refused.or_else(|| {
            let by = self.hears_by()?;
            let why = self.secret(by).read().err()?;
            let said = format!("nothing that is pressed in Slack comes in ({by}): {why}");
            Some(Text::new(&said))
        })
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

    /// Every pass asks; the files are read once in a second.
    #[tokio::test(start_paused = true)]
    async fn what_the_files_say_is_read_once_in_a_second() {
        let dir = std::env::temp_dir().join(format!("podmender-heard-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        let put = |name: &str, value: &str| std::fs::write(dir.join(name), value).expect("secret");
        put(BOT_TOKEN, "xoxb-1");
        put(APP_TOKEN, "xapp-1");
        let base = "https://slack.com/api/".parse().expect("address");
        let apis = Apis::new(base, Secrets::new(dir.clone())).heard_by(Interactions::Socket);
        let app = Source::Named(Name::new(BOT_TOKEN));
        assert_eq!(apis.answers(&app), Answers::ByButton);
        put(APP_TOKEN, "");
        tokio::time::advance(FRESH / 2).await;
        assert_eq!(apis.answers(&app), Answers::ByButton);
        tokio::time::advance(FRESH).await;
        assert_eq!(apis.answers(&app), Answers::ByCommand);
    }

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
        assert_eq!(socket.look(&app), Answers::ByCommand);
        for (apis, name) in [(&socket, APP_TOKEN), (&http, SIGNING_SECRET)] {
            let trouble = apis.trouble().expect("something is missing").to_string();
            assert!(trouble.contains(&format!("comes in ({name})")), "{trouble}");
        }
        assert_eq!(apis(Interactions::Off).trouble(), None, "nobody expects it");
        put(APP_TOKEN, "xapp-1\n");
        assert_eq!(socket.trouble(), None);
        assert_eq!(socket.look(&app), Answers::ByButton);
        assert_eq!(http.look(&app), Answers::ByCommand);
        put(SIGNING_SECRET, "s");
        assert_eq!(http.look(&app), Answers::ByButton);
        assert_eq!(apis(Interactions::Off).look(&app), Answers::ByCommand);
        // What is pressed on another app's card does not come in here.
        assert_eq!(socket.look(&other), Answers::ByCommand);
        put("OTHER_TOKEN", "xoxb-1");
        assert_eq!(socket.look(&other), Answers::ByButton);
        let revoked = ApiError::Revoked("invalid_auth".into());
        socket.ears().refused(&revoked);
        assert_eq!(socket.answers(&app), Answers::ByCommand, "at once");
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
        assert_eq!(socket.look(&app), Answers::ByButton);
        put(APP_TOKEN, "\n");
        assert_eq!(socket.look(&app), Answers::ByCommand);
    }
}
