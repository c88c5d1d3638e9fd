//! Why there is no summary: a closed list, in words for a policy's condition and in one word for the metric.

use super::reply::Unfit;
use crate::metrics::SummaryResult;
use std::time::Duration;
use thiserror::Error;

/// What went wrong. No text holds the address, the key, or anything that the endpoint wrote.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Trouble {
    /// The address or the key is missing, malformed or not allowed: nothing was sent.
    #[error("{0}")]
    Misconfigured(String),
    /// 401, 403.
    #[error(
        "the endpoint does not accept the key: put a valid one into the Secret under the name that apiKey gives"
    )]
    Unauthorized,
    /// 404.
    #[error(
        "the endpoint knows no such model, or it is not at this address: check model and baseUrl"
    )]
    UnknownModel,
    /// 429.
    #[error("the endpoint asks for patience (429)")]
    RateLimited(Option<Duration>),
    /// No whole answer in time.
    #[error("no answer within {} s", super::client::TIMEOUT.as_secs())]
    Timeout,
    /// No connection, no DNS, no trusted certificate.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// 5xx.
    #[error("the endpoint answers {0}")]
    Failing(u16),
    /// 3xx: redirects are not followed.
    #[error(
        "the endpoint redirects elsewhere, and redirects are not followed: write the final baseUrl"
    )]
    Redirected,
    /// Any other status: it does not take a request of this form.
    #[error("the endpoint does not understand the request ({0})")]
    NotUnderstood(u16),
    /// The reply is much longer than asked for.
    #[error("its reply is too long")]
    TooLong,
    /// The reply is none.
    #[error("its reply cannot be read")]
    Unparsable,
    /// The model would not, or wrote what must not be shown.
    #[error("its reply cannot be shown")]
    Refused,
    /// The reply is surely not in the language that was asked for.
    #[error(
        "its reply is in another language than summary.language asks for: name a model that writes it"
    )]
    OtherLanguage,
    /// The day's calls are used up.
    #[error("today's calls are used up (perDay)")]
    OverBudget,
    /// The ledger does not take the call: what cannot be paid for is not asked.
    #[error("the call could not be written into the ledger, so it was not made")]
    Unwritten,
}

impl Trouble {
    /// The metric's label.
    #[must_use]
    pub fn result(&self) -> SummaryResult {
        match self {
            Self::Misconfigured(_) => SummaryResult::misconfigured,
            Self::Unauthorized => SummaryResult::unauthorized,
            Self::UnknownModel => SummaryResult::unknown_model,
            Self::RateLimited(_) => SummaryResult::rate_limited,
            Self::Timeout => SummaryResult::timeout,
            Self::Unreachable(_) => SummaryResult::unreachable,
            Self::Failing(_) => SummaryResult::failing,
            Self::Redirected => SummaryResult::redirected,
            Self::NotUnderstood(_) => SummaryResult::not_understood,
            Self::TooLong => SummaryResult::too_long,
            Self::Unparsable => SummaryResult::unparsable,
            Self::Refused => SummaryResult::refused,
            Self::OtherLanguage => SummaryResult::other_language,
            Self::OverBudget => SummaryResult::over_budget,
            Self::Unwritten => SummaryResult::unwritten,
        }
    }

    /// How long to wait before the one retry; `None`: a second try would be no better.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        /// Longer than this is for the breaker.
        const LONGEST: Duration = Duration::from_secs(5);
        match self {
            Self::RateLimited(wait) => Some(wait.unwrap_or(LONGEST)).filter(|w| *w <= LONGEST),
            Self::Unreachable(_) | Self::Failing(_) => Some(Duration::from_secs(1)),
            Self::NotUnderstood(_) => Some(Duration::ZERO), // in a plainer form
            _ => None,
        }
    }

    /// Whether it is the endpoint that fails, not one reply: then it is left alone for a while.
    #[must_use]
    pub fn is_the_endpoints(&self) -> bool {
        !matches!(
            self,
            Self::TooLong
                | Self::Unparsable
                | Self::Refused
                | Self::OtherLanguage
                | Self::OverBudget
                | Self::Unwritten
        )
    }
}

impl From<Unfit> for Trouble {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::TooLong => Self::TooLong,
            Unfit::Unparsable => Self::Unparsable,
            Unfit::Refused => Self::Refused,
        }
    }
}
