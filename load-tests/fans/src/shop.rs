//! A small ticket shop: every page is the same, and carries a marker.

use std::net::SocketAddr;
use std::sync::LazyLock;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What stands in every page of the shop and nowhere else.
pub const MARKER: &str = "<!-- a page of the shop -->";

/// About as long as a page of the demo's shop.
const LENGTH: usize = 2_048;

/// The longest head of a request that is read.
const LONGEST_HEAD: usize = 64 << 10;

static ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut page = format!("<!doctype html><title>Tickets</title>{MARKER}<p>You are in.");
    while page.len() < LENGTH {
        page.push_str("\n<p>Standing, stalls, balcony: choose your seats.");
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
        page.len()
    );
    [head.into_bytes(), page.into_bytes()].concat()
});

/// Serves the shop until the process ends.
///
/// # Errors
/// When it cannot listen at `address`, or can accept no more.
pub async fn serve(address: SocketAddr) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let mut visits = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        visits.spawn(attend(stream));
        while visits.try_join_next().is_some() {}
    }
}

/// Answers one connection's requests; they have no bodies.
async fn attend(mut stream: TcpStream) -> std::io::Result<()> {
    let mut read = Vec::with_capacity(2 << 10);
    while stream.read_buf(&mut read).await? > 0 {
        while let Some(end) = end_of_head(&read) {
            read.drain(..end);
            stream.write_all(&ANSWER).await?;
        }
        if read.len() > LONGEST_HEAD {
            break;
        }
    }
    Ok(())
}

fn end_of_head(read: &[u8]) -> Option<usize> {
    let at = read.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::exchange;

    #[tokio::test]
    async fn every_page_carries_the_marker() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let visit = tokio::spawn(attend(accepted));
        for _ in 0..2 {
            let asked = b"GET /buy/x HTTP/1.1\r\nHost: x\r\n\r\n";
            let answer = exchange(&mut stream, asked).await.unwrap();
            let text = String::from_utf8(answer.body).unwrap();
            assert!(text.contains(MARKER) && text.len() >= LENGTH);
        }
        drop(stream);
        visit.await.unwrap().unwrap();
    }
}
