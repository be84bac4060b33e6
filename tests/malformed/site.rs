//! A site that says exactly the bytes it is told to, and watches what becomes of the connection it
//! said them on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;

use crate::kit::PATIENCE;
use crate::kit::wire::position;

/// What a sound answer begins with; the path that it answers follows.
pub(super) const GOOD: &str = "an answer to ";

/// The site. `/bad` is answered as told, everything else soundly.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    script: Arc<Script>,
    ends: tokio::sync::Mutex<mpsc::UnboundedReceiver<Vec<u8>>>,
    _open: AbortOnDropHandle<()>,
}

struct Script {
    says: Mutex<Vec<String>>,
    go_on: Semaphore,
    /// What came behind a bad answer until its connection ended.
    ends: mpsc::UnboundedSender<Vec<u8>>,
}

impl Site {
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, ends) = mpsc::unbounded_channel();
        let script = Arc::new(Script {
            says: Mutex::default(),
            go_on: Semaphore::new(0),
            ends: tell,
        });
        let shared = Arc::clone(&script);
        let open = tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(tcp, Arc::clone(&shared)));
            }
        });
        Self {
            address,
            script,
            ends: tokio::sync::Mutex::new(ends),
            _open: AbortOnDropHandle::new(open),
        }
    }

    /// What to answer from now on, piece by piece; each but the first waits for [`Site::go_on`].
    pub(super) fn say(&self, pieces: impl IntoIterator<Item = impl Into<String>>) {
        let pieces = pieces.into_iter().map(Into::into).collect();
        *self.script.says.lock().unwrap() = pieces;
    }

    pub(super) fn go_on(&self) {
        self.script.go_on.add_permits(1);
    }

    /// Demands that the connection of the last bad answer ends, and that no request came on it.
    pub(super) async fn hangs_up(&self, case: &str) {
        let mut ends = self.ends.lock().await;
        let end = tokio::time::timeout(PATIENCE, ends.recv()).await;
        let rest = end.unwrap_or_else(|_| panic!("{case}: its connection was kept"));
        let rest = rest.unwrap();
        assert_eq!(
            position(&rest, b" HTTP/1.1\r\n"),
            None,
            "{case}: its connection carried another request"
        );
    }
}

async fn serve(mut tcp: TcpStream, script: Arc<Script>) {
    let mut unread = Vec::new();
    loop {
        while position(&unread, b"\r\n\r\n").is_none() {
            if !matches!(tcp.read_buf(&mut unread).await, Ok(1..)) {
                return;
            }
        }
        let head = String::from_utf8_lossy(&std::mem::take(&mut unread)).into_owned();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        if path == "/bad" {
            return forge(tcp, &script).await;
        }
        let text = format!("{GOOD}{path}");
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        );
        if tcp.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Answers as told, and reads until the connection ends.
async fn forge(mut tcp: TcpStream, script: &Script) {
    let says = script.says.lock().unwrap().clone();
    for (number, piece) in says.iter().enumerate() {
        if number > 0 {
            script.go_on.acquire().await.unwrap().forget();
        }
        // Who reads no further hangs up, which is seen below.
        let _ = tcp.write_all(piece.as_bytes()).await;
    }
    let mut rest = Vec::new();
    while matches!(tcp.read_buf(&mut rest).await, Ok(1..)) {}
    let _ = script.ends.send(rest);
}
