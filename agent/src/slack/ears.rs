//! Whether what is pressed in Slack comes in, as far as Slack says so: for cards, whose buttons would lead nowhere, and for conditions.

use super::answer::ApiError;
use podmender_policy::bounds::Text;
use std::sync::{Mutex, PoisonError};

/// What the socket knows of itself. A Slack that is slow or away is no reason: its cards cannot be read either.
#[derive(Debug, Default)]
pub struct Ears(Mutex<Option<Text<256>>>);

impl Ears {
    /// A socket is open.
    pub fn open(&self) {
        self.keep(None);
    }

    /// No socket can be opened. Counts only if a person has to mend it.
    pub fn refused(&self, why: &ApiError) {
        let lasts = match why {
            ApiError::Revoked(_) | ApiError::Refused(_) | ApiError::NoToken(_) => true,
            ApiError::RateLimited(_)
            | ApiError::Unfit(_)
            | ApiError::ChannelGone(_)
            | ApiError::MessageGone
            | ApiError::Unreachable(_) => false,
        };
        if lasts {
            let said =
                format!("nothing that is pressed in Slack comes in (SLACK_APP_TOKEN): {why}");
            self.keep(Some(Text::new(&said)));
        }
    }

    /// Why nothing comes in, in a sentence that says what to fix.
    #[must_use]
    pub fn trouble(&self) -> Option<Text<256>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn keep(&self, trouble: Option<Text<256>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}
