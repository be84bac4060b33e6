//! Orders for a room whose store has lost something.

use std::time::Duration;

use http::StatusCode;

use super::problem::Problem;
use super::{Control, ControlRoom};
use crate::domain::place::Epoch;
use crate::domain::window::Orders;
use crate::store::StoreError;
use crate::store::memory::LONG_REST;
use crate::store::notes::Glimpse;
use crate::store::recovery::{Recovery, Rest};
use crate::store::survey::{Snapshot, StoreHealth, Survey};

/// Whether the store knows less than this gateway: an order given to it now would be lost.
pub(super) fn has_forgotten(survey: &Survey, known: &Snapshot) -> bool {
    matches!(known.store, StoreHealth::LostSince(_))
        || survey.orders.version < known.survey.orders.version
}

/// What an operator is told whose order comes meanwhile.
pub(super) fn forgotten() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the store has lost what it knew of the room, and this gateway is putting it back: send the order again in a moment",
    )
}

/// Before a window is continued that only tokens know: enters an epoch above every one they have
/// seen, so that each is put back at its own place.
pub(super) async fn enter_epoch(
    control: &Control,
    room: &ControlRoom,
    seen: Glimpse,
) -> Result<(), StoreError> {
    let above = seen.epoch.0.saturating_add(1);
    let recovery = Recovery {
        epoch: Epoch(above.max(control.clock.now().wall.minutes_since_2025())),
        orders: Orders::default(),
        pause: LONG_REST,
        rest: Rest::AfterLoss,
        inside: 0,
        inside_for: Duration::ZERO,
    };
    control
        .store
        .recover(&room.settings.name, &recovery)
        .await?;
    Ok(())
}
