//! How many connections there may be: what the configuration says, as far as the machine's limit on
//! open files leaves room.

use std::fs;
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::bail;
use tokio::sync::Semaphore;

use crate::config::gateway::Connections;
use crate::edge::capacity::Capacity;
use crate::edge::events::{Most, Streams};
use crate::telemetry::metrics::Metrics;

/// Where Linux says what this process may have.
const LIMITS: &str = "/proc/self/limits";

/// The fewest open files with which a gateway starts.
const FEWEST: usize = 64;

/// How many of them are never visitors': listeners, the store, connections to sites, and files.
const OURS: usize = 32;

/// Room for connections, as far as the machine's limit on open files goes.
pub(super) fn capacity(connections: Connections, metrics: &Arc<Metrics>) -> Arc<Capacity> {
    let allowed = for_visitors(connections.max);
    let per_network = usize::try_from(connections.per_network.get()).unwrap_or(usize::MAX);
    let metrics = Arc::clone(metrics);
    Arc::new(Capacity::new((allowed, per_network), metrics))
}

/// Places for WebSockets.
pub(super) fn sockets(connections: Connections) -> Arc<Semaphore> {
    let most = for_lasting(connections.sockets, connections.max);
    Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)))
}

/// Places for event streams.
pub(super) fn streams(connections: Connections, metrics: &Arc<Metrics>) -> Arc<Streams> {
    let per_network = connections.streams_per_network.get();
    let most = Most {
        all: for_lasting(connections.streams, connections.max).min(Semaphore::MAX_PERMITS),
        per_network: usize::try_from(per_network).unwrap_or(usize::MAX),
    };
    Arc::new(Streams::new(most, Arc::clone(metrics)))
}

/// How many visitors' connections there may be: what the configuration says, or less where open
/// files are few. A quarter of them is left for connections to sites and the store, and for files.
fn for_visitors(wanted: NonZeroU32) -> usize {
    let (wanted, room) = (number(wanted), room());
    if room < wanted {
        tracing::warn!(
            connections = room,
            "the limit on open files leaves room for fewer connections than [connections] max"
        );
    }
    wanted.min(room)
}

/// How many of the visitors' connections may be of a kind that stays (WebSockets, event streams):
/// what the configuration says, or three eighths of them all, so that a quarter is left for others
/// when both kinds are full.
fn for_lasting(wanted: NonZeroU32, visitors: NonZeroU32) -> usize {
    let part = number(visitors).min(room()) / 8 * 3;
    number(wanted).min(part.max(1))
}

fn number(wanted: NonZeroU32) -> usize {
    usize::try_from(wanted.get()).unwrap_or(usize::MAX)
}

/// Refuses to start where there are too few open files to serve anybody.
pub(super) fn enough() -> anyhow::Result<()> {
    files().map_or(Ok(()), suffices)
}

fn suffices(files: usize) -> anyhow::Result<()> {
    if files < FEWEST {
        bail!(
            "the limit on open files is {files}, and a gateway needs {FEWEST} at least and some \
             for each visitor: raise it with `ulimit -n 65536`, or `LimitNOFILE=65536` where \
             systemd starts it"
        );
    }
    Ok(())
}

/// The visitors' part of the open files there may be.
fn room() -> usize {
    files().map_or(usize::MAX, for_visitors_of)
}

/// Three quarters of these open files, and less where they are few.
fn for_visitors_of(files: usize) -> usize {
    files.saturating_sub((files / 4).max(OURS)).max(1)
}

fn files() -> Option<usize> {
    let limits = fs::read_to_string(LIMITS).ok()?;
    open_files(&limits)
}

/// The limit in force on open files, if there is one.
fn open_files(text: &str) -> Option<usize> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_in_force_is_the_first_of_the_two() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max processes             96310                96310                processes\n\
                    Max open files            256                  20000                files\n";
        assert_eq!(open_files(text), Some(256));
        assert_eq!(open_files("Max open files unlimited unlimited files"), None);
        assert_eq!(open_files(""), None);
    }

    #[test]
    fn visitors_get_three_quarters_of_the_files_and_never_the_last_ones() {
        for (files, visitors) in [(64, 32), (100, 68), (128, 96), (1_024, 768), (20, 1)] {
            assert_eq!(for_visitors_of(files), visitors, "{files}");
        }
    }

    #[test]
    fn too_few_files_are_refused_with_what_to_do() {
        assert!(suffices(64).is_ok());
        let fault = suffices(63).unwrap_err().to_string();
        assert!(fault.contains("is 63"), "{fault}");
        assert!(fault.contains("`ulimit -n 65536`"), "{fault}");
        assert!(enough().is_ok(), "this machine has enough of them");
    }

    #[test]
    fn no_more_connections_than_wanted_and_a_quarter_of_them_for_those_that_go() {
        let many = |count| NonZeroU32::new(count).unwrap();
        assert_eq!(for_visitors(many(1)), 1);
        assert_eq!(for_lasting(many(10), many(100)), 10);
        assert_eq!(for_lasting(many(100), many(100)), 36);
        assert_eq!(for_lasting(many(100), many(1)), 1);
    }
}
