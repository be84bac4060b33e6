//! What the gateway promised each fan, checked at every answer.

use std::collections::HashMap;
use std::time::Duration;

use crate::ask::Deed;
use crate::order::Way;
use crate::promise::{Breach, Promise};
use crate::seen::{Seen, Standing, State};

/// One answer to one fan.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Who.
    pub fan: u32,
    /// What it asked.
    pub deed: Deed,
    /// When it asked.
    pub sent: Duration,
    /// When the answer was there.
    pub at: Duration,
    /// What the answer said.
    pub seen: &'a Seen,
    /// The place in the queue token it holds now.
    pub place: Option<u64>,
    /// The number of the admission it holds now.
    pub admission: Option<&'a str>,
}

/// What is known of one fan.
#[derive(Clone, Debug, Default)]
struct Track {
    place: Option<u64>,
    least: Option<u64>,
    waited_until: Option<Duration>,
    called: Option<Duration>,
    admissions: u32,
    inside: bool,
    gone: bool,
    heard: Duration,
    promised: Duration,
    absent: bool,
}

/// Checks every fan.
#[derive(Debug)]
pub struct Checker {
    fans: Vec<Track>,
    places: HashMap<u64, u32>,
    admissions: HashMap<String, u32>,
    breaches: Vec<Breach>,
}

/// A check-in lasts at least so long, and three of the promised intervals: whoever asks again
/// within it is present.
const LEAST_PRESENCE: Duration = Duration::from_secs(60);

/// How much longer than that a fan may be without a good answer before it counts as lost.
const GRACE: Duration = Duration::from_secs(30);

impl Checker {
    /// For `fans` fans.
    #[must_use]
    pub fn new(fans: usize) -> Self {
        Self {
            fans: vec![Track::default(); fans],
            places: HashMap::new(),
            admissions: HashMap::new(),
            breaches: Vec::new(),
        }
    }

    /// Checks one answer.
    pub fn saw(&mut self, sight: &Sight<'_>) {
        let Some(mut track) = self.fans.get(sight.fan as usize).cloned() else {
            return;
        };
        match sight.seen {
            Seen::Refused(_) | Seen::Nothing => {}
            _ if sight.deed == Deed::Leave => (track.inside, track.gone) = (false, true),
            Seen::NotReleased => {}
            Seen::Site => self.served(&mut track, sight),
            Seen::Line(standing) => self.stands(&mut track, sight, standing),
        }
        if let Some(admission) = sight.admission {
            self.admitted(&mut track, sight, admission);
        }
        if let Some(slot) = self.fans.get_mut(sight.fan as usize) {
            *slot = track;
        }
    }

    /// The fan ended its visit by itself.
    pub fn went(&mut self, fan: u32) {
        if let Some(track) = self.fans.get_mut(fan as usize) {
            track.gone = true;
        }
    }

    fn served(&mut self, track: &mut Track, sight: &Sight<'_>) {
        if sight.admission.is_none() {
            let what = "got a page of the shop and holds no admission".to_owned();
            self.breaks(Promise::NobodyUnadmitted, sight, what);
        }
        track.hears(sight, Duration::ZERO);
        track.called.get_or_insert(sight.at);
        track.inside = true;
    }

    fn stands(&mut self, track: &mut Track, sight: &Sight<'_>, standing: &Standing) {
        match standing.state {
            State::Admitted => {
                track.called.get_or_insert(sight.at);
                return track.hears(sight, Duration::ZERO);
            }
            State::Released | State::Waits if track.inside => {
                track.inside = false;
                let what = "was inside and stands in line again".to_owned();
                return self.breaks(Promise::NobodyTwice, sight, what);
            }
            State::Released => {
                track.called.get_or_insert(sight.at);
                track.hears(sight, standing.poll_after);
            }
            State::Waits if !standing.recovering => {
                track.hears(sight, standing.poll_after);
                track.waited_until = Some(sight.sent);
            }
            State::Waits => {}
            State::Shut => return,
        }
        self.placed(track, sight, standing);
        let Some(position) = standing.position else {
            return;
        };
        if let Some(from) = track.least.filter(|least| position > *least) {
            let what = format!("the position grew from {from} to {position}");
            self.breaks(Promise::PositionsNeverGrow, sight, what);
        }
        track.least = Some(track.least.map_or(position, |least| least.min(position)));
    }

    fn placed(&mut self, track: &mut Track, sight: &Sight<'_>, standing: &Standing) {
        if track.place == sight.place {
            return;
        }
        match track.place {
            Some(_) if standing.told_why => track.least = None,
            Some(before) => {
                let what = format!(
                    "place {before} became {:?}, and nobody said why",
                    sight.place
                );
                self.breaks(Promise::PlacesAreKept, sight, what);
            }
            None => {}
        }
        track.place = sight.place;
        let Some(place) = sight.place else {
            return;
        };
        let other = *self.places.entry(place).or_insert(sight.fan);
        if other != sight.fan {
            let what = format!("fan {other} holds place {place} too");
            self.breaks(Promise::PlacesAreKept, sight, what);
        }
    }

    fn admitted(&mut self, track: &mut Track, sight: &Sight<'_>, admission: &str) {
        match self.admissions.get(admission) {
            Some(other) if *other == sight.fan => return,
            Some(other) => {
                let what = format!("fan {other} holds the same admission");
                self.breaks(Promise::NobodyTwice, sight, what);
            }
            None => {
                self.admissions.insert(admission.to_owned(), sight.fan);
            }
        }
        track.admissions += 1;
        if track.admissions > 1 {
            let what = "was admitted a second time".to_owned();
            self.breaks(Promise::NobodyTwice, sight, what);
        }
    }

    fn breaks(&mut self, promise: Promise, sight: &Sight<'_>, what: String) {
        self.breach(Breach {
            promise,
            fan: Some(sight.fan),
            at_s: sight.at.as_secs_f64(),
            what,
        });
    }

    /// Notes a breach that was found elsewhere.
    pub fn breach(&mut self, breach: Breach) {
        self.breaches.push(breach);
    }

    /// All breaches so far.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// The ways of all who hold a place and whose number could be read.
    #[must_use]
    pub fn ways(&self) -> Vec<Way> {
        let all = (0..).zip(&self.fans);
        all.filter_map(|(fan, track)| track.way(fan)).collect()
    }

    /// Those who still wait when the run ends at `end`, and have not been heard of for too long.
    #[must_use]
    pub fn lost(&self, end: Duration) -> Vec<Breach> {
        let all = (0..).zip(&self.fans);
        all.filter(|(_, track)| !track.gone && track.place.is_some())
            .filter(|(_, track)| end > track.heard + track.presence() + GRACE)
            .map(|(fan, track)| Breach {
                promise: Promise::NobodyLost,
                fan: Some(fan),
                at_s: track.heard.as_secs_f64(),
                what: "waits, and has had no good answer since".to_owned(),
            })
            .collect()
    }
}

impl Track {
    fn presence(&self) -> Duration {
        LEAST_PRESENCE.max(self.promised * 3)
    }

    /// A good answer came, and the fan was told when to ask again.
    fn hears(&mut self, sight: &Sight<'_>, promised: Duration) {
        if self.place.is_some() && sight.sent > self.heard + self.presence() {
            self.absent = true;
        }
        (self.heard, self.promised) = (sight.at, promised);
    }

    fn way(&self, fan: u32) -> Option<Way> {
        Some(Way {
            fan,
            place: self.place?,
            waited_until: self.waited_until.unwrap_or_default(),
            called: self.called,
            on_time: !self.absent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn waits(position: u64) -> Seen {
        Seen::Line(Standing {
            state: State::Waits,
            position: Some(position),
            poll_after: secs(10),
            recovering: false,
            told_why: false,
        })
    }

    fn state(state: State) -> Seen {
        Seen::Line(Standing {
            state,
            position: None,
            poll_after: secs(2),
            recovering: false,
            told_why: false,
        })
    }

    fn told(seen: &Seen) -> Seen {
        let Seen::Line(standing) = seen else {
            panic!("{seen:?}")
        };
        Seen::Line(Standing {
            told_why: true,
            ..*standing
        })
    }

    /// A story of answers: fan, second, answer, place, admission.
    type Story<'a> = (u32, u64, Seen, Option<u64>, Option<&'a str>);

    fn after(story: &[Story<'_>]) -> Checker {
        let mut checker = Checker::new(3);
        for (fan, at, seen, place, admission) in story {
            checker.saw(&Sight {
                fan: *fan,
                deed: Deed::Poll,
                sent: secs(*at),
                at: secs(*at),
                seen,
                place: *place,
                admission: *admission,
            });
        }
        checker
    }

    fn found(story: &[Story<'_>]) -> Vec<(Promise, Option<u32>, f64)> {
        let checker = after(story);
        let breaches = checker.breaches().iter();
        breaches
            .map(|breach| (breach.promise, breach.fan, breach.at_s))
            .collect()
    }

    #[test]
    fn a_quiet_visit_breaks_nothing() {
        let story = [
            (0, 1, waits(9), Some(70), None),
            (0, 5, waits(9), Some(70), None),
            (1, 6, waits(10), Some(71), None),
            (0, 9, state(State::Released), Some(70), None),
            (0, 10, state(State::Admitted), Some(70), Some("ann")),
            (0, 11, Seen::Site, Some(70), Some("ann")),
            (1, 12, Seen::Refused(secs(1)), Some(71), None),
        ];
        assert_eq!(found(&story), []);
    }

    #[test]
    fn a_growing_position_is_found() {
        let story = [
            (0, 1, waits(9), Some(70), None),
            (0, 5, waits(4), Some(70), None),
            (0, 9, waits(5), Some(70), None),
        ];
        let grew = (Promise::PositionsNeverGrow, Some(0), 9.0);
        assert_eq!(found(&story), [grew]);
    }

    #[test]
    fn a_double_admission_is_found() {
        let twice = [
            (0, 1, Seen::Site, Some(70), Some("first")),
            (0, 2, Seen::Site, Some(70), Some("second")),
        ];
        assert_eq!(found(&twice), [(Promise::NobodyTwice, Some(0), 2.0)]);
        let shared = [
            (0, 1, Seen::Site, Some(70), Some("one")),
            (1, 2, Seen::Site, Some(71), Some("one")),
        ];
        assert_eq!(found(&shared), [(Promise::NobodyTwice, Some(1), 2.0)]);
    }

    #[test]
    fn whoever_is_queued_again_or_served_without_admission_is_found() {
        let again = [
            (0, 1, Seen::Site, Some(70), Some("one")),
            (0, 2, waits(1), Some(70), Some("one")),
        ];
        assert_eq!(found(&again), [(Promise::NobodyTwice, Some(0), 2.0)]);
        let served = [(0, 1, Seen::Site, Some(70), None)];
        assert_eq!(found(&served), [(Promise::NobodyUnadmitted, Some(0), 1.0)]);
    }

    #[test]
    fn places_lost_changed_or_shared_are_found_unless_the_gateway_says_why() {
        let begin = (0, 1, waits(9), Some(70), None);
        let lost = (0, 2, state(State::Waits), None, None);
        let changed = (0, 2, waits(9), Some(80), None);
        let shared = (1, 2, waits(9), Some(70), None);
        for story in [lost.clone(), changed.clone(), shared] {
            let broken = (Promise::PlacesAreKept, Some(story.0), 2.0);
            assert_eq!(found(&[begin.clone(), story]), [broken]);
        }
        for (fan, at, seen, place, admission) in [lost, changed] {
            let story = [begin.clone(), (fan, at, told(&seen), place, admission)];
            assert_eq!(found(&story), []);
        }
    }

    #[test]
    fn who_stays_away_for_too_long_is_not_on_time_and_at_the_end_lost() {
        let story = [
            (0, 1, waits(9), Some(70), None),
            (0, 11, waits(9), Some(70), None),
            (1, 1, waits(9), Some(71), None),
            (1, 90, waits(9), Some(71), None),
        ];
        let mut checker = after(&story);
        let on_time: Vec<bool> = checker.ways().iter().map(|way| way.on_time).collect();
        assert_eq!(on_time, [true, false]);
        let lost = checker.lost(secs(120));
        assert_eq!(lost.len(), 1);
        assert_eq!(
            (lost[0].promise, lost[0].fan),
            (Promise::NobodyLost, Some(0))
        );
        checker.went(0);
        assert_eq!(checker.lost(secs(120)), []);
    }
}
