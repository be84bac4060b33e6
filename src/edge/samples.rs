//! The pages that fans may see, with made-up figures, for the crew to look at.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::chance::Chance;
use crate::domain::clock::UnixTime;
use crate::domain::estimate::WaitRange;
use crate::domain::room::RoomSettings;
use crate::domain::standing::EndedBy;
use crate::domain::visitor::VisitorId;
use crate::gate::notice::{Checkable, Face, Notice, Reason, Visit};

/// The names of the pages, in the order in which a fan may meet them.
pub(super) const SAMPLES: [&str; 14] = [
    "countdown",
    "prequeue",
    "drawing",
    "waiting",
    "away",
    "paused",
    "recovering",
    "full",
    "released",
    "missed",
    "completed",
    "sold-out",
    "ended",
    "rejected",
];

/// What a fan would be told on the page of this name; `None` where there is no such page.
pub(super) fn sample(name: &str, room: &Arc<RoomSettings>, at: UnixTime) -> Option<Notice> {
    let of = |face| Notice::of(Arc::clone(room), face, at);
    let later = |minutes| Some(at.after(Duration::from_mins(minutes)));
    let opening = |face| Notice {
        opens_at: later(30),
        ..of(face)
    };
    let in_line = |face| in_line(of(face));
    let mut notice = match name {
        "countdown" => Notice {
            prequeue_opens_at: later(10),
            ..opening(Face::Closed)
        },
        "prequeue" => Notice {
            draw: Checkable::Facts,
            waiting: 50_321,
            ..opening(Face::Prequeue)
        },
        "drawing" => Notice {
            draw: Checkable::Receipt,
            ..of(Face::Drawing)
        },
        "waiting" => Notice {
            chance: Some(Chance::Likely),
            ..in_line(Face::Waiting)
        },
        "away" => Notice {
            away_until: later(10),
            ..in_line(Face::Waiting)
        },
        "paused" => Notice {
            reason: Some(Reason::Paused),
            wait: None,
            ..in_line(Face::Paused)
        },
        "recovering" => Notice {
            reason: Some(Reason::Recovering),
            wait: None,
            ..in_line(Face::Recovering)
        },
        "full" => of(Face::Full),
        "released" => Notice {
            claim_by: Some(at.after(room.terms.session.claim_window)),
            ..of(Face::Released)
        },
        "missed" => Notice {
            ended_by: Some(EndedBy::Missed),
            ..of(Face::Ended)
        },
        "completed" => Notice {
            ended_by: Some(EndedBy::Completed),
            ..of(Face::Ended)
        },
        "sold-out" => Notice {
            reason: Some(Reason::SoldOut),
            ..of(Face::Ended)
        },
        "ended" => of(Face::Ended),
        "rejected" => Notice {
            visit: Visit::Rejected,
            ..of(Face::Closed)
        },
        _ => return None,
    };
    notice.reference = Some(VisitorId::from_bytes([7; 16]).reference(&room.name));
    Some(notice)
}

fn in_line(notice: Notice) -> Notice {
    let range = |minutes| Duration::from_mins(minutes);
    Notice {
        position: Some(1_234),
        waiting: 50_321,
        wait: Some(WaitRange {
            low: range(4),
            median: range(5),
            high: range(7),
        }),
        ..notice
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::edge::notice::status_of;
    use crate::edge::scene::Scene;
    use crate::telemetry::reading::settings_for_test;

    #[test]
    fn every_sample_is_another_page_and_no_other_name_is_one() {
        let room = Arc::new(settings_for_test("derby"));
        let at = UnixTime::from_secs(1_795_291_200);
        let shown = |name: &&str| {
            let notice = sample(name, &room, at).unwrap();
            let scene = Scene::of(&status_of(&notice)).name();
            (scene, notice.visit == Visit::Rejected)
        };
        let scenes: HashSet<_> = SAMPLES.iter().map(shown).collect();
        assert_eq!(scenes.len(), SAMPLES.len(), "{scenes:?}");
        for other in ["", "Waiting", "first", "waiting "] {
            assert_eq!(sample(other, &room, at), None, "{other}");
        }
    }
}
