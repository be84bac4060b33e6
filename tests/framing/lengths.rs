//! Content-Length and Transfer-Encoding, in every spelling but the right one.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{arrives, assert_refused, is_refused, post, spellings};
use crate::kit::wire::statuses;
use crate::kit::{House, raw};

#[tokio::test]
async fn h1_a_length_beside_an_encoding_is_refused() {
    let house = House::open().await;
    let chunks = b"5\r\nhello\r\n0\r\n\r\n";
    for fields in [
        "Content-Length: 15\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 15\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nX: 1\r\ncontent-length: 5\r\n",
        "Content-Length: 15\r\nTransfer-Encoding: identity\r\n",
    ] {
        is_refused(&house, &post("/about", fields.as_bytes(), chunks)).await;
        is_refused(&house, &post("/buy/1", fields.as_bytes(), chunks)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2_of_all_spellings_of_chunked_only_the_plain_one_is_accepted() {
    let house = House::open().await;
    let (address, at_once) = (house.address, Arc::new(Semaphore::new(32)));
    let refused = spellings::refused().into_iter().map(|field| (field, false));
    let accepted = spellings::accepted().into_iter().map(|field| (field, true));
    let mut tries = JoinSet::new();
    for (number, (field, accepted)) in refused.chain(accepted).enumerate() {
        let at_once = Arc::clone(&at_once);
        tries.spawn(async move {
            let _slot = at_once.acquire_owned().await.unwrap();
            let target = format!("/about/m{number}");
            let bytes = post(&target, &field, b"5\r\nhello\r\n0\r\n\r\n");
            let answers = raw(address, &bytes).await;
            if accepted {
                let shown = String::from_utf8_lossy(&bytes);
                assert_eq!(statuses(&answers), [200, 200], "{shown:?}");
            } else {
                assert_refused(&answers, &bytes);
            }
            (target, accepted)
        });
    }
    let tried = tries.join_all().await;
    assert!(tried.len() > 900, "{} spellings", tried.len());
    let arrived = house.origin.arrived();
    for (target, accepted) in &tried {
        let mine: Vec<_> = arrived
            .iter()
            .filter(|one| one.target() == target)
            .collect();
        assert_eq!(mine.len(), usize::from(*accepted), "{target}");
        for one in mine {
            assert_eq!((one.body.as_slice(), one.complete), (&b"hello"[..], true));
            assert_eq!(
                one.all("transfer-encoding"),
                ["chunked"],
                "framed anew: {}",
                one.head
            );
        }
    }
    let accepted = tried.iter().filter(|(_, accepted)| *accepted).count();
    assert_eq!(arrived.len(), 2 * accepted, "and each next request");
}

#[tokio::test]
async fn h3_a_length_is_plain_digits_said_once() {
    let house = House::open().await;
    for value in [
        "+5",
        "-5",
        "-0",
        "05",
        "5,5",
        "5, 5",
        "5, 6",
        "5 5",
        "0x5",
        "5;",
        "5.0",
        "1e1",
        "",
        " ",
        "five",
        "\"5\"",
        "18446744073709551616",
        "18446744073709551615",
        "99999999999999999999999",
        "5\0",
        "5\u{a0}",
        "５",
    ] {
        let field = format!("Content-Length: {value}\r\n");
        is_refused(&house, &post("/about", field.as_bytes(), b"hello")).await;
    }
    for fields in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nX: 1\r\ncontent-length: 6\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content_Length: 5\r\n",
        "Content-Length : 5\r\n",
        " Content-Length: 5\r\n",
        "Content-Length: 5\r\n 5\r\n",
        "Content-Length: 5\n",
    ] {
        is_refused(&house, &post("/about", fields.as_bytes(), b"hello")).await;
    }
    for value in ["5", " 5", "\t5 "] {
        let field = format!("Content-Length:{value}\r\n");
        arrives(
            &house,
            &post("/about", field.as_bytes(), b"hello"),
            b"hello",
        )
        .await;
    }
}
