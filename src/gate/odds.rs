//! Whether something will be left at a visitor's turn, where the site says what there is.

use crate::domain::chance::{Before, Chance, chance};
use crate::domain::lane::Lane;

use super::notice::Face;
use super::queue::Line;

impl Line<'_> {
    /// The chance of somebody with so many ahead in a lane. Nothing is said where the stock is
    /// unknown, and nothing to those whose place is not: before the draw, and while places come
    /// back.
    pub(super) fn chance(&self, face: Face, lane: Lane, ahead: u64) -> Option<Chance> {
        let survey = &self.snapshot.survey;
        let stock = survey.orders.stock.as_ref()?;
        let before = Before {
            ahead: survey.before(lane, ahead, &self.room.settings.terms.lanes),
            inside: survey.inside(),
        };
        match face {
            Face::Waiting | Face::Paused => chance(stock, before),
            Face::Prequeue
            | Face::Drawing
            | Face::Released
            | Face::Admitted
            | Face::Closed
            | Face::Ended
            | Face::Full
            | Face::Recovering => None,
        }
    }
}
