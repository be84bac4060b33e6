//! How many of something each client network has at one time, and may have.
//!
//! An IPv6 address counts for its /64 and for the larger networks around it, which may have a few
//! times as many together: whoever has a /48 has 65,536 of the small ones.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::policy::limits::{Network, TIERS, counted_by};

/// Counts by network; networks with none are not kept.
#[derive(Debug)]
pub(super) struct Networks {
    most: usize,
    counts: Mutex<HashMap<Network, usize>>,
}

/// One that is counted; no longer when dropped.
#[derive(Debug)]
pub struct Guest {
    client: IpAddr,
    networks: Arc<Networks>,
}

impl Networks {
    /// For so many of one IPv4 address or of one /64.
    pub(super) fn new(most: usize) -> Arc<Self> {
        let counts = Mutex::default();
        Arc::new(Self { most, counts })
    }

    /// Counts one more of a client's networks; `None` if one of them has as many as it may.
    pub(super) fn enter(self: &Arc<Self>, client: IpAddr) -> Option<Guest> {
        let mut counts = self.counts();
        let is_full = |(network, times): (Network, NonZeroU32)| {
            let times = usize::try_from(times.get()).unwrap_or(usize::MAX);
            let most = self.most.saturating_mul(times);
            counts.get(&network).is_some_and(|count| *count >= most)
        };
        let times = TIERS.iter().map(|(_, times)| *times);
        if counted_by(client).zip(times).any(is_full) {
            return None;
        }
        for network in counted_by(client) {
            *counts.entry(network).or_default() += 1;
        }
        drop(counts);
        let networks = Arc::clone(self);
        Some(Guest { client, networks })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.networks.counts();
        for network in counted_by(self.client) {
            let Some(count) = counts.get_mut(&network) else {
                continue;
            };
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(networks: &Arc<Networks>, client: &str) -> Option<Guest> {
        networks.enter(client.parse().unwrap())
    }

    #[test]
    fn r4_a_network_has_its_share_and_no_more() {
        for (one, same, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
        ] {
            let networks = Networks::new(2);
            let first = enter(&networks, one);
            let second = enter(&networks, same);
            assert!(first.is_some() && second.is_some());
            assert!(enter(&networks, one).is_none());
            let _other = enter(&networks, other).unwrap();
            drop(first);
            assert!(enter(&networks, same).is_some());
        }
    }

    #[test]
    fn r4_larger_networks_of_ipv6_have_a_few_shares_together() {
        let networks = Networks::new(2);
        let enter_all = |addresses: &mut dyn Iterator<Item = String>| {
            let entered = addresses.filter_map(|address| enter(&networks, &address));
            entered.collect::<Vec<Guest>>()
        };

        let of_a_56 = enter_all(&mut (0..200).map(|at| format!("2001:db8:0:{at:x}::1")));
        assert_eq!(of_a_56.len(), 8, "four times as many");
        let of_a_48 = enter_all(&mut (0..200).map(|at| format!("2001:db8:0:{at:x}00::1")));
        assert_eq!(of_a_48.len(), 24, "and sixteen times, with those eight");
        assert!(enter(&networks, "2001:db8:1::1").is_some());

        drop((of_a_56, of_a_48));
        assert!(networks.counts().is_empty(), "none is kept");
    }
}
