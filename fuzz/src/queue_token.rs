//! Queue tokens: what counts is exactly what we signed, for this room alone.

use std::num::NonZeroU32;

use anteroom::domain::place::{Epoch, Place, Turn};
use anteroom::domain::standing::EndedBy;
use anteroom::domain::visitor::VisitorId;
use anteroom::domain::window::WindowId;
use anteroom::token::QueueToken;

use super::keys::{NOON, keys, room};

/// A token's text, or anything else; and the fields of a token.
pub fn run(data: &[u8]) {
    let ring = &keys().ring;
    let text = String::from_utf8_lossy(data);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    if let Ok(token) = ring.verify_queue(&room(), text, NOON) {
        assert_eq!(
            ring.sign_queue(&room(), &token, NOON),
            text,
            "only what we signed"
        );
    }
    let another = "final".parse().unwrap();
    assert!(
        ring.verify_queue(&another, text, NOON).is_err(),
        "another room's"
    );

    let token = said(data);
    let mut signed = ring.sign_queue(&room(), &token, NOON);
    assert_eq!(ring.verify_queue(&room(), &signed, NOON).ok(), Some(token));
    if let (Some(at), Some(change)) = (data.first(), data.last()) {
        let at = usize::from(*at) % signed.len();
        let letter = char::from(b'A' + change % 26);
        if !signed[at..].starts_with(letter) {
            signed.replace_range(at..=at, letter.encode_utf8(&mut [0; 4]));
            assert!(
                ring.verify_queue(&room(), &signed, NOON).is_err(),
                "{signed} was changed at {at}"
            );
        }
    }
}

/// A token that says what these bytes say; what is missing is zero.
fn said(data: &[u8]) -> QueueToken {
    let mut bytes = data.iter().copied().chain(std::iter::repeat(0));
    let mut number = |width: usize| {
        let taken = bytes.by_ref().take(width);
        taken.fold(0_u64, |number, byte| number << 8 | u64::from(byte))
    };
    let mut visitor = [0; 16];
    visitor[..8].copy_from_slice(&number(8).to_be_bytes());
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    // The lowest place of all is nobody's: a token that holds it says that it holds none.
    let place = Place::new(Epoch(small(number(2))), small(number(3)))
        .filter(|place| *place != Place::LOWEST);
    QueueToken {
        lane: u8::try_from(number(1)).unwrap_or(0),
        verdict: 0,
        rules: u16::try_from(number(2)).unwrap_or(0),
        visitor: VisitorId::from_bytes(visitor),
        window: WindowId(small(number(4))),
        epoch: Epoch(small(number(4))),
        turn: Turn(u16::try_from(number(2)).unwrap_or(1)),
        lobby: number(1) % 2 == 1,
        place,
        expires: QueueToken::expiry(place, NOON),
        tick: number(8),
        position: NonZeroU32::new(small(number(4))),
        ended: EndedBy::ALL
            .get(usize::try_from(number(1)).unwrap_or(0))
            .copied(),
        away: (number(1) % 2 == 1).then_some(NOON),
    }
}

/// A token that counts, for the corpus.
#[must_use]
pub fn a_good_one() -> String {
    keys()
        .ring
        .sign_queue(&room(), &said(b"0123456789abcdef0123456789"), NOON)
}
