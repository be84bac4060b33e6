//! The steps of a draw, each a change of the room's orders: promised, frozen, given the value from
//! outside, drawn. A step that was done already changes nothing.

use super::{Draw, External, Frozen, Hash};
use crate::domain::clock::UnixTime;
use crate::domain::window::{Orders, WindowState};

/// The longest external value, in bytes.
pub const MOST_VALUE: usize = 1_024;

/// Why an external value is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueRefused {
    /// The window had no prequeue.
    #[error("this sale window has no draw")]
    NoDraw,
    /// None was promised, so none may go into it.
    #[error(
        "no external value was promised when the prequeue opened: nobody may add one to the draw now"
    )]
    NotPromised,
    /// It could still change who is in the lobby.
    #[error(
        "the lobby is not frozen yet: the value is taken once the room is drawing and its `roster_root` is published"
    )]
    NotFrozen,
    /// Another one was given.
    #[error("another external value was given already; the first one stands")]
    Other,
}

impl Draw {
    /// The draw of a window whose prequeue opens now, with what commits to the server's share and,
    /// where there is one, the source of the value from outside.
    #[must_use]
    pub const fn promised(commitment: Hash, external_source: Option<String>) -> Self {
        Self {
            commitment,
            external_source,
            frozen: None,
            external: None,
            drawn: None,
        }
    }

    /// Whether the lobby is frozen and the order cannot be drawn yet, because the promised value
    /// has not been given.
    #[must_use]
    pub const fn waits_for_value(&self) -> bool {
        self.frozen.is_some() && self.external_source.is_some() && self.external.is_none()
    }

    /// The external value to draw with, empty where none was promised; `None` while the draw is
    /// not ready.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match (&self.frozen, &self.external_source, &self.external) {
            (None, _, _) | (Some(_), Some(_), None) => None,
            (Some(_), None, _) => Some(""),
            (Some(_), Some(_), Some(given)) => Some(&given.value),
        }
    }

    /// Takes the external value.
    ///
    /// # Errors
    /// [`ValueRefused`] before the freeze, where none was promised, and for a second value.
    pub fn give(&mut self, value: &str, now: UnixTime) -> Result<(), ValueRefused> {
        if self.external_source.is_none() {
            return Err(ValueRefused::NotPromised);
        }
        let Some(frozen) = self.frozen else {
            return Err(ValueRefused::NotFrozen);
        };
        match &self.external {
            Some(given) if given.value == value => Ok(()),
            Some(_) => Err(ValueRefused::Other),
            None => {
                self.external = Some(External {
                    value: value.to_owned(),
                    // Another gateway's clock may have stamped the freeze.
                    at: now.millis().max(frozen.at),
                });
                Ok(())
            }
        }
    }
}

impl Orders {
    /// Gives the promised value to the window's draw.
    pub(in crate::domain) fn give(
        &mut self,
        value: &str,
        now: UnixTime,
    ) -> Result<(), ValueRefused> {
        let draw = self.draw.as_mut().ok_or(ValueRefused::NoDraw)?;
        draw.give(value, now)
    }

    /// These orders once the frozen lobby is known; `None` where nothing is to be written.
    #[must_use]
    pub fn with_frozen(&self, frozen: Frozen) -> Option<Self> {
        let draw = self.draw.as_ref()?;
        if self.state != WindowState::Drawing || draw.frozen.is_some() {
            return None;
        }
        let draw = Draw {
            frozen: Some(frozen),
            ..draw.clone()
        };
        Some(self.followed_by(draw))
    }

    fn followed_by(&self, draw: Draw) -> Self {
        Self {
            version: self.version.saturating_add(1),
            draw: Some(draw),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::place::Epoch;

    const NOON: UnixTime = UnixTime::from_secs(1_795_000_000);

    fn drawing(source: Option<&str>) -> Orders {
        let draw = Draw::promised(Hash([1; 32]), source.map(str::to_owned));
        Orders {
            version: 5,
            state: WindowState::Drawing,
            draw: Some(draw),
            ..Orders::default()
        }
    }

    fn frozen() -> Frozen {
        Frozen {
            root: Hash([2; 32]),
            count: 3,
            at: NOON.millis(),
            epoch: Epoch(1),
            base: 0,
        }
    }

    #[test]
    fn a_lobby_is_frozen_once_and_only_while_the_room_is_drawing() {
        let promised = drawing(None);
        let frozen_once = promised.with_frozen(frozen()).unwrap();
        assert_eq!(
            (frozen_once.version, frozen_once.state),
            (6, WindowState::Drawing)
        );
        assert_eq!(frozen_once.with_frozen(frozen()), None);
        let closed = Orders {
            state: WindowState::Closed,
            ..promised
        };
        assert_eq!(closed.with_frozen(frozen()), None, "an order closed it");
    }

    #[test]
    fn the_promised_value_is_taken_after_the_freeze_and_only_once() {
        let mut early = drawing(Some("beacon")).draw.unwrap();
        assert_eq!(early.give("9f", NOON), Err(ValueRefused::NotFrozen));

        let orders = drawing(Some("beacon")).with_frozen(frozen()).unwrap();
        let mut draw = orders.draw.unwrap();
        assert!(draw.waits_for_value() && draw.value().is_none());
        let before = UnixTime::from_millis(NOON.millis() - 5);
        draw.give("9f", before).unwrap();
        assert_eq!(draw.external.as_ref().unwrap().at, NOON.millis());
        assert_eq!((draw.value(), draw.waits_for_value()), (Some("9f"), false));
        draw.give("9f", NOON).unwrap();
        assert_eq!(draw.give("a0", NOON), Err(ValueRefused::Other));

        let mut none = drawing(None).with_frozen(frozen()).unwrap().draw.unwrap();
        assert_eq!(none.give("9f", NOON), Err(ValueRefused::NotPromised));
        assert_eq!(none.value(), Some(""));
    }
}
