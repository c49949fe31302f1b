//! A listener: connections, their limits, and how they end.

use std::{
    io,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, http::Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
    time::timeout,
};
use tower_service::Service;

use crate::{
    audit::Peer,
    encryption::{Encrypted, Encryption},
};

/// Where connections come in, and whether they are encrypted.
pub struct Listener {
    socket: TcpListener,
    encryption: Option<Encryption>,
}

/// The router, for one connection: requests say whose it is.
#[derive(Clone)]
struct Marked {
    router: Router,
    peer: Peer,
    encrypted: Option<Encrypted>,
}

impl<B> Service<Request<B>> for Marked
where
    Router: Service<Request<B>>,
{
    type Response = <Router as Service<Request<B>>>::Response;
    type Error = <Router as Service<Request<B>>>::Error;
    type Future = <Router as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Request<B>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        if let Some(encrypted) = &self.encrypted {
            request.extensions_mut().insert(encrypted.clone());
        }
        self.router.call(request)
    }
}

/// How long a client may take for the headers of a request.
const HEADERS_TIME: Duration = Duration::from_secs(15);
/// Headers of a request.
const HEADERS_MAX: usize = 100;
/// Bytes of a connection that are read or written at a time: what a client that stalls costs us.
const CONNECTION_BYTES: usize = 64 << 10;
/// Requests of one connection at the same time (HTTP/2).
const STREAMS_MAX: u32 = 100;
/// How long answers may go on when the server ends.
const GRACE: Duration = Duration::from_secs(2);

// === impl Listener ===

impl Listener {
    /// Connections to this socket.
    #[must_use]
    pub fn new(socket: TcpListener, encryption: Option<Encryption>) -> Self {
        Self { socket, encryption }
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::new(socket, None)
    }
}

/// Serves until `end`; then answers that are nearly done are given a moment.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: impl Into<Listener>,
    router: Router,
    connections_max: usize,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = listener.into();
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIME)
        .max_headers(HEADERS_MAX)
        .max_buf_size(CONNECTION_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(32 << 10)
        .max_send_buf_size(CONNECTION_BYTES);
    let places = Arc::new(Semaphore::new(connections_max));
    let graceful = GracefulShutdown::new();
    let mut end = pin!(end);
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = &mut end => break,
        };
        let Ok(place) = place else { break };
        let (stream, from) = tokio::select! {
            accepted = listener.socket.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) if passing(&error) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                Err(error) => return Err(error),
            },
            () = &mut end => break,
        };
        // Without it, small events wait for acknowledgments; it costs packets and nothing else.
        drop(stream.set_nodelay(true));
        let (builder, router, watcher) = (builder.clone(), router.clone(), graceful.watcher());
        let encryption = listener.encryption.clone();
        tokio::spawn(async move {
            let mut marked =
                Marked { router, peer: Peer(from.ip().to_canonical()), encrypted: None };
            match encryption {
                None => answer(stream, &builder, marked, watcher).await,
                Some(encryption) => {
                    let shaken = timeout(HEADERS_TIME, encryption.accept(stream)).await;
                    if let Ok(Some((stream, encrypted))) = shaken {
                        marked.encrypted = Some(encrypted);
                        answer(stream, &builder, marked, watcher).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    drop(timeout(GRACE, graceful.shutdown()).await);
    Ok(())
}

/// Answers the requests of one connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    builder: &Builder<TokioExecutor>,
    marked: Marked,
    watcher: Watcher,
) {
    let service = TowerToHyperService::new(marked);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    // How it ended is the client's affair.
    drop(watcher.watch(connection).await);
}

/// The client gave up, or there are too many files open for a moment.
fn passing(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied)
}
