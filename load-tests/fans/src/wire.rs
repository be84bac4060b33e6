//! One request and its answer on one connection, in HTTP/1.1.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest head and the longest body that are read.
const LONGEST_HEAD: usize = 64 << 10;
const LONGEST_BODY: usize = 4 << 20;
/// The most header lines of an answer.
const LINES: usize = 64;

/// An answer, as far as a fan looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The lines of `Set-Cookie`.
    pub cookies: Vec<String>,
    /// Seconds in `Retry-After`.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the connection may be used again.
    pub stays_open: bool,
}

/// Why there was no answer.
#[derive(Debug)]
pub enum Broken {
    /// Not a byte came: on a connection that was kept, the other side had closed it meanwhile.
    Unanswered,
    /// The connection broke, or what came was no answer.
    Midway,
}

/// Sends `request` and reads the answer.
///
/// # Errors
/// [`Broken`]; the connection is then worth nothing.
pub async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<Answer, Broken> {
    let sent = stream.write_all(request).await;
    sent.map_err(|_| Broken::Unanswered)?;
    let mut read = Vec::with_capacity(4 << 10);
    loop {
        more(stream, &mut read).await?;
        if let Some((head, length)) = parse(&read)? {
            read.drain(..length);
            return body(stream, head, read).await;
        }
        if read.len() > LONGEST_HEAD {
            return Err(Broken::Midway);
        }
    }
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<(), Broken> {
    match stream.read_buf(read).await {
        Ok(1..) => Ok(()),
        Ok(0) | Err(_) if read.is_empty() => Err(Broken::Unanswered),
        Ok(0) | Err(_) => Err(Broken::Midway),
    }
}

/// The head of an answer, and how its body ends.
struct Head {
    answer: Answer,
    end: End,
}

enum End {
    Length(usize),
    Chunked,
    Close,
}

/// The head and its length in bytes, once it is there whole.
fn parse(read: &[u8]) -> Result<Option<(Head, usize)>, Broken> {
    let mut lines = [httparse::EMPTY_HEADER; LINES];
    let mut parsed = httparse::Response::new(&mut lines);
    let httparse::Status::Complete(length) = parsed.parse(read).map_err(|_| Broken::Midway)? else {
        return Ok(None);
    };
    let mut head = Head {
        answer: Answer {
            status: parsed.code.unwrap_or_default(),
            stays_open: true,
            ..Answer::default()
        },
        end: End::Close,
    };
    for line in parsed.headers.iter() {
        head.take(line.name, &String::from_utf8_lossy(line.value));
    }
    if matches!(head.answer.status, 204 | 304) {
        head.end = End::Length(0);
    }
    Ok(Some((head, length)))
}

impl Head {
    fn take(&mut self, name: &str, value: &str) {
        match name.to_ascii_lowercase().as_str() {
            "set-cookie" => self.answer.cookies.push(value.to_owned()),
            "retry-after" => self.answer.retry_after = value.parse().ok(),
            "content-length" => self.end = value.parse().map_or(End::Close, End::Length),
            "transfer-encoding" => self.end = End::Chunked,
            "connection" if value.eq_ignore_ascii_case("close") => self.answer.stays_open = false,
            _ => {}
        }
    }
}

async fn body(stream: &mut TcpStream, head: Head, mut read: Vec<u8>) -> Result<Answer, Broken> {
    let mut answer = head.answer;
    loop {
        let whole = match head.end {
            End::Length(length) if read.len() >= length => {
                read.truncate(length);
                Some(std::mem::take(&mut read))
            }
            End::Chunked => joined(&read)?,
            End::Length(_) | End::Close => None,
        };
        if let Some(whole) = whole {
            answer.body = whole;
            return Ok(answer);
        }
        match more(stream, &mut read).await {
            Ok(()) if read.len() <= LONGEST_BODY => {}
            Err(_) if matches!(head.end, End::Close) => {
                answer.stays_open = false;
                answer.body = read;
                return Ok(answer);
            }
            Ok(()) | Err(_) => return Err(Broken::Midway),
        }
    }
}

/// The chunks in one piece, once the last one is there.
fn joined(read: &[u8]) -> Result<Option<Vec<u8>>, Broken> {
    let (mut whole, mut rest) = (Vec::new(), read);
    loop {
        let sized = httparse::parse_chunk_size(rest).map_err(|_| Broken::Midway)?;
        let httparse::Status::Complete((begin, size)) = sized else {
            return Ok(None);
        };
        let size = usize::try_from(size).map_err(|_| Broken::Midway)?;
        let Some(chunk) = rest.get(begin..begin + size) else {
            return Ok(None);
        };
        let Some(after) = rest.get(begin + size + 2..) else {
            return Ok(None);
        };
        if size == 0 {
            return Ok(Some(whole));
        }
        whole.extend_from_slice(chunk);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn answered(with: &'static [u8]) -> Result<Answer, Broken> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 64];
            let _ = stream.read(&mut asked).await;
            for part in with.chunks(7) {
                stream.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (answer, ()) = tokio::join!(exchange(&mut stream, b"GET / HTTP/1.1\r\n\r\n"), server);
        answer
    }

    #[tokio::test]
    async fn bodies_end_where_their_heads_say() {
        let told = answered(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nRetry-After: 9\r\n\
              Content-Length: 5\r\n\r\nhello",
        );
        let told = told.await.unwrap();
        assert_eq!((told.status, told.retry_after), (200, Some(9)));
        assert_eq!(told.cookies, ["a=1", "b=2"]);
        assert_eq!(
            (told.body.as_slice(), told.stays_open),
            (&b"hello"[..], true)
        );

        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
                       5\r\nhello\r\n6; x=y\r\n world\r\n0\r\n\r\n";
        let told = answered(chunks).await.unwrap();
        assert_eq!(told.body, b"hello world");
        assert!(!told.stays_open);

        let told = answered(b"HTTP/1.0 200 OK\r\n\r\nto the end")
            .await
            .unwrap();
        assert_eq!(told.body, b"to the end");
    }

    #[tokio::test]
    async fn what_is_no_answer_is_told_from_none() {
        assert!(matches!(answered(b"").await, Err(Broken::Unanswered)));
        for broken in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"[..],
            b"HTTP/1.1 200",
            b"SSH-2.0-x\r\n\r\n",
        ] {
            assert!(matches!(answered(broken).await, Err(Broken::Midway)));
        }
    }
}
