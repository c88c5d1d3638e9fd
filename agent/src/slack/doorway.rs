//! How many may stand in the door: the HTTP entrance is open to whoever reaches its port, so connections are few and none lasts for ever.

use axum::serve::Listener;
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

/// Connections at once; more wait in the kernel's queue. Slack, or the ingress before us, needs a few.
const PLACES: usize = 128;
/// How long one lasts, whether or not something comes over it.
const LIFE: Duration = Duration::from_secs(120);

/// A listener with few places.
pub struct Doorway {
    listener: TcpListener,
    places: Arc<Semaphore>,
    life: Duration,
}

impl Doorway {
    /// Around a listener.
    #[must_use]
    pub fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(PLACES)),
            life: LIFE,
        }
    }
}

impl Listener for Doorway {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        // Only a closed semaphore refuses, and nobody closes it.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let guest = Guest {
            stream,
            leaves: Box::pin(sleep(self.life)),
            _place: place,
        };
        (guest, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(&self.listener)
    }
}

/// A connection with a place and an end.
pub struct Guest {
    stream: TcpStream,
    leaves: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.leaves.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    /// Whoever says nothing, or one byte a minute, takes a place for a while and no longer.
    #[tokio::test]
    async fn idle_guests_leave_and_make_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let doorway = Doorway {
            places: Arc::new(Semaphore::new(2)),
            life: Duration::from_millis(300),
            ..Doorway::new(listener)
        };
        let address = Listener::local_addr(&doorway).expect("address");
        let app = Router::new().route("/", get(|| async { "here" }));
        let visits = async {
            let mut idle = Vec::new();
            for _ in 0..2 {
                let mut stream = TcpStream::connect(address).await.expect("connected");
                stream
                    .write_all(b"GET / HTTP/1.1\r\nX: ")
                    .await
                    .expect("sent");
                idle.push(stream);
            }
            let mut third = TcpStream::connect(address).await.expect("connected");
            let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            third.write_all(request).await.expect("sent");
            let mut told = String::new();
            third.read_to_string(&mut told).await.expect("answered");
            assert!(told.ends_with("here"), "{told}");
        };
        tokio::select! {
            served = async { axum::serve(doorway, app).await } => panic!("{served:?}"),
            visited = timeout(Duration::from_secs(10), visits) => visited.expect("in time"),
        }
    }
}
