//! Raw sockets: bytes out, answers in, and nothing forgiven on the way.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::PATIENCE;
use super::answer::Answer;

/// What comes in.
pub type Reads = Box<dyn AsyncRead + Send + Unpin>;

/// What goes out.
pub type Writes = Box<dyn AsyncWrite + Send + Unpin>;

/// One connection.
pub struct Wire {
    reads: Reads,
    writes: Writes,
    unread: Vec<u8>,
}

/// How an answer's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// As its head says.
    Any,
    /// After the head: HEAD was asked.
    Head,
}

/// Sends `bytes`, ends sending, and reads the answers until the gateway closes.
pub async fn raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Vec<Answer> {
    let wire = Wire::to(address).await;
    let (mut writes, mut wire) = wire.split();
    let bytes = bytes.as_ref().to_vec();
    let sending = tokio::spawn(async move {
        // A gateway that refuses closes before it has read all: what counts is its answer.
        if writes.write_all(&bytes).await.is_ok() {
            let _ = writes.shutdown().await;
        }
        writes
    });
    let mut answers = Vec::new();
    while let Some(answer) = wire.answer(Asked::Any).await {
        answers.push(answer);
    }
    drop(sending.await);
    answers
}

/// The status codes of some answers.
pub fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

/// The half of a [`Wire`] that reads.
pub struct Reading {
    reads: Reads,
    unread: Vec<u8>,
}

impl Wire {
    /// Connects.
    pub async fn to(address: SocketAddr) -> Self {
        Self::try_to(address).await.unwrap()
    }

    /// Connects, if somebody listens.
    pub async fn try_to(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reads, writes) = stream.into_split();
        Ok(Self {
            reads: Box::new(reads),
            writes: Box::new(writes),
            unread: Vec::new(),
        })
    }

    /// On a connection that is there already.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (reads, writes) = tokio::io::split(stream);
        Self {
            reads: Box::new(reads),
            writes: Box::new(writes),
            unread: Vec::new(),
        }
    }

    /// Both directions apart.
    pub fn split(self) -> (Writes, Reading) {
        let reading = Reading {
            reads: self.reads,
            unread: self.unread,
        };
        (self.writes, reading)
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.writes.write_all(bytes.as_ref()).await
    }

    /// The next answer; `None` when the gateway closed before its end.
    pub async fn answer(&mut self, asked: Asked) -> Option<Answer> {
        read_answer(&mut self.reads, &mut self.unread, asked).await
    }

    /// The next bytes as they come; none when the gateway closed.
    pub async fn some(&mut self) -> Vec<u8> {
        if self.unread.is_empty() {
            fill(&mut self.reads, &mut self.unread).await;
        }
        std::mem::take(&mut self.unread)
    }

    /// The next so many bytes.
    pub async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length && fill(&mut self.reads, &mut self.unread).await {}
        self.unread.drain(..length.min(self.unread.len())).collect()
    }

    /// Sends nothing more, and says so.
    pub async fn ends_sending(&mut self) {
        let _ = self.writes.shutdown().await;
    }

    /// Everything up to the end.
    pub async fn all(&mut self) -> Vec<u8> {
        while fill(&mut self.reads, &mut self.unread).await {}
        std::mem::take(&mut self.unread)
    }

    /// Demands that the gateway closes now, without another byte.
    pub async fn is_closed(&mut self) {
        let rest = self.some().await;
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }
}

impl Reading {
    /// The next so many bytes.
    pub async fn exactly(&mut self, length: usize) -> Vec<u8> {
        let bytes = exactly(&mut self.reads, &mut self.unread, length).await;
        bytes.expect("the gateway closed before them")
    }

    /// The next answer; `None` when the gateway closed before its end.
    pub async fn answer(&mut self, asked: Asked) -> Option<Answer> {
        read_answer(&mut self.reads, &mut self.unread, asked).await
    }
}

async fn read_answer(reads: &mut Reads, unread: &mut Vec<u8>, asked: Asked) -> Option<Answer> {
    let head = loop {
        if let Some(end) = position(unread, b"\r\n\r\n") {
            let rest = unread.split_off(end + 4);
            break std::mem::replace(unread, rest);
        }
        if !fill(reads, unread).await {
            return None;
        }
    };
    let mut answer = read_head(&head);
    let bodiless =
        asked == Asked::Head || answer.status < 200 || answer.status == 204 || answer.status == 304;
    if bodiless {
        return Some(answer);
    }
    let length = answer
        .header("content-length")
        .map(|text| text.parse().unwrap());
    let chunked = answer.header("transfer-encoding") == Some("chunked");
    answer.body = match (length, chunked) {
        (Some(length), false) => exactly(reads, unread, length).await?,
        (None, true) => chunks(reads, unread).await?,
        (None, false) => {
            while fill(reads, unread).await {}
            std::mem::take(unread)
        }
        (Some(_), true) => panic!("an answer framed twice: {answer:?}"),
    };
    Some(answer)
}

fn read_head(head: &[u8]) -> Answer {
    let text = String::from_utf8(head.to_vec()).unwrap();
    let mut lines = text.trim_end().split("\r\n");
    let status = lines.next().unwrap();
    assert!(status.starts_with("HTTP/1."), "{text:?}");
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Answer {
        status: status[9..12].parse().unwrap(),
        fields: fields.collect(),
        body: Vec::new(),
    }
}

async fn exactly(reads: &mut Reads, unread: &mut Vec<u8>, length: usize) -> Option<Vec<u8>> {
    while unread.len() < length {
        if !fill(reads, unread).await {
            return None;
        }
    }
    let rest = unread.split_off(length);
    Some(std::mem::replace(unread, rest))
}

async fn chunks(reads: &mut Reads, unread: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = position(unread, b"\r\n") {
                break end;
            }
            if !fill(reads, unread).await {
                return None;
            }
        };
        let line = exactly(reads, unread, end + 2).await?;
        let size = std::str::from_utf8(&line[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let chunk = exactly(reads, unread, size + 2).await?;
        assert!(chunk.ends_with(b"\r\n"));
        body.extend_from_slice(&chunk[..size]);
        if size == 0 {
            return Some(body);
        }
    }
}

/// Reads more; `false` at the end. A reset counts as an end: what was read before it stands.
async fn fill(reads: &mut Reads, unread: &mut Vec<u8>) -> bool {
    let more = tokio::time::timeout(PATIENCE, reads.read_buf(unread)).await;
    more.expect("neither bytes nor an end").unwrap_or(0) > 0
}

/// Where `wanted` begins in `bytes`.
pub fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|some| some == wanted)
}
