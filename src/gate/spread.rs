//! From how many networks one session is used at a time. Phones move from one to the next; a token
//! that is handed round is used from many at once.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Networks of one session that are remembered; no limit can be higher.
const REMEMBERED: usize = 16;

/// Networks used within so many seconds count as used at a time.
const AT_A_TIME: u64 = 60;

/// A session used from more networks at a time is counted, where its room sets no limit.
pub const USUAL: usize = 4;

/// The networks that one session was used from lately. Takes no lock: two requests at once may
/// forget one network, which the next request from there puts right.
#[derive(Debug, Default)]
pub(super) struct Networks {
    /// Network and monotonic second of its last use, 32 bits each; 0 for none.
    seen: [AtomicU64; REMEMBERED],
    flagged: AtomicBool,
}

impl Networks {
    /// Notes a use at the monotonic time `now`; from how many networks there were any lately.
    pub(super) fn used(&self, client: IpAddr, now: Duration) -> usize {
        let network = network_of(client);
        let second = now.as_secs().saturating_add(1) & 0xffff_ffff;
        let is_recent = |seen: u64| seen > 0 && (seen & 0xffff_ffff) + AT_A_TIME > second;
        let mut others = 0;
        let mut place = None;
        for slot in &self.seen {
            let seen = slot.load(Ordering::Relaxed);
            if seen >> 32 == network {
                place = Some(slot);
            } else if is_recent(seen) {
                others += 1;
            } else if place.is_none() {
                place = Some(slot);
            }
        }
        if let Some(slot) = place {
            slot.store(network << 32 | second, Ordering::Relaxed);
        }
        others + 1
    }

    /// Whether the caller is the first to find too many.
    pub(super) fn flag(&self) -> bool {
        !self.flagged.swap(true, Ordering::Relaxed)
    }
}

/// A network in 32 bits, never 0: the first 24 bits of an IPv4 address, a digest of the first 48 of
/// an IPv6 one.
fn network_of(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(four) => u64::from(four.to_bits() >> 8) | 1 << 31,
        IpAddr::V6(six) => {
            let site = u64::try_from(six.to_bits() >> 80).unwrap_or(0);
            (site.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33).max(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn used(networks: &Networks, client: &str, secs: u64) -> usize {
        networks.used(client.parse().unwrap(), at(secs))
    }

    #[test]
    fn t8_networks_count_once_each_and_for_a_minute() {
        let networks = Networks::default();
        assert_eq!(used(&networks, "192.0.2.1", 0), 1);
        assert_eq!(used(&networks, "192.0.2.250", 1), 1, "the same network");
        assert_eq!(used(&networks, "198.51.100.7", 2), 2);
        assert_eq!(used(&networks, "2001:db8:1:2::3", 3), 3);
        assert_eq!(used(&networks, "2001:db8:1:9::3", 3), 3, "the same site");
        assert_eq!(
            used(&networks, "::ffff:192.0.2.9", 4),
            3,
            "in other clothes"
        );
        assert_eq!(used(&networks, "203.0.113.1", 63), 2, "two were long ago");
        assert_eq!(used(&networks, "192.0.2.1", 200), 1);
        assert!(networks.flag() && !networks.flag());
    }

    #[test]
    fn t8_more_networks_than_are_remembered_are_many() {
        let networks = Networks::default();
        let counts = (0..100_u8).map(|third| used(&networks, &format!("10.0.{third}.1"), 5));
        assert_eq!(counts.max(), Some(REMEMBERED + 1));
    }
}
