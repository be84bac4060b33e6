//! What fans were told and what was seen of the room, and whether it may be so.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::pace::{Pace, TICK};
use crate::domain::place::{Place, Turn};
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;
use crate::pacing::house::{Got, House, Visitor};
use crate::store::survey::Survey;

/// How long an order may take to be obeyed everywhere.
const OBEYED: Duration = Duration::from_secs(1);

/// A stay, as tokens name it.
type Stay = (VisitorId, WindowId, Turn);

/// What one fan was told.
#[derive(Clone, Default)]
struct Told {
    /// The place in a stay.
    place: Option<(Stay, Place)>,
    /// The position in a stay.
    position: Option<(Stay, u64)>,
    /// An admission that ended, and when.
    old: Option<(String, Duration)>,
}

/// Everything that was told and seen.
pub(super) struct Ledger {
    told: Vec<Told>,
    /// Who has which place.
    places: HashMap<(WindowId, Place), VisitorId>,
    /// The capacity in force.
    pub(super) capacity: Option<u32>,
    /// How many were inside when it was looked at last.
    inside: u64,
    /// The pace from a moment on.
    pub(super) paces: Vec<(Duration, u32)>,
    /// Orders to release, and when.
    pub(super) grants: Vec<(Duration, u32)>,
}

impl Ledger {
    pub(super) fn new(fans: usize, capacity: Option<u32>) -> Self {
        Self {
            told: vec![Told::default(); fans],
            places: HashMap::new(),
            capacity,
            inside: 0,
            paces: vec![(Duration::ZERO, 120)],
            grants: Vec::new(),
        }
    }

    /// An answer to a fan.
    pub(super) fn heard(&mut self, fan: usize, visitor: &Visitor, (house, got): (&House, &Got)) {
        if visitor.queue.is_none() {
            return;
        }
        let token = visitor.token(house);
        let stay = (token.visitor, token.window, token.turn);
        if let Some(place) = token.place {
            let holder = self.places.entry((token.window, place));
            let holder = *holder.or_insert(token.visitor);
            assert_eq!(holder, token.visitor, "one place, two fans");
            let told = &mut self.told[fan];
            if let Some((_, before)) = told.place.filter(|(of, _)| *of == stay) {
                assert_eq!(place, before, "a place was changed");
            }
            told.place = Some((stay, place));
        }
        match got {
            Got::Served => {
                let called = house.released().contains(&token.visitor);
                assert!(
                    called || visitor.admission.is_some(),
                    "in, and never called"
                );
            }
            Got::Waits(notice) | Got::Shut(notice) => {
                let Some(position) = notice.position else {
                    return;
                };
                let told = &mut self.told[fan];
                if let Some((_, before)) = told.position.filter(|(of, _)| *of == stay) {
                    assert!(
                        position <= before,
                        "a position grew from {before} to {position}"
                    );
                }
                told.position = Some((stay, position));
            }
        }
    }

    /// A fan gave up its place and its admission. Whoever comes back begins anew, also where the
    /// store did not hear of it.
    pub(super) fn left(&mut self, fan: usize, (admission, at): (Option<String>, Duration)) {
        let told = &mut self.told[fan];
        told.position = None;
        if let Some(admission) = admission {
            told.old = Some((admission, at));
        }
    }

    /// Every session was ended.
    pub(super) fn revoked(&mut self, fans: &[Visitor], at: Duration) {
        for (told, fan) in self.told.iter_mut().zip(fans) {
            if let Some(admission) = &fan.admission {
                told.old = Some((admission.clone(), at));
            }
        }
    }

    /// An admission that every gateway must have heard the end of.
    pub(super) fn old_admission(&self, fan: usize, now: Duration) -> Option<String> {
        let (admission, ended) = self.told[fan].old.as_ref()?;
        (now > *ended + OBEYED).then(|| admission.clone())
    }

    /// How many are inside never grows beyond the capacity.
    pub(super) fn seen(&mut self, survey: &Survey) {
        let inside = survey.inside();
        if let Some(capacity) = self.capacity {
            let most = u64::from(capacity).max(self.inside);
            assert!(inside <= most, "{inside} inside, at most {most}");
        }
        self.inside = inside;
    }

    /// In no window more were let in than the burst, what the pace gave, and what was ordered
    /// besides.
    pub(super) fn assert_paced(&self, released: &[(Duration, VisitorId)]) {
        for (from, (began, _)) in released.iter().enumerate() {
            for (count, (at, _)) in (1..).zip(&released[from..]) {
                let most = self.burst(*began, *at) + self.earned(*began, *at) + self.granted(*at);
                assert!(
                    count <= most,
                    "{count} from {began:?} to {at:?}, at most {most}"
                );
            }
        }
    }

    /// The largest effective burst of a pace that was in force between two moments.
    fn burst(&self, from: Duration, to: Duration) -> u64 {
        let in_force = self.paces.iter().enumerate().filter(|(at, (since, _))| {
            let next = self.paces.get(at + 1);
            let over = next.is_some_and(|(next, _)| *next + OBEYED < from);
            !over && since.saturating_sub(OBEYED) <= to
        });
        let bursts = in_force.map(|(_, (_, rate))| {
            let pace = Pace::per_minute(*rate).unwrap();
            pace.effective_burst(TICK)
        });
        bursts.max().unwrap()
    }

    /// What the pace gave between two moments, a higher one counted from a second before its order
    /// on: the tick after an order earns at the new pace.
    fn earned(&self, from: Duration, to: Duration) -> u64 {
        let mut most = 0;
        for (at, (since, rate)) in self.paces.iter().enumerate() {
            let next = self.paces.get(at + 1);
            let until = next.map_or(to, |(next, _)| to.min(*next + OBEYED));
            let since = from.max(since.saturating_sub(OBEYED));
            let span = until.saturating_sub(since);
            most += span.as_micros() * u128::from(*rate);
        }
        u64::try_from(most / 60_000_000).unwrap()
    }

    fn granted(&self, until: Duration) -> u64 {
        let given = self.grants.iter().filter(|(at, _)| *at <= until);
        given.map(|(_, count)| u64::from(*count)).sum()
    }
}
