//! Attacks on the queue token, and on both kinds.

use super::*;
use crate::token::queue::TEXT;

#[test]
fn t4_a_queue_token_lapses_after_ten_minutes_without_a_place_and_a_day_with_one() {
    let keys = keyring(AdmissionAlgorithm::EdDsa);
    for (place, life) in [(None, 600), (Place::new(Epoch(1), 1), 86_400)] {
        let token = QueueToken {
            place,
            expires: QueueToken::expiry(place, NOON),
            ..queue_token()
        };
        let text = keys.sign_queue(&derby(), &token, NOON);
        let at = |now| keys.verify_queue(&derby(), &text, now);

        assert_eq!(at(later(life + 4)), Ok(token));
        assert_eq!(at(later(life + 5)), Err(Refused::Expired));
    }
}

#[test]
fn t5_no_token_passes_for_another_kind_room_or_issuer() {
    let files = files_of(NOON, AdmissionAlgorithm::EdDsa);
    let keys = Keyring::read(&files).unwrap();
    let queue = keys.sign_queue(&derby(), &queue_token(), NOON);
    let admitted = keys
        .sign_admission(&derby(), &admission(&keys), NOON)
        .unwrap();
    assert!(verify(&keys, &admitted).is_ok() && verify_queue(&keys, &queue).is_ok());

    assert_eq!(verify(&keys, &queue), Err(Refused::Malformed));
    assert_eq!(verify_queue(&keys, &admitted), Err(Refused::Malformed));

    let other: RoomName = "derby-2".parse().unwrap();
    let refused = keys.verify_admission(&other, &admitted, NOON, MAX_LIFE);
    assert_eq!(refused, Err(Refused::Room));
    assert_eq!(
        keys.verify_queue(&other, &queue, NOON),
        Err(Refused::Signature)
    );

    let staging = Keyring::read(&files).unwrap().with_issuer("staging");
    assert_eq!(verify(&staging, &admitted), Err(Refused::Issuer));
    assert_eq!(verify_queue(&staging, &queue), Err(Refused::Signature));
    let back = staging.with_issuer("anteroom");
    assert!(verify(&back, &admitted).is_ok() && verify_queue(&back, &queue).is_ok());

    let stranger = keyring(AdmissionAlgorithm::EdDsa);
    assert_eq!(verify(&stranger, &admitted), Err(Refused::UnknownKey));
    assert_eq!(verify_queue(&stranger, &queue), Err(Refused::UnknownKey));
}

#[test]
fn t5_a_secret_shared_by_mistake_lets_neither_kind_pass_for_the_other() {
    let mut files = files_of(NOON, AdmissionAlgorithm::Hs256);
    for index in 1..4 {
        files[index].text = files[0].text.clone();
    }
    let keys = Keyring::read(&files).unwrap();
    let queue = keys.sign_queue(&derby(), &queue_token(), NOON);
    let admitted = keys
        .sign_admission(&derby(), &admission(&keys), NOON)
        .unwrap();
    assert!(verify(&keys, &queue).is_err() && verify_queue(&keys, &admitted).is_err());
}

/// Every text that differs from `good` in one bit and can be the text of a header at all.
fn flips(good: &str) -> impl Iterator<Item = String> {
    (0..good.len() * 8).filter_map(|bit| {
        let mut bytes = good.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        String::from_utf8(bytes).ok()
    })
}

/// Other spellings of `good`, and pieces of it.
fn variants(good: &str) -> Vec<String> {
    let mut texts: Vec<String> = (0..good.len()).map(|end| good[..end].to_owned()).collect();
    for extra in ["=", "==", " ", "\n", "\0", ".", "A", "%3D", "é"] {
        texts.push(format!("{good}{extra}"));
        texts.push(format!("{extra}{good}"));
        texts.push(format!("{}{extra}{}", &good[..40], &good[40..]));
    }
    texts.push(good.replace('-', "+").replace('_', "/") + "=");
    texts.push(good.to_lowercase());
    texts.push(format!("{good}{good}"));
    texts
}

#[test]
fn t6_no_bit_of_a_queue_token_can_be_changed() {
    let keys = keyring(AdmissionAlgorithm::EdDsa);
    let good = keys.sign_queue(&derby(), &queue_token(), NOON);
    assert_eq!(
        (good.len(), verify_queue(&keys, &good)),
        (108, Ok(queue_token()))
    );

    for text in flips(&good).chain(variants(&good)) {
        assert!(verify_queue(&keys, &text).is_err(), "{text}");
    }
    let bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let text = URL_SAFE_NO_PAD.encode(bytes);
        assert!(verify_queue(&keys, &text).is_err(), "bit {bit}");
    }
    assert_eq!(URL_SAFE.encode(&bytes), good, "no padding, one spelling");
}

#[test]
fn t6_no_bit_of_an_admission_token_can_be_changed() {
    for algorithm in [AdmissionAlgorithm::EdDsa, AdmissionAlgorithm::Hs256] {
        let keys = keyring(algorithm);
        let good = keys
            .sign_admission(&derby(), &admission(&keys), NOON)
            .unwrap();
        assert_eq!(verify(&keys, &good), Ok(admission(&keys)));

        for text in flips(&good).chain(variants(&good)) {
            assert!(verify(&keys, &text).is_err(), "{text}");
        }
        let parts: Vec<Vec<u8>> = good
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
            .collect();
        for (index, part) in parts.iter().enumerate() {
            for bit in 0..part.len() * 8 {
                let mut parts = parts.clone();
                parts[index][bit / 8] ^= 1 << (bit % 8);
                let parts = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part));
                let text = parts.collect::<Vec<_>>().join(".");
                assert!(verify(&keys, &text).is_err(), "part {index} bit {bit}");
            }
        }
    }
}

#[test]
fn t12_a_better_place_lane_or_expiry_cannot_be_written_into_a_queue_token() {
    let keys = keyring(AdmissionAlgorithm::EdDsa);
    let good = keys.sign_queue(&derby(), &queue_token(), NOON);
    let bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
    let place = queue_token().place.unwrap().score().to_be_bytes();
    let at = bytes.windows(8).position(|eight| eight == place).unwrap();
    let (lane, verdict, expiry) = (5, 6, at + 8);
    for (offset, value) in [
        (at + 6, 0),
        (at + 7, 1),
        (lane, 1),
        (verdict, 0),
        (expiry, 0xff),
    ] {
        let mut bytes = bytes.clone();
        bytes[offset] = value;
        let text = URL_SAFE_NO_PAD.encode(bytes);
        assert_eq!(
            verify_queue(&keys, &text),
            Err(Refused::Signature),
            "{offset}"
        );
    }
}

prop_compose! {
    fn any_place()(place in prop::option::of((0_u32..1 << 24, 1_u32..1 << 29))) -> Option<Place> {
        place.and_then(|(epoch, number)| Place::new(Epoch(epoch), number))
    }
}

prop_compose! {
    fn any_queue_token()(
        (lane, verdict, rules, turn) in any::<(u8, u8, u16, u16)>(),
        (visitor, window, epoch, tick) in any::<([u8; 16], u32, u32, u64)>(),
        place in any_place(),
        position in any::<u32>(),
        ended in prop::option::of(prop::sample::select(EndedBy::ALL.to_vec())),
        lobby in any::<bool>(),
        away in prop::option::of(1_i64..1_000_000),
        lives in 0_i64..4_000_000_000 - 1_795_000_000,
    ) -> QueueToken {
        QueueToken {
            lane, verdict, rules, lobby, place, tick, ended,
            visitor: VisitorId::from_bytes(visitor),
            window: WindowId(window),
            epoch: Epoch(epoch),
            turn: Turn(turn),
            expires: later(lives),
            position: NonZeroU32::new(position),
            away: away.map(later),
        }
    }
}

proptest! {
    #[test]
    fn a_queue_token_says_what_was_signed(token in any_queue_token()) {
        let keys = keyring(AdmissionAlgorithm::Hs256);
        let text = keys.sign_queue(&derby(), &token, NOON);
        prop_assert_eq!(text.len(), TEXT);
        prop_assert_eq!(verify_queue(&keys, &text), Ok(token));
    }

    #[test]
    fn an_admission_token_says_what_was_signed(
        (jti, visitor, rev) in any::<([u8; 16], [u8; 16], u32)>(),
        began in 0_i64..1_000,
        lives in 1_i64..800,
        eddsa in any::<bool>(),
    ) {
        let keys = keyring(if eddsa { AdmissionAlgorithm::EdDsa } else { AdmissionAlgorithm::Hs256 });
        let admission = Admission {
            jti: Jti(jti),
            sub: keys.subject(&derby(), VisitorId::from_bytes(visitor)),
            since: later(-began),
            expires: later(lives),
            rev,
        };
        let text = keys.sign_admission(&derby(), &admission, NOON).unwrap();
        prop_assert!(text.len() < 512);
        prop_assert_eq!(verify(&keys, &text), Ok(admission));
    }

    #[test]
    fn no_text_at_all_is_a_token(text in "\\PC{0,200}|[A-Za-z0-9_-]{108}|eyJ[A-Za-z0-9_.-]{0,99}") {
        let keys = keyring(AdmissionAlgorithm::EdDsa);
        prop_assert!(verify_queue(&keys, &text).is_err());
        prop_assert!(verify(&keys, &text).is_err());
    }
}
