//! A site's connections: how many may be busy at once, and the warm ones that each worker
//! thread keeps for itself, so that taking one needs no lock.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::deadline::Deadlines;
use super::line::{Fitness, Line};
use super::{OriginError, OriginStats, Settings};

/// How long a request may wait for another to end when the origin has all it may have.
const BUSY_WAIT: Duration = Duration::from_secs(1);

thread_local! {
    /// This thread's warm connections.
    static SHELVES: RefCell<Vec<Shelf>> = const { RefCell::new(Vec::new()) };
}

/// One thread's warm connections to one site, last used on top.
struct Shelf {
    site: Weak<Site>,
    lines: Vec<Line>,
}

/// One site's origin.
#[derive(Debug)]
pub(super) struct Site {
    settings: Settings,
    deadlines: Deadlines,
    busy: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
}

impl Site {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            deadlines: Deadlines::new(&settings),
            settings,
            busy: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    pub(super) fn is_of(&self, settings: &Settings) -> bool {
        self.settings == *settings
    }

    pub(super) const fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// How long a body or an open socket may stand still.
    pub(super) const fn idle(&self) -> Duration {
        self.settings.idle
    }

    pub(super) fn stats(&self) -> OriginStats {
        OriginStats {
            busy: self.busy.load(Ordering::Relaxed),
            max_connections: self.settings.max_connections,
        }
    }

    /// Makes a new connection.
    pub(super) async fn open(&self) -> Result<Line, OriginError> {
        Line::open(&self.settings, self.deadlines).await
    }

    /// Takes the connection that this thread used last, if one is warm.
    pub(super) fn take(self: &Arc<Self>) -> Option<Line> {
        with_lines(self, take_warm).flatten()
    }

    /// Keeps a connection warm, or closes it if this thread has enough of them.
    fn keep(self: &Arc<Self>, line: Line) {
        if line.is_closed() {
            return;
        }
        let most = self.settings.idle_connections;
        with_lines(self, move |lines| {
            if lines.len() >= most {
                lines.retain(|line| !line.is_closed());
            }
            if lines.len() < most {
                line.rest();
                lines.push(line);
            }
        });
    }

    fn try_enter(&self) -> bool {
        self.busy
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |busy| {
                (busy < self.settings.max_connections).then(|| busy.saturating_add(1))
            })
            .is_ok()
    }

    async fn enter(&self) {
        let waiting = Waiting::among(&self.waiting);
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.try_enter() {
                drop(waiting);
                return;
            }
            freed.await;
        }
    }
}

/// One request's right to be with the origin, up to the end of its answer.
#[derive(Debug)]
pub(super) struct Slot {
    site: Arc<Site>,
}

impl Slot {
    /// Takes a slot, after a short wait if none is free.
    ///
    /// # Errors
    ///
    /// [`OriginError::Busy`] if none became free.
    pub(super) async fn take(site: &Arc<Site>) -> Result<Self, OriginError> {
        if !site.try_enter() {
            tokio::time::timeout(BUSY_WAIT, site.enter())
                .await
                .map_err(|_elapsed| OriginError::Busy)?;
        }
        Ok(Self {
            site: Arc::clone(site),
        })
    }

    /// Ends the exchange and keeps its connection for another.
    pub(super) fn give_back(self, line: Line) {
        self.site.keep(line);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.site.busy.fetch_sub(1, Ordering::SeqCst);
        // Whoever waits said so before looking whether a slot is free, so one of the two sees
        // the other.
        if self.site.waiting.load(Ordering::SeqCst) > 0 {
            self.site.freed.notify_one();
        }
    }
}

/// Counts one who waits, for as long as it waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lends this thread's warm connections to `site`. `None` while the thread ends.
fn with_lines<T>(site: &Arc<Site>, act: impl FnOnce(&mut Vec<Line>) -> T) -> Option<T> {
    SHELVES
        .try_with(|shelves| {
            let mut shelves = shelves.try_borrow_mut().ok()?;
            let of_site = |shelf: &Shelf| std::ptr::eq(shelf.site.as_ptr(), Arc::as_ptr(site));
            let at = shelves.iter().position(of_site).unwrap_or_else(|| {
                shelves.retain(|shelf| shelf.site.strong_count() > 0);
                shelves.push(Shelf {
                    site: Arc::downgrade(site),
                    lines: Vec::new(),
                });
                shelves.len() - 1
            });
            shelves.get_mut(at).map(|shelf| act(&mut shelf.lines))
        })
        .ok()
        .flatten()
}

fn take_warm(lines: &mut Vec<Line>) -> Option<Line> {
    let mut at = lines.len();
    while at > 0 {
        at -= 1;
        match lines.get(at)?.rouse() {
            Fitness::Roused => return Some(lines.remove(at)),
            Fitness::Gone => drop(lines.remove(at)),
            Fitness::Settling => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Origin;
    use crate::origin::testing::{OK, TicketSite, get, text};

    async fn connections_of_three(
        settings: impl FnOnce(Settings) -> Settings,
        says: &str,
    ) -> Vec<usize> {
        let site = TicketSite::answering(says).await;
        let origin = Origin::new(vec![settings(site.settings())]);
        for _ in 0..3 {
            text(get(&origin).await.unwrap()).await.unwrap();
        }
        site.heard().iter().map(|heard| heard.connection).collect()
    }

    #[tokio::test]
    async fn a_connection_is_used_again_when_its_answer_was_read() {
        assert_eq!(
            connections_of_three(|settings| settings, OK).await,
            [0, 0, 0]
        );
    }

    #[tokio::test]
    async fn an_answer_in_chunks_leaves_its_connection_usable() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";

        assert_eq!(
            connections_of_three(|settings| settings, chunked).await,
            [0, 0, 0]
        );
    }

    #[tokio::test]
    async fn a_connection_that_the_origin_ends_is_not_used_again() {
        let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

        assert_eq!(
            connections_of_three(|settings| settings, closing).await,
            [0, 1, 2]
        );
    }

    #[tokio::test]
    async fn no_more_connections_are_kept_than_are_asked_for() {
        let none = |settings| Settings {
            idle_connections: 0,
            ..settings
        };

        assert_eq!(connections_of_three(none, OK).await, [0, 1, 2]);
    }

    #[tokio::test]
    async fn an_answer_left_unread_closes_its_connection() {
        let (told, mut hung_up) = tokio::sync::mpsc::channel(1);
        let site = TicketSite::doing(move |mut caller| {
            let told = told.clone();
            async move {
                caller.hear().await;
                caller
                    .say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
                    .await;
                caller.hang_on().await;
                told.send(()).await.unwrap();
            }
        })
        .await;
        let origin = site.origin();

        drop(get(&origin).await.unwrap());

        assert_eq!(hung_up.recv().await, Some(()));
        assert_eq!(origin.stats(0).unwrap().busy, 0);
    }

    #[tokio::test]
    async fn sites_do_not_share_connections() {
        let (one, two) = (
            TicketSite::answering(OK).await,
            TicketSite::answering(OK).await,
        );
        let first = Origin::new(vec![one.settings()]);
        text(get(&first).await.unwrap()).await.unwrap();
        let second = Origin::new(vec![two.settings()]);
        text(get(&second).await.unwrap()).await.unwrap();

        assert_eq!((one.heard().len(), two.heard().len()), (1, 1));
    }

    #[tokio::test]
    async fn a_site_whose_settings_stay_keeps_its_connections() {
        let (one, two) = (
            TicketSite::answering(OK).await,
            TicketSite::answering(OK).await,
        );
        let before = Origin::new(vec![one.settings()]);
        text(get(&before).await.unwrap()).await.unwrap();

        let same = before.renewed(vec![one.settings(), one.settings(), two.settings()]);
        text(get(&same).await.unwrap()).await.unwrap();
        let slower = Settings {
            response: Duration::from_secs(9),
            ..one.settings()
        };
        let changed = same.renewed(vec![slower]);
        text(get(&changed).await.unwrap()).await.unwrap();

        let used: Vec<_> = one.heard().iter().map(|heard| heard.connection).collect();
        assert_eq!(used, [0, 0, 1]);
        assert_eq!(same.stats(2).unwrap().busy, 0);
    }

    #[tokio::test]
    async fn a_request_too_many_waits_for_a_slot_and_then_gives_up() {
        let site = TicketSite::answering(OK).await;
        let max_connections = 1;
        let origin = Origin::new(vec![Settings {
            max_connections,
            ..site.settings()
        }]);
        let unread = get(&origin).await.unwrap();
        assert_eq!(
            origin.stats(0),
            Some(OriginStats {
                busy: 1,
                max_connections
            })
        );

        assert!(matches!(get(&origin).await, Err(OriginError::Busy)));

        let (second, first) = tokio::join!(get(&origin), text(unread));
        assert_eq!(first.unwrap(), "ok");
        assert_eq!(text(second.unwrap()).await.unwrap(), "ok");
        assert_eq!(origin.stats(0).unwrap().busy, 0);
        assert_eq!(site.heard().len(), 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_at_once_are_all_answered_within_the_cap() {
        let site = TicketSite::answering(OK).await;
        let max_connections = 8;
        let origin = Origin::new(vec![Settings {
            max_connections,
            ..site.settings()
        }]);
        let origin = Arc::new(origin);
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let origin = Arc::clone(&origin);
            asking.spawn(async move { text(get(&origin).await.unwrap()).await.unwrap() });
        }

        assert!(asking.join_all().await.iter().all(|answer| answer == "ok"));

        assert_eq!(origin.stats(0).unwrap().busy, 0);
        assert_eq!(site.heard().len(), 200);
    }
}
