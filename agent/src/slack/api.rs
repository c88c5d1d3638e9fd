//! Slack's Web API, as far as it is used: each method is one call, nothing is retried here, and errors never hold a secret.
//!
//! Source: <https://docs.slack.dev/reference/methods>. Bot scopes: `chat:write`, `users:read`, `usergroups:read`,
//! `commands`, `app_mentions:read`.

use super::{
    answer::{ApiError, judge},
    private::Private,
    response::ResponseUrl,
    secret::Secret,
};
use crate::alert::post::{self, Failure, Post};
use podmender_policy::bounds::Text;
use reqwest::{RequestBuilder, StatusCode, Url, header};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// An id of a user, team, channel or group, or a message's `ts`.
pub type Id = Text<32>;

/// So much of an answer is read: the members of a big group fit.
const MAX_ANSWER: usize = 1 << 20;
/// A trigger counts for three seconds: what answers a click has no longer.
const PROMPT: Duration = Duration::from_millis(2500);

/// A client of one app. Cheap to clone; the connection is made when it is first needed.
#[derive(Clone, Debug)]
pub struct Api {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    base: Url,
    token: Secret,
    http: Post,
    /// Methods that Slack asked to leave alone, and until when.
    resting: Mutex<HashMap<&'static str, Instant>>,
}

/// A message. Text of the cluster in it must be inert already; links and media are never unfolded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// What a notification shows, and what stands there if there are no blocks.
    pub text: String,
    /// At most 50 blocks.
    pub blocks: Vec<Value>,
    /// The `ts` of the message that this one answers, in its thread.
    pub thread_ts: Option<Id>,
    /// Who sees an answer in a thread.
    pub reach: Reach,
}

/// Who sees an answer in a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Who follows the thread.
    #[default]
    Thread,
    /// Everybody in the channel (`reply_broadcast`).
    Channel,
}

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Posted {
    /// The channel's id (also where a name was given).
    pub channel: Id,
    /// Its id in the channel.
    pub ts: Id,
}

/// Who the token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The workspace.
    pub team: Id,
    /// The organisation, if the workspace belongs to one.
    pub enterprise: Option<Id>,
    /// The app's own user.
    pub bot_user: Id,
    /// What the token may do, as Slack says in a header; empty if it does not say.
    pub scopes: Vec<String>,
}

/// What Slack knows of a user, as far as it matters for the right to answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct User {
    /// The workspace that the user belongs to.
    pub team_id: Id,
    /// The account was closed.
    pub deleted: bool,
    /// An app or an integration.
    pub is_bot: bool,
    /// A guest of several channels.
    pub is_restricted: bool,
    /// A guest of one channel.
    pub is_ultra_restricted: bool,
    /// From another workspace, and in no channel that the app sees.
    pub is_stranger: bool,
    /// Of which organisation (Enterprise Grid), if of any.
    enterprise_user: Option<EnterpriseUser>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct EnterpriseUser {
    enterprise_id: Id,
}

impl User {
    /// The organisation that the account belongs to.
    #[must_use]
    pub fn enterprise(&self) -> Option<&Id> {
        let organisation = self.enterprise_user.as_ref().map(|e| &e.enterprise_id);
        organisation.filter(|id| !id.is_empty())
    }
}

/// Where a socket may be opened, once and soon. It holds a ticket, so it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SocketUrl(Url);

impl SocketUrl {
    /// The address: for the request that needs it, and nothing else.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// Takes `wss`; `ws` only where the Web API itself is plain HTTP (a test's).
    fn parse(raw: &str, base: &Url) -> Option<Self> {
        let url = Url::parse(raw).ok()?;
        let fits = match url.scheme() {
            "wss" => true,
            "ws" => base.scheme() == "http",
            _ => false,
        };
        (fits && url.has_host()).then_some(Self(url))
    }
}

impl fmt::Debug for SocketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(socket)")
    }
}

impl Api {
    /// `base` is `https://slack.com/api/` outside tests.
    #[must_use]
    pub fn new(base: Url, token: Secret) -> Self {
        Self {
            inner: Arc::new(Inner {
                base,
                token,
                http: Post::default(),
                resting: Mutex::default(),
            }),
        }
    }

    /// Posts a message (`chat.postMessage`, 1 a second and channel). `channel` is an id or a name with `#`.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn post(&self, channel: &str, message: &Message) -> Result<Posted, ApiError> {
        let mut body = body_of(channel, message);
        if let Some(thread) = &message.thread_ts {
            body["thread_ts"] = json!(thread);
            body["reply_broadcast"] = json!(message.reach == Reach::Channel);
        }
        read(self.json("chat.postMessage", &body, None).await?)
    }

    /// Replaces a message (`chat.update`, about 50 a minute). `channel` must be the id that [`Api::post`] returned.
    ///
    /// # Errors
    /// [`ApiError::MessageGone`] if a person deleted it; see [`ApiError`].
    pub async fn update(
        &self,
        channel: &str,
        ts: &str,
        message: &Message,
    ) -> Result<Posted, ApiError> {
        let mut body = body_of(channel, message);
        body["ts"] = json!(ts);
        read(self.json("chat.update", &body, None).await?)
    }

    /// Says something that only `user` sees (`chat.postEphemeral`), in the thread if there is one.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn ephemeral(
        &self,
        channel: &str,
        user: &str,
        thread: Option<&str>,
        said: &Private,
    ) -> Result<(), ApiError> {
        let mut body = json!({
            "channel": channel,
            "user": user,
            "text": escaped(&said.words()),
            "blocks": [said.block()],
            "link_names": false,
            "parse": "none",
        });
        if let Some(thread) = thread {
            body["thread_ts"] = json!(thread);
        }
        self.json("chat.postEphemeral", &body, Some(PROMPT))
            .await
            .map(drop)
    }

    /// Answers a command at the address that came with it; only the one who typed it reads it. No token goes there.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn respond(&self, to: &ResponseUrl, said: &Private) -> Result<(), ApiError> {
        let url = to.of(&self.inner.base).ok_or_else(|| {
            ApiError::Unreachable("the address for the answer is not Slack's".to_owned())
        })?;
        let body = json!({
            "response_type": "ephemeral",
            "text": escaped(&said.words()),
            "blocks": [said.block()],
        });
        let client = self.inner.http.client(&url).map_err(unreachable)?;
        let request = client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .timeout(PROMPT)
            .body(body.to_string());
        let sent = request.send().await;
        let answer = sent.map_err(|e| ApiError::Unreachable(post::why(e)))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = post::retry_after(answer.headers());
                Err(ApiError::RateLimited(wait.unwrap_or(PROMPT)))
            }
            status => Err(ApiError::Unreachable(format!(
                "it answers {}",
                status.as_u16()
            ))),
        }
    }

    /// Opens a modal (`views.open`). The trigger counts for 3 s after the click.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn open_view(&self, trigger_id: &str, view: Value) -> Result<(), ApiError> {
        let body = json!({"trigger_id": trigger_id, "view": view});
        self.json("views.open", &body, Some(PROMPT)).await.map(drop)
    }

    /// Who is in a user group (`usergroups.users.list`, about 20 a minute; scope `usergroups:read`).
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn group_members(&self, group: &str) -> Result<Vec<Id>, ApiError> {
        #[derive(Deserialize)]
        struct Members {
            users: Vec<Id>,
        }
        let answer = self
            .query("usergroups.users.list", &[("usergroup", group)])
            .await?;
        read::<Members>(answer).map(|m| m.users)
    }

    /// What kind of user that is (`users.info`; scope `users:read`).
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn user_info(&self, user: &str) -> Result<User, ApiError> {
        #[derive(Deserialize)]
        struct Info {
            user: User,
        }
        let answer = self.query("users.info", &[("user", user)]).await?;
        read::<Info>(answer).map(|i| i.user)
    }

    /// Asks for the address of a socket (`apps.connections.open`). Needs the app-level token, scope `connections:write`.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn connections_open(&self, app_token: &Secret) -> Result<SocketUrl, ApiError> {
        let answer = self
            .call("apps.connections.open", app_token, |client, url| {
                client.post(url)
            })
            .await?
            .0;
        let url = answer.get("url").and_then(Value::as_str);
        url.and_then(|url| SocketUrl::parse(url, &self.inner.base))
            .ok_or_else(|| ApiError::Unreachable("it names no socket that can be trusted".into()))
    }

    /// Who the token belongs to (`auth.test`).
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn auth_test(&self) -> Result<Identity, ApiError> {
        #[derive(Deserialize)]
        struct Me {
            team_id: Id,
            user_id: Id,
            #[serde(default)]
            enterprise_id: Option<Id>,
        }
        let (answer, scopes) = self
            .call("auth.test", &self.inner.token, |client, url| {
                client.post(url)
            })
            .await?;
        let me: Me = read(answer)?;
        Ok(Identity {
            team: me.team_id,
            enterprise: me.enterprise_id.filter(|id| !id.is_empty()),
            bot_user: me.user_id,
            scopes,
        })
    }

    async fn json(
        &self,
        method: &'static str,
        body: &Value,
        limit: Option<Duration>,
    ) -> Result<Value, ApiError> {
        let bytes = body.to_string().into_bytes();
        let call = self.call(method, &self.inner.token, |client, url| {
            let request = client
                .post(url)
                .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
                .body(bytes);
            match limit {
                Some(limit) => request.timeout(limit),
                None => request,
            }
        });
        call.await.map(|(answer, _)| answer)
    }

    async fn query(
        &self,
        method: &'static str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, ApiError> {
        let call = self.call(method, &self.inner.token, |client, mut url| {
            url.query_pairs_mut().extend_pairs(parameters);
            client.get(url)
        });
        call.await.map(|(answer, _)| answer)
    }

    /// One exchange: the answer, and the scopes that Slack's header names.
    async fn call(
        &self,
        method: &'static str,
        token: &Secret,
        request: impl FnOnce(&reqwest::Client, Url) -> RequestBuilder,
    ) -> Result<(Value, Vec<String>), ApiError> {
        self.rested(method)?;
        let token = token.read().map_err(ApiError::NoToken)?;
        let url = self.inner.base.join(method).map_err(|_| {
            ApiError::Unreachable("the address of its API is none (--slack-api-url)".to_owned())
        })?;
        let client = self.inner.http.client(&url).map_err(unreachable)?;
        let sent = request(client, url)
            .bearer_auth(token.expose())
            .send()
            .await;
        let mut answer = sent.map_err(|e| ApiError::Unreachable(post::why(e)))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_ANSWER => {
                    body.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => {
                    return Err(ApiError::Unreachable("its answer is too long".to_owned()));
                }
                Ok(None) => break,
                Err(e) => return Err(ApiError::Unreachable(post::why(e))),
            }
        }
        let judged = judge(status, &headers, &body);
        if let Err(ApiError::RateLimited(wait)) = judged {
            self.resting().insert(method, Instant::now() + wait);
        }
        Ok((judged?, scopes(&headers)))
    }

    /// Refuses a call of a method that Slack asked to leave alone: Retry-After holds for everybody who shares the token.
    fn rested(&self, method: &'static str) -> Result<(), ApiError> {
        let mut resting = self.resting();
        match resting.get(method) {
            Some(until) if *until > Instant::now() => {
                Err(ApiError::RateLimited(*until - Instant::now()))
            }
            Some(_) => {
                resting.remove(method);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Instant>> {
        self.inner
            .resting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreachable(failure: Failure) -> ApiError {
    match failure {
        Failure::Unreachable(why) => ApiError::Unreachable(why),
        _ => ApiError::Unreachable("no client".to_owned()),
    }
}

fn body_of(channel: &str, message: &Message) -> Value {
    json!({
        "channel": channel,
        "text": message.text,
        "blocks": message.blocks,
        "link_names": false,
        "parse": "none",
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, ApiError> {
    serde_json::from_value(answer)
        .map_err(|_| ApiError::Unreachable("its answer has an unknown form".to_owned()))
}

fn scopes(headers: &header::HeaderMap) -> Vec<String> {
    let named = headers.get("x-oauth-scopes").and_then(|v| v.to_str().ok());
    named
        .unwrap_or_default()
        .split(',')
        .map(|scope| scope.trim().to_owned())
        .filter(|scope| !scope.is_empty())
        .collect()
}

/// Inert in a `text` field: Slack parses `<…>` and `&…;` there.
fn escaped(raw: &str) -> String {
    raw.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
