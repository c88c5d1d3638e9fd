//! The log of one container: its end, at most 64 KiB and 5 s, never more than that in memory.

use futures::{AsyncBufRead, AsyncBufReadExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::LogParams};
use std::{pin::pin, time::Duration};
use tokio::time::{Instant, timeout_at};

/// At most this much of a log is kept: the last of it (fault 74).
pub const MAX_BYTES: usize = 64 * 1024;
/// A log that does not arrive within this time is left out (fault 75).
pub const DEADLINE: Duration = Duration::from_secs(5);

/// How many lines are asked for. The kubelet counts lines of at most 16 KiB each (the CRI splits longer ones).
const LINES: i64 = 200;
/// The API server ends the answer here. `limitBytes` keeps the first bytes of the tail, while the last are what tells why a
/// container ended: so it is far above [`MAX_BYTES`], and the end is kept on this side.
const LIMIT: i64 = 4 << 20;

/// Which log of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Of the container that runs, or ran last.
    Current,
    /// Of the one before its last restart.
    Previous,
}

/// Why there is no log: never a reason to fail, the diagnosis does without.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLog {
    /// There was no container before this one, or the kubelet has removed it (400).
    #[error("there is no earlier container")]
    NoPrevious,
    /// The container has not been created yet (400).
    #[error("the container has not started")]
    NotStarted,
    /// The pod or container is not there (404).
    #[error("the pod is not there")]
    Gone,
    /// No right to `get pods/log` (403).
    #[error("no permission for pods/log")]
    Forbidden,
    /// The node does not answer, or not in time.
    #[error("the node does not answer")]
    Unreachable,
    /// Another status.
    #[error("the API server answered {0}")]
    Refused(u16),
}

/// Reads the end of a log: lossy UTF-8, the last [`MAX_BYTES`], what arrived within [`DEADLINE`]. Empty if nothing was written.
///
/// Needs `get` on `pods/log`. Safe to drop at any await point: that ends the request.
///
/// # Errors
/// [`NoLog`] if there is nothing to read.
pub async fn tail(
    client: &Client,
    namespace: &str,
    pod: &str,
    container: &str,
    run: Run,
) -> Result<String, NoLog> {
    let deadline = Instant::now() + DEADLINE;
    let params = LogParams {
        container: Some(container.to_owned()),
        previous: run == Run::Previous,
        tail_lines: Some(LINES),
        limit_bytes: Some(LIMIT),
        ..LogParams::default()
    };
    let api = Api::<Pod>::namespaced(client.clone(), namespace);
    let answer = timeout_at(deadline, api.log_stream(pod, &params)).await;
    let body = answer
        .map_err(|_| NoLog::Unreachable)?
        .map_err(|e| reason(&e))?;
    let mut end = End::default();
    let whole = timeout_at(deadline, read(body, &mut end)).await;
    if end.bytes.is_empty() && !matches!(whole, Ok(Ok(()))) {
        return Err(NoLog::Unreachable);
    }
    let text = end.text();
    // The kubelet says so in the body of a 200 (pkg/kubelet/kuberuntime/kuberuntime_container.go, GetContainerLogs).
    let lost = [
        "unable to retrieve container logs for ",
        "failed to try resolving symlinks",
    ];
    if lost.iter().any(|l| text.starts_with(l)) {
        return Err(NoLog::NoPrevious);
    }
    Ok(text)
}

/// The log of the first of `runs` that says something; else what became of the first.
///
/// # Errors
/// [`NoLog`] if none says anything and the first has no log. A node that does not answer is asked once.
pub async fn first<F>(runs: &[Run], log: impl Fn(Run) -> F) -> Result<String, NoLog>
where
    F: Future<Output = Result<String, NoLog>>,
{
    let mut silent = Err(NoLog::NotStarted);
    for (n, run) in runs.iter().enumerate() {
        let text = log(*run).await;
        let may_be_another = match &text {
            Ok(text) => text.trim().is_empty(),
            Err(NoLog::NoPrevious | NoLog::NotStarted) => true,
            Err(_) => false,
        };
        if n == 0 {
            silent = text;
        } else if !may_be_another && text.is_ok() {
            return text;
        }
        if !may_be_another {
            break;
        }
    }
    silent
}

async fn read(body: impl AsyncBufRead, end: &mut End) -> std::io::Result<()> {
    let mut body = pin!(body);
    loop {
        let chunk = body.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(());
        }
        end.push(chunk);
        let read = chunk.len();
        body.as_mut().consume(read);
    }
}

/// The last bytes of what is pushed.
#[derive(Default)]
struct End {
    bytes: Vec<u8>,
    cut: bool,
}

impl End {
    fn push(&mut self, chunk: &[u8]) {
        for piece in chunk.chunks(MAX_BYTES) {
            let surplus = (self.bytes.len() + piece.len()).saturating_sub(MAX_BYTES);
            self.bytes.drain(..surplus);
            self.cut |= surplus > 0;
            self.bytes.extend_from_slice(piece);
        }
    }

    /// As text; a first line that was cut is left out if another follows.
    fn text(&self) -> String {
        let newline = self.bytes.iter().position(|b| *b == b'\n');
        let start = newline.filter(|at| self.cut && at + 1 < self.bytes.len());
        String::from_utf8_lossy(&self.bytes[start.map_or(0, |at| at + 1)..]).into_owned()
    }
}

/// The API server's answers (pkg/registry/core/pod/strategy.go, LogLocation; pkg/kubelet/kubelet_pods.go, validateContainerLogStatus).
fn reason(error: &kube::Error) -> NoLog {
    let kube::Error::Api(status) = error else {
        return NoLog::Unreachable;
    };
    match status.code {
        400 if status.message.contains("previous terminated container") => NoLog::NoPrevious,
        400 if status.message.contains("waiting to start")
            || status.message.contains("is not available") =>
        {
            NoLog::NotStarted
        }
        403 => NoLog::Forbidden,
        404 => NoLog::Gone,
        500.. => NoLog::Unreachable,
        code => NoLog::Refused(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};
    use kube::client::Body;

    async fn answer(status: u16, body: Vec<u8>) -> Result<String, NoLog> {
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let server = async move {
            let (request, send) = handle.next_request().await.expect("a request");
            let query = request.uri().query().expect("a query").to_owned();
            assert!(query.contains("tailLines=200") && query.contains("container=web"));
            let response = Response::builder().status(status).body(Body::from(body));
            send.send_response(response.expect("a response"));
        };
        let client = Client::new(service, "default");
        tokio::join!(tail(&client, "shop", "web-1", "web", Run::Previous), server).0
    }

    fn refusal(code: u16, message: &str) -> Vec<u8> {
        format!(r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","message":"{message}","reason":"BadRequest","code":{code}}}"#).into()
    }

    #[tokio::test]
    async fn fault_74_the_end_of_a_huge_binary_log_is_kept() {
        let mut raw = b"\xff\x00\x1b[31m".repeat(1_000_000);
        raw.extend_from_slice(b"\nfatal: caf\xc3\xa9\n");
        let text = answer(200, raw).await.expect("a log");
        assert_eq!(text, "fatal: caf\u{e9}\n");
        let text = answer(200, vec![b'x'; 1 << 20]).await.expect("a log");
        assert_eq!(text.len(), MAX_BYTES);
    }

    #[tokio::test]
    async fn fault_75_each_way_to_have_no_log_has_its_reason() {
        let previous = refusal(
            400,
            r#"previous terminated container \"web\" in pod \"web-1\" not found"#,
        );
        assert_eq!(answer(400, previous).await, Err(NoLog::NoPrevious));
        let creating = refusal(
            400,
            r#"container \"web\" in pod \"web-1\" is waiting to start: ContainerCreating"#,
        );
        assert_eq!(answer(400, creating).await, Err(NoLog::NotStarted));
        assert_eq!(answer(404, refusal(404, "x")).await, Err(NoLog::Gone));
        assert_eq!(answer(403, refusal(403, "x")).await, Err(NoLog::Forbidden));
        let dial = refusal(
            500,
            "Get https://10.0.0.1:10250: dial tcp: connection refused",
        );
        assert_eq!(answer(500, dial).await, Err(NoLog::Unreachable));
        let lost = b"unable to retrieve container logs for containerd://0a1b".to_vec();
        assert_eq!(answer(200, lost).await, Err(NoLog::NoPrevious));
        assert_eq!(answer(200, Vec::new()).await, Ok(String::new()));
    }

    #[tokio::test]
    async fn fault_75_what_ended_is_read_though_the_next_run_has_begun_or_ended() {
        use NoLog::{NoPrevious, Unreachable};
        use Run::{Current, Previous};
        let said = |text: &str| Ok::<_, NoLog>(text.to_owned());
        let cases = [
            // The container was started again in between, and has written nothing yet.
            (
                [Current, Previous],
                said(" \n"),
                said("fatal"),
                said("fatal"),
            ),
            (
                [Current, Previous],
                said("fatal"),
                said("old"),
                said("fatal"),
            ),
            ([Current, Previous], said(""), Err(NoPrevious), said("")),
            (
                [Previous, Current],
                Err(NoPrevious),
                said("fatal"),
                said("fatal"),
            ),
            (
                [Previous, Current],
                Err(NoPrevious),
                said(""),
                Err(NoPrevious),
            ),
            (
                [Previous, Current],
                Err(Unreachable),
                said("x"),
                Err(Unreachable),
            ),
        ];
        for (runs, one, other, expected) in cases {
            let log = async |run| {
                if run == runs[0] {
                    one.clone()
                } else {
                    other.clone()
                }
            };
            assert_eq!(first(&runs, log).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn fault_75_a_node_that_does_not_answer_costs_five_seconds() {
        let (service, _handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let client = Client::new(service, "default");
        let start = Instant::now();
        let log = tail(&client, "shop", "web-1", "web", Run::Current).await;
        assert_eq!(log, Err(NoLog::Unreachable));
        assert_eq!(start.elapsed(), DEADLINE);
    }
}
