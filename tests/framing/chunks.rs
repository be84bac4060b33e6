//! Chunked bodies and their trailers.

use super::{arrives, post};
use crate::kit::wire::statuses;
use crate::kit::{House, raw};

/// Chunked bodies in which two servers could see two ends.
fn bad_bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5_\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "4\r\nhello\r\n0\r\n\r\n",
        "6\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\r\n\rX",
        "5;\nx\r\nhello\r\n0\r\n\r\n",
        "5;x\nhello\r\n0\r\n\r\n",
        "5\n;x\r\nhello\r\n0\r\n\r\n",
        "5;x\rGET / HTTP/1.1\r\nhello\r\n0\r\n\r\n",
        "5;\0\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nNo colon\r\n\r\n",
        "5\r\nhello\r\n0\r\n X: folded\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: a\nY: b\r\n\r\n",
    ]
    .map(|body| body.as_bytes().to_vec())
    .into();
    bodies.push(format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(16 << 10)).into_bytes());
    bodies.push(format!("{}0\r\n\r\n", "1;xxxxxxxxxxxxxxxx\r\na\r\n".repeat(2_000)).into_bytes());
    let trailers = "X: 1\r\n".repeat(2_000);
    bodies.push(format!("5\r\nhello\r\n0\r\n{trailers}\r\n").into_bytes());
    bodies
}

#[tokio::test]
async fn h4_a_body_with_two_possible_ends_never_arrives_whole() {
    let house = House::open().await;
    let chunked = b"Transfer-Encoding: chunked\r\n";
    for body in bad_bodies() {
        let shown = String::from_utf8_lossy(&body)
            .chars()
            .take(60)
            .collect::<String>();
        let answers = raw(house.address, post("/about", chunked, &body)).await;
        assert_eq!(statuses(&answers), [400], "{shown:?}");
        assert_eq!(answers[0].header("connection"), Some("close"), "{shown:?}");

        let answers = raw(house.address, post("/buy/1", chunked, &body)).await;
        assert_eq!(answers.len(), 1, "{shown:?}: the connection ends");
        assert!([400, 429].contains(&answers[0].status), "{shown:?}");
    }
    for one in house.origin.arrived() {
        assert_eq!((one.target(), one.complete), ("/about", false), "{one:?}");
    }
    let house = House::open().await;
    for body in [
        "5\r\nhello\r\n0\r\n\r\n",
        "05\r\nhello\r\n00\r\n\r\n",
        "5;x=y\r\nhello\r\n0;z\r\n\r\n",
        "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n",
    ] {
        arrives(&house, &post("/about", chunked, body.as_bytes()), b"hello").await;
    }
}

#[tokio::test]
async fn h5_trailers_never_arrive() {
    let house = House::open().await;
    let body = "5\r\nhello\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil\r\n\
                Authorization: Basic x\r\nCookie: a=b\r\nAnteroom-Admission: x\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
    let fields =
        b"Transfer-Encoding: chunked\r\nTrailer: Cookie, Authorization\r\nTE: trailers\r\n";
    let answers = raw(house.address, post("/about", fields, body.as_bytes())).await;
    assert_eq!(statuses(&answers), [200, 200]);
    let arrived = &house.origin.arrived()[0];
    assert_eq!(
        (arrived.body.as_slice(), arrived.complete),
        (&b"hello"[..], true)
    );
    for name in ["trailer", "te", "authorization", "cookie"] {
        assert!(arrived.all(name).is_empty(), "{}", arrived.head);
    }
}
