//! What is put beside a changed window before it is written: the commitment of its draw, and the
//! totals that are known at that moment.

use super::past::{PastWindow, Totals};
use super::{Orders, WindowId, WindowState};
use crate::domain::draw::{Draw, Hash};

/// What whoever writes orders knows beside them.
#[derive(Clone, Copy)]
pub struct Seal<'a> {
    /// SHA-256 of the server's seed for a window's draw.
    pub commitment: &'a dyn Fn(WindowId) -> Hash,
    /// The room's totals over its life, as far as they are known now.
    pub totals: Option<Totals>,
}

impl Orders {
    /// These orders, made from `last`, ready to be written: a prequeue that has just opened has its
    /// commitment, a window that has just begun or ended its totals.
    #[must_use]
    pub fn sealed(mut self, last: &Self, seal: Seal<'_>) -> Self {
        self.commit(seal.commitment);
        let of_last = |past: &&mut PastWindow| past.window == last.window;
        if last.has_window()
            && let Some(past) = self.past.iter_mut().rev().find(of_last)
        {
            let before = last.running.and_then(|running| running.totals);
            let both = seal.totals.zip(before);
            past.totals = both.and_then(|(now, before)| now.since(before));
        }
        if self.window != last.window
            && let Some(running) = &mut self.running
        {
            running.totals = seal.totals;
        }
        self
    }

    fn commit(&mut self, commitment: &dyn Fn(WindowId) -> Hash) {
        let draws = matches!(self.state, WindowState::Prequeue | WindowState::Drawing);
        if draws && self.draw.is_none() {
            let source = self.external_source.take();
            self.draw = Some(Draw::promised(commitment(self.window), source));
        }
    }
}
