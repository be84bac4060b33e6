//! Row T16: how long a refusal takes says nothing about how wrong a token is.

use std::time::Duration;

use anteroom::domain::clock::Clock;
use anteroom::token::Keyring;

use crate::fuzzed::keys::{NOON, keys, room};
use crate::fuzzed::queue_token;
use crate::kit::forge::{decoded, encoded};

/// So many of each.
const SAMPLES: usize = 10_000;

#[test]
fn t16_every_wrong_queue_token_is_refused_in_the_same_time() {
    let good = decoded(&queue_token::a_good_one());
    let wrong = [
        (80, "the tag's end"),
        (65, "the tag's beginning"),
        (10, "the visitor"),
        (60, "the position"),
    ];
    let texts: Vec<String> = wrong
        .iter()
        .map(|(at, _)| {
            let mut bytes = good.clone();
            bytes[*at] ^= 1;
            encoded(bytes)
        })
        .collect();
    let mut took = vec![Vec::new(); wrong.len()];
    let (clock, ring) = (Clock::machine(), &keys().ring);
    for _ in 0..SAMPLES {
        for (text, took) in texts.iter().zip(&mut took) {
            took.push(refusal(&clock, ring, text));
        }
    }
    let medians: Vec<Duration> = took
        .iter_mut()
        .map(|took| {
            took.sort();
            took[SAMPLES / 2]
        })
        .collect();
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    println!("{wrong:?}: {medians:?}");
    assert!(
        *most < *least + *least / 4 + Duration::from_micros(1),
        "{medians:?}"
    );
}

fn refusal(clock: &Clock, ring: &Keyring, text: &str) -> Duration {
    let begun = clock.now().mono;
    assert!(ring.verify_queue(&room(), text, NOON).is_err());
    clock.now().mono - begun
}
