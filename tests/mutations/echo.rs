//! A strict site that keeps what arrived: it reads every connection by the reference alone, says
//! back which request it answers, and closes on the first byte that is not clear.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fuzzed::reference::{End, Request, read};
use crate::kit::until;

/// The site.
pub struct Echo {
    /// Where it listens.
    pub address: SocketAddr,
    books: Arc<Books>,
    accepts: JoinHandle<()>,
}

#[derive(Default)]
struct Books {
    open: AtomicUsize,
    over: CancellationToken,
    kept: Mutex<Arrivals>,
}

/// What arrived.
#[derive(Clone, Default)]
pub struct Arrivals {
    /// Whole requests in order.
    pub whole: Vec<Request>,
    /// Beginnings of requests whose connection ended before they did.
    pub broken: Vec<String>,
    /// Bytes that no gateway may send, with what is wrong about them.
    pub faults: Vec<String>,
}

impl Echo {
    /// Opens on a free port.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let books = Arc::new(Books::default());
        let kept = Arc::clone(&books);
        let accepts = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                kept.open.fetch_add(1, Ordering::SeqCst);
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let _ = kept.serve(stream).await;
                    kept.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            books,
            accepts,
        }
    }

    /// Everything that arrived. Nobody may be sending any more.
    pub async fn arrivals(self) -> Arrivals {
        self.books.over.cancel();
        until("every connection ends", || async {
            (self.books.open.load(Ordering::SeqCst) == 0).then_some(())
        })
        .await;
        self.accepts.abort();
        self.books.kept.lock().unwrap().clone()
    }
}

impl Books {
    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut unread = Vec::new();
        loop {
            let reading = read(&unread);
            let mut answers = Vec::new();
            for request in &reading.requests {
                answers.extend_from_slice(&answer(request));
            }
            let end = reading.requests.last().map_or(0, |last| last.end);
            self.kept.lock().unwrap().whole.extend(reading.requests);
            unread.drain(..end);
            if let End::Refused(why) = reading.end {
                let shown = String::from_utf8_lossy(&unread).into_owned();
                self.kept
                    .lock()
                    .unwrap()
                    .faults
                    .push(format!("{why}: {shown:?}"));
                return Ok(());
            }
            stream.write_all(&answers).await?;
            let more = tokio::select! {
                more = stream.read_buf(&mut unread) => more.unwrap_or(0),
                () = self.over.cancelled() => 0,
            };
            if more == 0 {
                break;
            }
        }
        if !unread.is_empty() {
            let shown = String::from_utf8_lossy(&unread).into_owned();
            self.kept.lock().unwrap().broken.push(shown);
        }
        Ok(())
    }
}

/// The answer to a request: which one it was, in a header, and its body again.
fn answer(request: &Request) -> Vec<u8> {
    let Request {
        method,
        target,
        body,
        ..
    } = request;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nx-answers: {method} {target}\r\ncontent-length: {length}\r\n\r\n"
    );
    match method.as_str() {
        "HEAD" => head.into_bytes(),
        _ => [head.as_bytes(), body].concat(),
    }
}
