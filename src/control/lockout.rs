//! The lock-out of addresses that keep sending wrong tokens.
//!
//! Each wrong token fills a leaking bucket of its address; a full one locks the address out, each
//! time twice as long, at most a minute. A scraper with a stale token asks too seldom to fill it,
//! so it locks out nobody else on its machine.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Wrong tokens an address may send in a burst.
pub const PATIENCE: u32 = 32;

/// One wrong token is forgotten in this time.
const FORGOTTEN: Duration = Duration::from_secs(6);

/// The first lock-out; each later one is twice as long as the one before.
const FIRST_LOCK: Duration = Duration::from_secs(1);

/// The longest lock-out.
const LONGEST_LOCK: Duration = Duration::from_mins(1);

/// Addresses remembered at most.
const MOST_PEERS: usize = 1_024;

/// Who is locked out, and who is on the way there. Times are monotonic.
#[derive(Debug, Default)]
pub struct Lockout {
    peers: Mutex<HashMap<Peer, Failures>>,
}

/// An IPv4 address, or the /64 of an IPv6 one.
type Peer = [u8; 8];

#[derive(Clone, Copy, Debug)]
struct Failures {
    /// Wrong tokens not yet forgotten, as of `counted`.
    level: u32,
    counted: Duration,
    locks: u32,
    locked_until: Duration,
}

impl Lockout {
    /// How much longer `address` is locked out at `now`; `None` if it is not.
    #[must_use]
    pub fn left(&self, address: IpAddr, now: Duration) -> Option<Duration> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = peers.get(&peer(address))?;
        let left = failures.locked_until.checked_sub(now)?;
        (left > Duration::ZERO).then_some(left)
    }

    /// Remembers a wrong token from `address`, and answers the lock-out it earned, if any.
    pub fn failed(&self, address: IpAddr, now: Duration) -> Option<Duration> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = peer(address);
        if peers.len() >= MOST_PEERS && !peers.contains_key(&key) {
            make_room(&mut peers, now);
        }
        let failures = peers.entry(key).or_insert(Failures {
            level: 0,
            counted: now,
            locks: 0,
            locked_until: Duration::ZERO,
        });
        failures.forget(now);
        failures.level = failures.level.saturating_add(1);
        (failures.level >= PATIENCE).then(|| failures.lock(now))
    }
}

impl Failures {
    fn forget(&mut self, now: Duration) {
        let since = now.saturating_sub(self.counted);
        let gone = u32::try_from(since.as_secs() / FORGOTTEN.as_secs()).unwrap_or(u32::MAX);
        self.level = self.level.saturating_sub(gone);
        self.counted += FORGOTTEN.saturating_mul(gone).min(since);
        if self.level == 0 {
            self.locks = 0;
        }
    }

    fn lock(&mut self, now: Duration) -> Duration {
        let doubled = FIRST_LOCK.saturating_mul(1 << self.locks.min(16));
        let span = doubled.min(LONGEST_LOCK);
        self.locks = self.locks.saturating_add(1);
        self.locked_until = now.saturating_add(span);
        span
    }
}

/// Drops those whose wrong tokens are all forgotten, and if that drops nobody, the oldest.
fn make_room(peers: &mut HashMap<Peer, Failures>, now: Duration) {
    peers.retain(|_, failures| {
        failures.forget(now);
        failures.level > 0
    });
    if peers.len() >= MOST_PEERS {
        let oldest = peers.iter().min_by_key(|(_, failures)| failures.counted);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            peers.remove(&key);
        }
    }
}

fn peer(address: IpAddr) -> Peer {
    let octets = match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h, ..] = v6.octets();
            return [a, b, c, d, e, f, g, h];
        }
    };
    // ::ffff:a.b.c.d has the address in its last four bytes; no /64 in use looks like that.
    let [.., a, b, c, d] = octets;
    [0, 0, 0xff, 0xff, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn s(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_guesser_is_locked_out_longer_each_time_and_others_are_not_c1() {
        let lockout = Lockout::default();
        for _ in 1..PATIENCE {
            assert_eq!(lockout.failed(ANN, s(0)), None);
        }
        assert_eq!(lockout.left(ANN, s(0)), None);

        let mut now = s(0);
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            // What leaks during the lock-out is filled up again first.
            let locked = (0..PATIENCE)
                .find_map(|_| lockout.failed(ANN, now))
                .unwrap();
            assert_eq!(locked, s(expected));
            assert_eq!(lockout.left(ANN, now), Some(locked));
            assert_eq!(lockout.left("192.0.2.2".parse().unwrap(), now), None);
            now += locked;
            assert_eq!(lockout.left(ANN, now), None, "over after {expected} s");
        }
    }

    #[test]
    fn a_stale_token_every_fifteen_seconds_locks_nobody_out() {
        let lockout = Lockout::default();
        for turn in 0..1_000 {
            assert_eq!(lockout.failed(ANN, s(turn * 15)), None);
        }
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_memory_is_bounded() {
        let lockout = Lockout::default();
        for host in 0..u128::from(PATIENCE) {
            let address = std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | host);
            lockout.failed(address.into(), s(0));
        }
        assert!(
            lockout
                .left("2001:db8::ffff".parse().unwrap(), s(0))
                .is_some()
        );
        for net in 0..5_000u32 {
            let address = std::net::Ipv4Addr::from_bits(net);
            lockout.failed(address.into(), s(1));
        }
        assert!(lockout.peers.lock().unwrap().len() <= MOST_PEERS);
    }
}
