//! Rows H of docs/security.md: where one request ends and the next begins. What is ambiguous is refused before
//! anybody acts on it; what is not arrives byte for byte.

mod chunks;
mod heads;
mod lengths;
mod spellings;

use crate::kit::wire::statuses;
use crate::kit::{Answer, House, raw};

/// What is pipelined behind every request here: it must never be read as anything else.
const NEXT: &[u8] = b"GET /about/next HTTP/1.1\r\nHost: shop.example\r\n\r\n";

/// A POST with these header lines and this body, and the next request behind it.
fn post(target: &str, fields: &[u8], body: &[u8]) -> Vec<u8> {
    let head = format!("POST {target} HTTP/1.1\r\nHost: shop.example\r\n");
    [head.as_bytes(), fields, b"\r\n", body, NEXT].concat()
}

/// Demands 400 and the connection's end, and that the shop heard nothing.
async fn is_refused(house: &House, bytes: &[u8]) {
    let answers = raw(house.address, bytes).await;
    assert_refused(&answers, bytes);
    house.origin.saw_nothing();
}

fn assert_refused(answers: &[Answer], bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(statuses(answers), [400], "{shown:?}");
    assert_eq!(answers[0].header("connection"), Some("close"), "{shown:?}");
}

/// Demands that the request arrives once, with this body, and the next one after it.
async fn arrives(house: &House, bytes: &[u8], body: &[u8]) {
    let answers = raw(house.address, bytes).await;
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(statuses(&answers), [200, 200], "{shown:?}");
    let arrived = house.origin.arrived();
    assert_eq!(arrived.len(), 2, "{shown:?}: {arrived:?}");
    assert_eq!(arrived[0].body, body, "{shown:?}");
    assert_eq!(arrived[1].target(), "/about/next");
    house.origin.lines();
}
