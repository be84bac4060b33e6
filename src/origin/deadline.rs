//! Deadlines counted in coarse ticks. A connection has one timer for its whole life, so a byte
//! that moves costs no timer and no clock reading.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::upload::Upload;
use super::{OriginError, Settings};

/// Ticks in the shortest of the deadlines: how exact they are. A deadline strikes at its time
/// at the earliest and at most one tick later.
const FINENESS: u32 = 8;

/// A site's deadlines in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadlines {
    tick: Duration,
    response: u32,
    idle: u32,
    total: Option<Duration>,
}

impl Deadlines {
    pub(super) fn new(settings: &Settings) -> Self {
        let shortest = settings.response.min(settings.idle);
        let tick = (shortest / FINENESS).max(Duration::from_millis(1));
        Self {
            tick,
            response: ticks(settings.response, tick),
            idle: ticks(settings.idle, tick),
            total: settings.total,
        }
    }
}

impl Deadlines {
    /// When an exchange that begins now has to be over.
    pub(super) fn end(self) -> End {
        let end = |total| (total, tokio::time::sleep(total).deadline());
        End(self.total.map(end))
    }
}

/// When a whole exchange has to be over, if it has to: a time of the clock, so that it makes no
/// difference how often anybody looks. After so long, and then.
#[derive(Clone, Copy, Debug)]
pub(super) struct End(Option<(Duration, Instant)>);

impl End {
    /// What `part` of the exchange comes to, if it comes to anything in time.
    ///
    /// # Errors
    ///
    /// [`OriginError::NoAnswer`] if it is too late.
    pub(super) async fn bound<T>(
        self,
        mut part: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, OriginError> {
        let mut timer = self.timer();
        poll_fn(|cx| {
            if let Poll::Ready(done) = part.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            poll_end(&mut timer, cx).map(|waited| Err(OriginError::NoAnswer { waited }))
        })
        .await
    }

    fn timer(self) -> Option<(Duration, Pin<Box<Sleep>>)> {
        let Self(end) = self;
        end.map(|(total, at)| (total, Box::pin(tokio::time::sleep_until(at))))
    }
}

fn poll_end(
    timer: &mut Option<(Duration, Pin<Box<Sleep>>)>,
    cx: &mut Context<'_>,
) -> Poll<Duration> {
    match timer {
        None => Poll::Pending,
        Some((total, timer)) => timer.as_mut().poll(cx).map(|()| *total),
    }
}

fn ticks(span: Duration, tick: Duration) -> u32 {
    u32::try_from(span.as_nanos().div_ceil(tick.as_nanos().max(1))).unwrap_or(u32::MAX)
}

/// The timer of one connection.
#[derive(Debug)]
pub(super) struct Ticker {
    tick: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Ticker {
    pub(super) fn new(deadlines: Deadlines) -> Self {
        Self {
            tick: deadlines.tick,
            timer: Box::pin(tokio::time::sleep(deadlines.tick)),
        }
    }

    /// Ready once for each tick that has passed; the caller asks until it is pending.
    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        std::task::ready!(self.timer.as_mut().poll(cx));
        self.timer.set(tokio::time::sleep(self.tick));
        Poll::Ready(())
    }
}

/// How long one exchange has been silent.
#[derive(Debug)]
pub(super) struct Silence {
    deadlines: Deadlines,
    upload: Option<Arc<Upload>>,
    /// How far it was when somebody looked last.
    uploaded: usize,
    quiet: u32,
    end: Option<(Duration, Pin<Box<Sleep>>)>,
    /// Whether that has struck.
    is_over: bool,
    head: Head,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Awaited,
    Seen,
}

impl Silence {
    /// Of an exchange that begins; `upload` is the request's body, if it has one.
    pub(super) fn new(deadlines: Deadlines, upload: Option<Arc<Upload>>) -> Self {
        Self::until(deadlines.end(), deadlines, upload)
    }

    /// Of one that has to be over at `end`.
    pub(super) fn until(end: End, deadlines: Deadlines, upload: Option<Arc<Upload>>) -> Self {
        Self {
            deadlines,
            upload,
            uploaded: 0,
            quiet: 0,
            end: end.timer(),
            is_over: false,
            head: Head::Awaited,
        }
    }

    /// When the whole exchange has to be over.
    pub(super) fn whole(&self) -> End {
        let end = self.end.as_ref();
        End(end.map(|(total, timer)| (*total, timer.deadline())))
    }

    /// The request is sent again, and its body with it.
    pub(super) fn follow(&mut self, upload: Option<Arc<Upload>>) {
        self.upload = upload;
        self.uploaded = 0;
    }

    /// The request is sent, or sent again. What has passed of the whole time stays.
    pub(super) const fn begin(&mut self) {
        self.quiet = 0;
    }

    /// Whether the whole exchange has a deadline, so that time counts while bytes move.
    pub(super) const fn is_counted(&self) -> bool {
        self.end.is_some()
    }

    /// The head of the answer is there: from now on only bodies move.
    pub(super) const fn head_seen(&mut self) {
        self.head = Head::Seen;
        self.quiet = 0;
    }

    /// A byte of the answer moved.
    pub(super) const fn broken(&mut self) {
        self.quiet = 0;
    }

    /// Whether the request went out whole.
    pub(super) fn request_is_sent(&self) -> bool {
        self.upload.as_ref().is_none_or(|upload| upload.is_done())
    }

    /// Whether the time of the whole exchange is what ended it, which says nothing of the origin.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether the visitor's side of the request broke off.
    pub(super) fn request_is_broken(&self) -> bool {
        self.upload
            .as_ref()
            .is_some_and(|upload| upload.is_failed())
    }

    /// Ready with the time waited when the silence has lasted too long, or the whole exchange.
    pub(super) fn poll_too_long(
        &mut self,
        ticker: &mut Ticker,
        cx: &mut Context<'_>,
    ) -> Poll<Duration> {
        if let over @ Poll::Ready(_) = poll_end(&mut self.end, cx) {
            self.is_over = true;
            return over;
        }
        while ticker.poll_tick(cx).is_ready() {
            self.quiet = self.quiet.saturating_add(1);
            self.notice_upload();
            let limit = self.limit();
            // The first tick may have come at once: the timer runs on between exchanges.
            if self.quiet > limit {
                return Poll::Ready(self.deadlines.tick.saturating_mul(limit));
            }
        }
        Poll::Pending
    }

    /// What moved of the request's body ends the silence, and so does its end: the origin's time
    /// to answer begins there, however long the visitor paused before it.
    fn notice_upload(&mut self) {
        let uploaded = self.upload.as_ref().map_or(0, |upload| upload.steps());
        if uploaded != self.uploaded {
            self.uploaded = uploaded;
            self.quiet = 0;
        }
    }

    fn limit(&self) -> u32 {
        if self.head == Head::Awaited && self.request_is_sent() {
            self.deadlines.response
        } else {
            self.deadlines.idle
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::testing::site_settings;

    #[test]
    fn deadlines_are_whole_ticks_of_the_shorter_one() {
        let deadlines = Deadlines::new(&Settings {
            response: Duration::from_secs(60),
            idle: Duration::from_secs(300),
            ..site_settings()
        });

        assert_eq!(deadlines.tick, Duration::from_millis(7_500));
        assert_eq!((deadlines.response, deadlines.idle), (8, 40));
    }

    #[tokio::test(start_paused = true)]
    async fn the_total_time_passes_however_seldom_anybody_looks() {
        let total = Duration::from_millis(400);
        let deadlines = Deadlines::new(&Settings {
            total: Some(total),
            ..site_settings()
        });
        let mut ticker = Ticker::new(deadlines);
        let mut silence = Silence::new(deadlines, None);
        let mut looks = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            looks += 1;
            let polled = poll_fn(|cx| Poll::Ready(silence.poll_too_long(&mut ticker, cx))).await;
            if let Poll::Ready(waited) = polled {
                assert_eq!((looks, waited), (4, total));
                return;
            }
        }
    }

    #[test]
    fn no_deadline_is_too_short_to_count() {
        let deadlines = Deadlines::new(&Settings {
            response: Duration::ZERO,
            ..site_settings()
        });

        assert_eq!(deadlines.tick, Duration::from_millis(1));
        assert_eq!(deadlines.response, 0);
    }
}
