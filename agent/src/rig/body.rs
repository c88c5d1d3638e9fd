//! A response body: a text, or pieces as they come.

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use http_body::Frame;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A body.
pub(super) struct Answer(BoxStream<'static, io::Result<String>>);

impl Answer {
    pub(super) fn of(text: String) -> Self {
        Self::stream(futures::stream::iter([Ok(text)]))
    }

    pub(super) fn stream(pieces: impl Stream<Item = io::Result<String>> + Send + 'static) -> Self {
        Self(pieces.boxed())
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = ready!(self.0.poll_next_unpin(cx));
        Poll::Ready(piece.map(|p| p.map(|text| Frame::data(text.into()))))
    }
}
