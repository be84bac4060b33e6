//! What a request at one origin is sent on: something warm, or a new connection, which one request
//! makes for several where it can be shared.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::{Blame, Pool};
use crate::origin::carrier::Carrier;
use crate::origin::line::Line;
use crate::origin::route::{Spoken, Wanted, unreachable};
use crate::origin::trunk::Trunk;
use crate::origin::wire::Bytes;
use crate::origin::{OriginError, shelf};

impl Pool {
    /// Takes what is warm on this thread, if anything is.
    pub(in crate::origin) fn take(self: &Arc<Self>) -> Option<Carrier> {
        let stream = || shelf::take_stream(self).map(Carrier::Stream);
        let line = || shelf::take_line(self).map(Carrier::Line);
        if self.route.may_share() {
            stream().or_else(line)
        } else {
            line()
        }
    }

    /// Makes a new connection, or takes part in one that another request has just made, within the
    /// time that making one may take.
    ///
    /// # Errors
    ///
    /// [`OriginError::Unreachable`] or [`OriginError::Untrusted`]. The first speaks against nobody
    /// if it is for lack of the time that went by while others tried.
    pub(in crate::origin) async fn open(self: &Arc<Self>) -> Result<Carrier, (OriginError, Blame)> {
        let mut had_to_wait = false;
        let opening = Box::pin(self.open_in_turn(&mut had_to_wait));
        let opened = tokio::time::timeout(self.route.connect(), opening).await;
        match opened {
            Ok(opened) => opened.map_err(|fault| (fault, Blame::Origin)),
            Err(elapsed) if had_to_wait => Err((unreachable(elapsed), Blame::Nobody)),
            Err(elapsed) => Err((unreachable(elapsed), Blame::Origin)),
        }
    }

    async fn open_in_turn(
        self: &Arc<Self>,
        had_to_wait: &mut bool,
    ) -> Result<Carrier, OriginError> {
        // One makes a shared connection for all who wait here; where each needs one of its own they
        // do not wait for each other.
        let mut turn = None;
        if self.route.will_share() {
            turn = Some(self.turn(had_to_wait).await?);
            if let Some(stream) = shelf::take_stream(self) {
                return Ok(Carrier::Stream(stream));
            }
        }
        let turn = turn.filter(|_| self.route.will_share());
        let (carrier, trunk) = self.make().await?;
        if let Some(trunk) = trunk {
            shelf::share(self, trunk);
        }
        drop(turn);
        Ok(carrier)
    }

    async fn turn(
        self: &Arc<Self>,
        had_to_wait: &mut bool,
    ) -> Result<OwnedSemaphorePermit, OriginError> {
        let making = shelf::making(self);
        if let Ok(turn) = Arc::clone(&making).try_acquire_owned() {
            return Ok(turn);
        }
        *had_to_wait = true;
        making.acquire_owned().await.map_err(unreachable)
    }

    /// Makes a new connection that is not used for anything else.
    ///
    /// # Errors
    ///
    /// [`OriginError::Unreachable`] or [`OriginError::Untrusted`].
    pub(in crate::origin) async fn open_anew(&self) -> Result<Carrier, OriginError> {
        self.make().await.map(|(carrier, _)| carrier)
    }

    async fn make(&self) -> Result<(Carrier, Option<Arc<Trunk>>), OriginError> {
        let (bytes, spoken) = self.dial(Wanted::Any).await?;
        if spoken == Spoken::Http1 {
            let line = Line::over(bytes, self.life).await?;
            return Ok((Carrier::Line(line), None));
        }
        let trunk = Arc::new(Trunk::over(bytes, self.life).await?);
        let stream = trunk.begin().ok_or_else(|| OriginError::Unreachable {
            source: "the connection was closed at once".into(),
        })?;
        Ok((Carrier::Stream(stream), Some(trunk)))
    }

    /// Makes a new connection that speaks HTTP/1.1.
    ///
    /// # Errors
    ///
    /// As [`Pool::open_anew`].
    pub(in crate::origin) async fn open_line(&self) -> Result<Line, OriginError> {
        let (bytes, _) = self.dial(Wanted::Http1).await?;
        Line::over(bytes, self.life).await
    }

    async fn dial(&self, wanted: Wanted) -> Result<(Bytes, Spoken), OriginError> {
        let begun = self.now();
        let opened = self.route.open(wanted).await;
        if opened.is_ok() {
            self.series.connected(self.now().saturating_sub(begun));
        }
        opened
    }
}
