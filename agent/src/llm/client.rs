//! One question over HTTP: no redirects, a time limit over the whole exchange, a bounded answer, errors without a secret.

use super::{
    endpoint::{Endpoint, Forbidden},
    language,
    prompt::Prompt,
    reply::{self, Guess},
    request::{self, Form},
    trouble::Trouble,
};
use crate::alert::post;
use reqwest::{Client, RequestBuilder, StatusCode, header, redirect::Policy};
use serde_json::Value;
use std::{error::Error, time::Duration};

/// The whole exchange may take this long.
pub const TIMEOUT: Duration = Duration::from_secs(20);
/// So much of an answer is read: a hundred times what was asked for.
const MAX_ANSWER: usize = 256 * 1024;

/// A client for one endpoint, with a connection of its own.
#[derive(Clone, Debug)]
pub struct Caller {
    http: Client,
    timeout: Duration,
    /// Whose name its resolver watches over.
    place: String,
}

/// What an endpoint says of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It lists it.
    Yes,
    /// It lists others.
    NotListed,
    /// It has no list.
    NoList,
}

impl Caller {
    /// For the endpoint's name and scheme; the address and key of the moment come with each call.
    ///
    /// # Errors
    /// [`Trouble::Unreachable`] if TLS cannot be set up.
    pub fn new(endpoint: &Endpoint, timeout: Duration) -> Result<Self, Trouble> {
        let mut builder = Client::builder()
            .user_agent(concat!("podmender/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .dns_resolver(endpoint.resolver())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(30));
        if endpoint.url.scheme() != "https" {
            // Reading the CA bundle costs memory that plain HTTP does not need.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(failed)?;
        Ok(Self {
            http,
            timeout,
            place: place(endpoint),
        })
    }

    /// Whether it may call this endpoint: the address behind a `${NAME}` may have become another one.
    #[must_use]
    pub fn is_for(&self, endpoint: &Endpoint) -> bool {
        self.place == place(endpoint)
    }

    /// Asks, and once more if that may help: an endpoint that does not understand the full form is asked in the plain one,
    /// one that fails or is busy after a moment.
    ///
    /// `form` is the one to begin with; the one that worked is returned with the reply. `may`: whether one more call may be
    /// made, polled only if one is wanted.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn ask(
        &self,
        endpoint: &Endpoint,
        model: &str,
        prompt: &Prompt,
        form: Form,
        may: impl Future<Output = bool>,
    ) -> (Form, Result<Guess, Trouble>) {
        let first = self.once(endpoint, model, prompt, form).await;
        let Err(trouble) = first else {
            return (form, first);
        };
        let Some(wait) = trouble.retry_after() else {
            return (form, Err(trouble));
        };
        let again = match trouble {
            Trouble::NotUnderstood(_) if form == Form::Plain => return (form, Err(trouble)),
            Trouble::NotUnderstood(_) => Form::Plain,
            _ => form,
        };
        tokio::time::sleep(wait).await;
        if !may.await {
            return (form, Err(trouble));
        }
        let second = self.once(endpoint, model, prompt, again).await;
        let kept = if second.is_ok() { again } else { form };
        (kept, second)
    }

    async fn once(
        &self,
        endpoint: &Endpoint,
        model: &str,
        prompt: &Prompt,
        form: Form,
    ) -> Result<Guess, Trouble> {
        let body = request::body(model, prompt, form);
        let exchange = self.exchange(endpoint, body);
        // The HTTP client's own limit covers the same; this one covers looking the name up, too.
        let answer = tokio::time::timeout(self.timeout, exchange).await;
        let answer = answer.unwrap_or(Err(Trouble::Timeout))?;
        let guess = reply::read(&answer, &prompt.shown)?;
        let texts = [guess.cause.as_str(), guess.next.as_str()];
        match language::is_another(&prompt.language, &texts) {
            true => Err(Trouble::OtherLanguage),
            false => Ok(guess),
        }
    }

    /// Asks whether the endpoint has a model: a question that costs nothing and tells nothing. For `podmender doctor`.
    ///
    /// # Errors
    /// See [`Trouble`]: it is not there, or does not accept the key.
    pub async fn knows(&self, endpoint: &Endpoint, model: &str) -> Result<Known, Trouble> {
        let request = self.http.get(endpoint.models());
        let answer = tokio::time::timeout(self.timeout, read(request, endpoint)).await;
        let body = match answer.unwrap_or(Err(Trouble::Timeout)) {
            Err(Trouble::UnknownModel | Trouble::NotUnderstood(_) | Trouble::TooLong) => {
                return Ok(Known::NoList);
            }
            body => body?,
        };
        let Ok(list) = serde_json::from_slice::<Value>(&body) else {
            return Ok(Known::NoList);
        };
        let listed = list.get("data").and_then(Value::as_array);
        let is_it = |one: &Value| one.get("id").and_then(Value::as_str) == Some(model);
        Ok(match listed {
            None => Known::NoList,
            Some(all) if all.iter().any(is_it) => Known::Yes,
            Some(_) => Known::NotListed,
        })
    }

    async fn exchange(&self, endpoint: &Endpoint, body: Vec<u8>) -> Result<Vec<u8>, Trouble> {
        let request = self.http.post(endpoint.url.clone());
        let request = request.header(header::CONTENT_TYPE, "application/json");
        read(request.body(body), endpoint).await
    }
}

/// Sends, with the key of the moment, and reads so much of the answer.
async fn read(request: RequestBuilder, endpoint: &Endpoint) -> Result<Vec<u8>, Trouble> {
    let mut request = request.header(header::ACCEPT, "application/json");
    if let Some(key) = &endpoint.key {
        request = request.bearer_auth(key.expose());
    }
    let mut answer = request.send().await.map_err(failed)?;
    judge(answer.status(), answer.headers())?;
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if text.len() + chunk.len() > MAX_ANSWER {
            return Err(Trouble::TooLong);
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// Scheme, host and port.
fn place(endpoint: &Endpoint) -> String {
    endpoint.url.origin().ascii_serialization()
}

/// What a status means. The body of an error is not read: it may repeat the key.
fn judge(status: StatusCode, headers: &header::HeaderMap) -> Result<(), Trouble> {
    Err(match status {
        s if s.is_success() => return Ok(()),
        s if s.is_redirection() => Trouble::Redirected,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Trouble::Unauthorized,
        StatusCode::NOT_FOUND => Trouble::UnknownModel,
        StatusCode::TOO_MANY_REQUESTS => Trouble::RateLimited(post::retry_after(headers)),
        s if s.is_server_error() => Trouble::Failing(s.as_u16()),
        s => Trouble::NotUnderstood(s.as_u16()),
    })
}

fn failed(error: reqwest::Error) -> Trouble {
    if error.is_timeout() {
        return Trouble::Timeout;
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(e) = cause {
        if let Some(Forbidden(why)) = e.downcast_ref() {
            return Trouble::Misconfigured((*why).to_owned());
        }
        cause = e.source();
    }
    Trouble::Unreachable(post::why(error))
}
