//! The two ways in, as tasks: each waits for its secret and then serves for ever.

use super::{
    apis::Apis,
    arrival::Arrival,
    doorway::Doorway,
    endpoint::{Endpoint, Taken, router},
    secret::{APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, Secret},
    socket::{Patience, Socket},
};
use crate::{context::Clock, metrics::Metrics};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc, time::sleep};

/// How often a missing secret is looked for.
const LOOK: Duration = Duration::from_secs(5);

/// Listens over sockets, as soon as there is an app-level token. Without one it says once what is missing, and waits.
pub async fn socket(apis: Arc<Apis>, sink: mpsc::Sender<Arrival>, metrics: Arc<Metrics>) {
    let app_token = apis.secret(APP_TOKEN);
    is_there(&app_token, &apis.secret(BOT_TOKEN)).await;
    let socket = Socket {
        api: apis.app(),
        app_token,
        sink,
        metrics,
        ears: apis.ears(),
        patience: Patience::default(),
    };
    match socket.run().await {}
}

/// Answers signed requests on `listener`. Without a signing secret each is refused, and what is missing is said once.
///
/// # Errors
/// If the listener fails for good.
pub fn http(
    listener: TcpListener,
    apis: Arc<Apis>,
    sink: mpsc::Sender<Arrival>,
    metrics: Arc<Metrics>,
    clock: Clock,
) -> impl Future<Output = io::Result<()>> {
    let secret = apis.secret(SIGNING_SECRET);
    if let Err(why) = secret.read() {
        tracing::info!("requests from Slack are refused: {why}");
    }
    let endpoint = Endpoint {
        secret,
        now: Arc::new(move || clock.now()),
        sink,
        metrics,
        // From the call on, not from when this is first polled: what came in between is no older than the listener.
        taken: Mutex::new(Taken::since(clock.now())),
    };
    axum::serve(Doorway::new(listener), router(Arc::new(endpoint))).into_future()
}

/// Waits for a secret. That it is missing is said once, and only to those who use the app at all.
async fn is_there(secret: &Secret, of_app: &Secret) {
    let mut said = false;
    while let Err(why) = secret.read() {
        if !said && of_app.read().is_ok() {
            tracing::info!("no answers come in from Slack: {why}");
            said = true;
        }
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Secrets;

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_put_in_later_is_found() {
        let dir = std::env::temp_dir().join(format!("podmender-entrance-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        let secret = |name| Secret::named(Secrets::new(dir.clone()), name);
        let (app_token, bot_token) = (secret(APP_TOKEN), secret(BOT_TOKEN));
        let mut waiting = std::pin::pin!(is_there(&app_token, &bot_token));
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        tokio::time::advance(LOOK * 3).await;
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        std::fs::write(dir.join(APP_TOKEN), "xapp-1").expect("token");
        waiting.await;
    }
}
