//! The connection of one watch: notes each sign of life, ends what hangs, and keeps one object from filling the memory.
//!
//! kube's `watcher` shows neither bookmarks nor its silent reconnections, sets no limit to the length of a line (K5), waits
//! without end for the head of a response (K1), and reconnects at once and for ever to a server that closes at once. All of
//! that is mended here, below it, so that the loop itself stays the library's.

use super::{life::Life, pace::Pace};
use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use kube::client::{Body, Client};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tower::BoxError;

/// A request that has no response head by then has failed; nor may a list pause for longer (faults 2, 3 and 16).
const ANSWER: Duration = Duration::from_secs(10);

/// A longer line of a watch is cut off. An object is at most 1.5 MiB in etcd and some 3 MiB as JSON (fault 12).
const LINE: usize = 4 << 20;

/// A client for one watch. What the server answers is read once the first list of `after` is there: until then the server is
/// already at work on it, and keeps it.
pub(super) fn tapped(
    client: &Client,
    life: &Arc<Life>,
    pace: &Arc<Pace>,
    after: Option<Arc<Life>>,
) -> Client {
    let (inner, life, pace) = (client.clone(), Arc::clone(life), Arc::clone(pace));
    let turns = Arc::default();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (inner, life, pace) = (inner.clone(), Arc::clone(&life), Arc::clone(&pace));
        let (turns, after) = (Arc::clone(&turns), after.clone());
        async move {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let watch = query.contains("watch=true");
            pace.turn(&query, &turns).await;
            let response = timeout(ANSWER, inner.send(request))
                .await
                .map_err(|_| Silent)??;
            let kind = match (response.status().is_success(), watch) {
                (true, true) => Kind::Watch,
                (true, false) => Kind::Object,
                (false, _) => Kind::Refusal,
            };
            if kind != Kind::Refusal {
                life.sign();
            }
            if let Some(first) = after {
                first.first_list().await;
            }
            Ok::<_, BoxError>(response.map(|body| Tap::new(body, life, kind)))
        }
    });
    Client::new(service, client.default_namespace())
}

/// The API server did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer for {} s", ANSWER.as_secs())]
struct Silent;

/// What a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Watch,
    Object,
    /// No sign of life, however often it comes: what is known grows old (faults 2 and 8).
    Refusal,
}

/// A response body, looked at as it passes.
struct Tap {
    body: Body,
    life: Arc<Life>,
    kind: Kind,
    /// Bytes since the last line end; only a watch has lines.
    line: Option<usize>,
    /// Only a response that ends may be awaited with impatience.
    patience: Option<Pin<Box<Sleep>>>,
}

impl Tap {
    fn new(body: Body, life: Arc<Life>, kind: Kind) -> Self {
        let is_watch = kind == Kind::Watch;
        Self {
            body,
            life,
            kind,
            line: is_watch.then_some(0),
            patience: (!is_watch).then(|| Box::pin(sleep(ANSWER))),
        }
    }

    /// Passes `data` on, without the rest of a line that is too long: its cut-off head is no JSON, and kube skips it.
    fn pass(&mut self, data: Bytes) -> Bytes {
        let Some(mut line) = self.line else {
            return data;
        };
        if line + data.len() <= LINE {
            // The usual case: nothing in it can be too long.
            let end = data.iter().rposition(|b| *b == b'\n');
            self.line = Some(end.map_or(line + data.len(), |at| data.len() - at - 1));
            return data;
        }
        let mut kept = Vec::with_capacity(data.len().min(LINE));
        for part in data.split_inclusive(|b| *b == b'\n') {
            let room = LINE.saturating_sub(line);
            if part.len() <= room || line > LINE && part.ends_with(b"\n") && part.len() == 1 {
                kept.extend_from_slice(part);
            } else {
                kept.extend_from_slice(&part[..room.min(part.len())]);
                if line <= LINE {
                    kept.push(b'\n');
                    self.life.quarantine();
                }
            }
            let whole = line + part.len();
            line = if part.ends_with(b"\n") {
                0
            } else {
                whole.max(line)
            };
        }
        self.line = Some(line);
        kept.into()
    }
}

impl http_body::Body for Tap {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_pending()
            && let Some(patience) = &mut self.patience
        {
            ready!(patience.as_mut().poll(cx));
            return Poll::Ready(Some(Err(Silent.into())));
        }
        let Some(frame) = ready!(polled) else {
            return Poll::Ready(None);
        };
        let frame = frame?;
        if self.kind != Kind::Refusal {
            self.life.sign();
        }
        if let Some(patience) = &mut self.patience {
            patience.as_mut().reset(Instant::now() + ANSWER);
        }
        Poll::Ready(Some(Ok(frame.map_data(|data| self.pass(data)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(parts: &[&[u8]]) -> (Vec<u8>, u64) {
        let life = Life::new();
        let mut tap = Tap::new(Body::empty(), Arc::clone(&life), Kind::Watch);
        let out = parts
            .iter()
            .flat_map(|p| tap.pass(Bytes::copy_from_slice(p)));
        let out = out.collect();
        let name = podmender_policy::bounds::Name::default();
        (
            out,
            life.state(&name, super::super::Resource::Pods).quarantined,
        )
    }

    #[tokio::test]
    async fn the_server_is_asked_at_once_and_its_answer_read_after_the_first_list() {
        let (service, mut server) = tower_test::mock::pair::<Request<Body>, http::Response<Body>>();
        let (pods, events) = (Life::new(), Life::new());
        let client = tapped(
            &Client::new(service, "default"),
            &events,
            &Arc::new(Pace::new()),
            Some(Arc::clone(&pods)),
        );
        let ask = Request::get("/api/v1/events?watch=true").body(Vec::new());
        let mut answer = Box::pin(client.request_text(ask.expect("a request")));
        let asked = async {
            let (_, send) = server.next_request().await.expect("asked");
            send.send_response(http::Response::new(Body::from(b"said".to_vec())));
        };
        tokio::select! {
            _ = &mut answer => panic!("answered before it was asked"),
            () = asked => {}
        }
        // Every other task has had its turn, and nothing of it is read.
        tokio::select! {
            biased;
            _ = &mut answer => panic!("read before the pods were listed"),
            () = tokio::task::yield_now() => {}
        }
        pods.listed();
        assert_eq!(answer.await.expect("an answer"), "said");
    }

    #[test]
    fn ordinary_lines_pass_unchanged() {
        let (out, cut) = through(&[b"one\ntw", b"o\n", b"\n", b"three"]);
        assert_eq!((out.as_slice(), cut), (b"one\ntwo\n\nthree".as_slice(), 0));
    }

    #[test]
    fn fault_12_a_line_without_end_is_cut_and_the_next_one_passes() {
        let chunk = vec![b'x'; 1 << 20];
        let mut parts: Vec<&[u8]> = vec![b"one\n"];
        parts.extend(std::iter::repeat_n(chunk.as_slice(), 50));
        parts.push(b"xx\ntwo\n");
        let (out, cut) = through(&parts);
        assert_eq!(cut, 1);
        assert!(out.len() < LINE + 64, "{}", out.len());
        let lines: Vec<&[u8]> = out.split(|b| *b == b'\n').collect();
        assert_eq!(lines.first(), Some(&b"one".as_slice()));
        assert_eq!(lines.iter().rev().nth(1), Some(&b"two".as_slice()));
    }

    #[test]
    fn fault_12_a_long_line_and_a_short_one_in_one_piece() {
        let mut piece = vec![b'x'; LINE + 10];
        piece.extend_from_slice(b"\ntwo\n");
        let (out, cut) = through(&[&piece]);
        assert_eq!(cut, 1);
        assert!(out.ends_with(b"\ntwo\n"));
    }
}
