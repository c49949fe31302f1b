//! The hub's side of the wire.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use crate::{
    Credentials, Hub, MESSAGE_BYTES_MAX,
    hub::{Ear, Heard, Joined, Shared, message, welcome},
    wire::{self, from_hub, from_node, hub_server},
};

/// How long a node may take to say who it is.
const HELLO: Duration = Duration::from_secs(10);
/// How often a silent connection is tried, and how long it may take to answer.
pub(crate) const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// A connection that does not answer for so long is gone.
pub(crate) const ALIVE_MAX: Duration = Duration::from_secs(5);
/// Answers of one node at the same time.
const STREAMS_MAX: u32 = 1_024;
/// How long pieces of the directory wait for room.
const ROOM: Duration = Duration::from_millis(20);

struct Door(Arc<Shared>);

/// Lets nodes in at this listener until `ended`.
///
/// # Errors
/// When the credentials can't be used, or the listener fails.
pub async fn serve(
    hub: Hub,
    listener: TcpListener,
    credentials: Option<&Credentials>,
    ended: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(ALIVE_EVERY))
        .http2_keepalive_timeout(Some(ALIVE_MAX))
        .max_concurrent_streams(Some(STREAMS_MAX))
        .tcp_nodelay(true);
    if let Some(credentials) = credentials {
        server = server.tls_config(credentials.of_hub())?;
    }
    let service =
        hub_server::HubServer::new(Door(hub.0)).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let incoming = TcpListenerStream::new(listener);
    server.add_service(service).serve_with_incoming_shutdown(incoming, ended).await
}

#[tonic::async_trait]
impl hub_server::Hub for Door {
    type JoinStream = Pin<Box<dyn Stream<Item = Result<wire::FromHub, Status>> + Send>>;

    async fn join(
        &self,
        request: Request<Streaming<wire::FromNode>>,
    ) -> Result<Response<Self::JoinStream>, Status> {
        let mut said = request.into_inner();
        let hello = timeout(HELLO, said.message())
            .await
            .map_err(|_| Status::deadline_exceeded("say hello first"))??;
        let Some(from_node::What::Hello(hello)) = hello.and_then(|first| first.what) else {
            return Err(Status::invalid_argument("say hello first"));
        };
        let Joined { session, queue, messages, news } = match self.0.join(&hello) {
            Ok(joined) => joined,
            Err(why) => {
                let refused = message(welcome(&self.0.options, why));
                let only = futures_util::stream::once(async { Ok(refused) });
                return Ok(Response::new(Box::pin(only)));
            }
        };
        let known = if hello.hub == self.0.options.number { hello.directory } else { 0 };
        let name = hello.node;
        tokio::spawn(follow(self.0.clone(), name, session, said, known, queue.downgrade(), news));
        // The link holds the only lasting sender: it ends with it.
        drop(queue);
        Ok(Response::new(Box::pin(ReceiverStream::new(messages).map(Ok))))
    }

    async fn answer(
        &self,
        request: Request<Streaming<wire::Piece>>,
    ) -> Result<Response<wire::Taken>, Status> {
        let mut pieces = request.into_inner();
        let Some(first) = pieces.message().await? else { return Ok(taken()) };
        let (number, node) = (first.number, first.node.clone());
        let Some(ear) = self.0.ear(number) else { return Ok(taken()) };
        let mut next = Some(first);
        while let Some(piece) = next.take() {
            let is_heard = match &ear {
                Ear::Answers(ear) => {
                    ear.send(Heard::Piece(node.clone(), Box::new(piece))).await.is_ok()
                }
                Ear::Tail(live) => live.take(&piece),
            };
            if !is_heard {
                return Ok(taken());
            }
            next = match pieces.message().await {
                Ok(next) => next,
                Err(status) => {
                    if let Ear::Answers(ear) = &ear {
                        drop(ear.send(Heard::Left(node, "the answer broke off")).await);
                    }
                    return Err(status);
                }
            };
        }
        if let Ear::Answers(ear) = &ear {
            // After its end nobody listens to this any more.
            drop(ear.send(Heard::Left(node, "the answer broke off")).await);
        }
        Ok(taken())
    }
}

fn taken() -> Response<wire::Taken> {
    Response::new(wire::Taken {})
}

/// Listens to a node as long as it is there, and sends it the directory.
async fn follow(
    shared: Arc<Shared>,
    name: String,
    session: u64,
    mut said: Streaming<wire::FromNode>,
    mut version: u64,
    queue: mpsc::WeakSender<wire::FromHub>,
    news: Arc<tokio::sync::Notify>,
) {
    loop {
        tokio::select! {
            heard = said.message() => match heard {
                Ok(Some(wire::FromNode { what: Some(from_node::What::State(state)) })) => {
                    shared.update(&name, session, state);
                }
                // What a newer node says besides.
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            },
            () = news.notified() => {
                if !hand_on(&shared, &mut version, &queue).await {
                    break;
                }
            }
        }
    }
    shared.leave(&name, session);
}

/// Sends what the node lacks of the directory; whether it is still there.
async fn hand_on(
    shared: &Shared,
    version: &mut u64,
    queue: &mpsc::WeakSender<wire::FromHub>,
) -> bool {
    for piece in shared.directory_since(*version) {
        let now = if piece.goes_on { *version } else { piece.version };
        loop {
            // A strong sender is not kept while waiting: a node that is cut off is to be let go.
            let Some(queue) = queue.upgrade() else { return false };
            if Joined::has_room(&queue) {
                if queue.try_send(message(from_hub::What::Directory(piece))).is_err() {
                    return false;
                }
                break;
            }
            drop(queue);
            tokio::time::sleep(ROOM).await;
        }
        *version = now;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HubOptions, VERSION, wire::hub_client::HubClient};

    /// What a hub says to a node that says this first.
    async fn greeted(hello: wire::Hello) -> wire::Welcome {
        let hub = Hub::new(HubOptions::new(7));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(hub, listener, None, std::future::pending()));
        let mut client = HubClient::connect(address).await.unwrap();
        let first = wire::FromNode { what: Some(from_node::What::Hello(hello)) };
        // What a later version may say besides.
        let (send, said) = mpsc::channel(2);
        send.send(first).await.unwrap();
        send.send(wire::FromNode { what: None }).await.unwrap();
        let mut heard = client.join(ReceiverStream::new(said)).await.unwrap().into_inner();
        let first = heard.message().await.unwrap().unwrap();
        let Some(from_hub::What::Welcome(welcome)) = first.what else { panic!("{first:?}") };
        welcome
    }

    fn hello(version: u32, version_min: u32) -> wire::Hello {
        wire::Hello { node: "a".into(), version, version_min, ..wire::Hello::default() }
    }

    #[tokio::test]
    async fn a_node_of_the_next_version_is_let_in() {
        let welcome = greeted(hello(VERSION + 1, VERSION)).await;
        assert_eq!((welcome.refused.as_str(), welcome.version), ("", VERSION));
        assert_eq!(greeted(hello(VERSION, VERSION)).await.refused, "");
    }

    #[tokio::test]
    async fn one_that_is_too_far_is_refused_and_told_why() {
        let welcome = greeted(hello(VERSION + 9, VERSION + 8)).await;
        assert!(welcome.refused.contains("versions 1 to 1"), "{}", welcome.refused);
        let nameless = wire::Hello { node: String::new(), ..hello(VERSION, VERSION) };
        assert!(greeted(nameless).await.refused.contains("name"));
    }
}
