//! From a status to the lines a visitor reads. The page's script says the same from the same
//! [`Texts`] when a poll brings news.

mod reasons;

use std::time::Duration;

use serde::Serialize;

use crate::gate::absence::{Denial, Wish};

use super::moments::{Moment, day, time_of_day};
use super::scene::Scene;
use super::status::{Reason, State, Status, WaitRange};
use super::texts::{Plural, StateWords, Texts};
use reasons::{again, odds, why};

/// The lines of one visitor's page; what is `None` or false is in the page, hidden.
#[derive(Debug, Serialize)]
pub(super) struct Lines<'a> {
    scene: &'static str,
    tab: String,
    words: &'static StateWords,
    ahead: Option<Ahead>,
    wait: Option<String>,
    in_line: Option<String>,
    in_line_label: &'static str,
    lobby_opens: Option<Moment>,
    opens: Option<Moment>,
    opens_label: &'static str,
    claim_by: Option<Moment>,
    away_until: Option<Moment>,
    updated: Moment,
    again: Option<String>,
    reason: Option<&'static str>,
    chance: Option<&'static str>,
    message: Option<&'a str>,
    reference: Option<String>,
    can_leave: bool,
    can_pause: bool,
    can_extend: bool,
    notes: bool,
    lane: Option<String>,
    lane_share: Option<String>,
    sign_in: Option<&'a str>,
    can_redeem: bool,
}

#[derive(Debug, Serialize)]
struct Ahead {
    number: String,
    label: &'static str,
}

/// The lines that tell `status` as `scene`, in a room called `title`.
pub(super) fn lines<'a>(
    texts: &'static Texts,
    scene: Scene,
    status: &Status<'a>,
    title: &str,
) -> Lines<'a> {
    let lobby = scene == Scene::Plain(State::Prequeue);
    let has_place = scene.in_line() && !lobby && status.position.is_some();
    let waits = scene == Scene::Plain(State::Waiting);
    let released = scene == Scene::Plain(State::Released);
    let away = scene == Scene::Away;
    Lines {
        scene: scene.name(),
        tab: tab(texts, scene, status, title),
        words: scene.words(texts),
        ahead: status
            .ahead
            .filter(|_| has_place)
            .map(|count| ahead(texts, count)),
        wait: waits.then(|| wait(texts, status.wait)),
        in_line: (has_place || lobby).then(|| number(texts, status.waiting)),
        in_line_label: if lobby {
            texts.crowd.lobby
        } else {
            texts.crowd.line
        },
        lobby_opens: status
            .prequeue_opens_at
            .filter(|_| scene == Scene::BeforeLobby)
            .map(day),
        opens: status.opens_at.filter(|_| scene.awaits_opening()).map(day),
        opens_label: if matches!(scene, Scene::SoldOut | Scene::Plain(State::Ended)) {
            texts.times.next
        } else {
            texts.times.opens
        },
        claim_by: status.claim_by.filter(|_| released).map(time_of_day),
        away_until: status.away_until.filter(|_| away).map(time_of_day),
        updated: time_of_day(status.updated_at),
        again: status
            .ended_by
            .filter(|_| !matches!(scene, Scene::Done | Scene::Left))
            .map(|end| again(texts, scene, end)),
        reason: status
            .reason
            .filter(|reason| explains(scene, *reason))
            .map(|reason| why(texts, reason)),
        chance: status
            .chance
            .filter(|_| has_place)
            .map(|chance| odds(texts, chance)),
        message: status.message,
        reference: status.reference.map(|code| code.to_string()),
        can_leave: has_place || lobby || released,
        can_pause: (has_place && !away) || released,
        can_extend: released,
        notes: scene.in_line(),
        lane: status.lane.filter(|_| scene.in_line()).map(title_of),
        lane_share: status
            .lane_share
            .filter(|_| scene.in_line())
            .map(|share| shared(texts, share)),
        sign_in: status.sign_in.and_then(|sign_in| sign_in.url),
        can_redeem: scene.in_line() || scene == Scene::Code,
    }
}

/// That lanes share the turns, and how many of a hundred are this one's.
fn shared(texts: &'static Texts, share: f64) -> String {
    let hundredths = (share * 1_000.0).round() / 10.0;
    texts.lane_share.replace("{share}", &hundredths.to_string())
}

/// Whether `scene` leaves open why the line moves as it does. The others say it themselves, and
/// whoever has no place yet is told of faults alone.
fn explains(scene: Scene, reason: Reason) -> bool {
    let in_line = scene == Scene::Plain(State::Waiting);
    in_line || (scene == Scene::First && reason == Reason::Recovering)
}

/// The tab's title: the place first, because tabs are narrow.
fn tab(texts: &'static Texts, scene: Scene, status: &Status<'_>, title: &str) -> String {
    let short = match (scene, status.ahead) {
        (Scene::Plain(State::Waiting), Some(0)) => texts.next.to_owned(),
        (Scene::Plain(State::Waiting | State::Recovering), Some(count)) => {
            counted(texts, &texts.tab_ahead, count)
        }
        _ => scene.words(texts).head.to_owned(),
    };
    format!("{short} · {title}")
}

fn ahead(texts: &'static Texts, count: u64) -> Ahead {
    if count == 0 {
        return Ahead {
            number: String::new(),
            label: texts.next,
        };
    }
    Ahead {
        number: number(texts, count),
        label: form(&texts.ahead, count),
    }
}

/// Why a wish is not granted.
pub(super) const fn denied(texts: &'static Texts, denial: Denial) -> &'static str {
    let words = &texts.wishes;
    match denial {
        Denial::Spent(Wish::StepAway) => words.spent_break,
        Denial::Spent(Wish::MoreTime) => words.spent_time,
        Denial::NotNow(Wish::StepAway) => words.no_break,
        Denial::NotNow(Wish::MoreTime) => words.no_time,
        Denial::Later => words.later,
    }
}

/// A range in words: whole minutes up to two hours, quarters of an hour beyond, rounded
/// outwards so that it never promises more than was measured.
fn wait(texts: &'static Texts, range: Option<WaitRange>) -> String {
    let words = &texts.wait;
    let Some(WaitRange { low_s, high_s, .. }) = range else {
        return words.unknown.to_owned();
    };
    if high_s < 60 {
        return words.soon.to_owned();
    }
    let short = high_s < 2 * 3_600;
    let unit = if short { 60 } else { 900 };
    let (low, high) = (low_s / unit, high_s.div_ceil(unit));
    let span = |count: u32| {
        if short {
            counted(texts, &words.minutes, count.into())
        } else {
            quarters(texts, count)
        }
    };
    let pattern = match low {
        0 => words.up_to,
        low if low == high => words.about,
        _ => words.range,
    };
    let low = if short { low.to_string() } else { span(low) };
    pattern.replace("{a}", &low).replace("{b}", &span(high))
}

fn quarters(texts: &'static Texts, count: u32) -> String {
    let (hours, minutes) = (count / 4, count % 4 * 15);
    let hours_text = texts.wait.hours.replace("{n}", &hours.to_string());
    let minutes_text = texts.wait.quarters.replace("{n}", &minutes.to_string());
    match (hours, minutes) {
        (0, _) => minutes_text,
        (_, 0) => hours_text,
        _ => format!("{hours_text} {minutes_text}"),
    }
}

/// A length of time in words: whole minutes from two on, seconds below and where they matter.
pub(super) fn span(texts: &'static Texts, length: Duration) -> String {
    let seconds = length.as_secs();
    if seconds >= 120 || seconds == 60 {
        counted(texts, &texts.wait.minutes, seconds / 60)
    } else {
        counted(texts, &texts.wait.seconds, seconds)
    }
}

/// What people call a room or a lane whose owner gave it no title: `derby-final` is "Derby final".
#[must_use]
pub fn title_of(room: &str) -> String {
    let spaced = room.replace('-', " ");
    let mut letters = spaced.trim().chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A number with its thousands marked.
fn number(texts: &'static Texts, value: u64) -> String {
    let digits = value.to_string();
    let mut marked = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            marked.push_str(texts.thousands);
        }
        marked.push(digit);
    }
    marked
}

const fn form(plural: &'static Plural, count: u64) -> &'static str {
    if count == 1 { plural.one } else { plural.other }
}

fn counted(texts: &'static Texts, plural: &'static Plural, count: u64) -> String {
    form(plural, count).replace("{n}", &number(texts, count))
}

#[cfg(test)]
mod tests {
    use super::super::status::sample;
    use super::super::texts::EN;
    use super::*;
    use crate::domain::standing::EndedBy;

    fn said(low_s: u32, high_s: u32) -> String {
        wait(
            &EN,
            Some(WaitRange {
                low_s,
                median_s: low_s.midpoint(high_s),
                high_s,
            }),
        )
    }

    #[test]
    fn waits_are_said_as_ranges_rounded_outwards() {
        for (low_s, high_s, expected) in [
            (0, 59, "less than a minute"),
            (20, 60, "up to 1 minute"),
            (59, 130, "up to 3 minutes"),
            (240, 420, "about 4 to 7 minutes"),
            (300, 300, "about 5 minutes"),
            (299, 301, "about 4 to 6 minutes"),
            (3_000, 7_199, "about 50 to 120 minutes"),
            (6_300, 8_100, "about 1 h 45 min to 2 h 15 min"),
            (600, 7_200, "up to 2 h"),
            (900, 10_800, "about 15 min to 3 h"),
            (
                u32::MAX,
                u32::MAX,
                "about 1193046 h 15 min to 1193046 h 30 min",
            ),
        ] {
            assert_eq!(said(low_s, high_s), expected);
        }
        assert_eq!(wait(&EN, None), EN.wait.unknown);
    }

    #[test]
    fn numbers_have_their_thousands_marked() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(number(&EN, value), text);
        }
    }

    #[test]
    fn a_claim_window_is_said_in_the_unit_that_fits() {
        for (seconds, text) in [
            (1, "1 second"),
            (45, "45 seconds"),
            (60, "1 minute"),
            (90, "90 seconds"),
            (120, "2 minutes"),
            (600, "10 minutes"),
        ] {
            assert_eq!(span(&EN, Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn who_is_here_again_is_told_why_and_who_is_not_in_line_not_that_it_is() {
        let told = |scene| again(&EN, scene, EndedBy::Missed);
        assert_eq!(
            told(Scene::Plain(State::Waiting)),
            "Why are you here again? Your turn came twice and was not taken. \
             You start again at the end of the line."
        );
        assert_eq!(told(Scene::Over), "Your turn came twice and was not taken.");
    }

    #[test]
    fn the_tab_begins_with_the_place() {
        let room = "derby".parse().unwrap();
        let status = sample(&room);
        let title = |status: &Status<'_>| tab(&EN, Scene::of(status), status, "Derby");
        assert_eq!(title(&status), "1,233 ahead · Derby");
        let next = Status {
            ahead: Some(0),
            position: Some(1),
            ..status
        };
        assert_eq!(title(&next), "You\u{2019}re next · Derby");
        let called = Status {
            state: State::Released,
            ahead: None,
            position: None,
            ..status
        };
        assert_eq!(title(&called), "It\u{2019}s your turn! · Derby");
    }

    #[test]
    fn a_status_is_told_by_its_nearest_scene() {
        let room = "derby".parse().unwrap();
        let status = sample(&room);
        let at = |state, ended_by| Status {
            state,
            ended_by,
            ..status
        };
        let placeless = Status {
            position: None,
            ..status
        };
        assert_eq!(Scene::of(&placeless), Scene::First);
        let soon = Status {
            opens_at: Some(status.updated_at),
            ..at(State::Closed, None)
        };
        assert_eq!(Scene::of(&soon), Scene::Opening);
        let sooner = Status {
            prequeue_opens_at: Some(status.updated_at),
            ..soon
        };
        assert_eq!(Scene::of(&sooner), Scene::BeforeLobby);
        assert_eq!(Scene::of(&status), Scene::Plain(State::Waiting));
        assert_eq!(
            Scene::of(&at(State::Ended, Some(EndedBy::Left))),
            Scene::Left
        );
        assert_eq!(
            Scene::of(&at(State::Ended, Some(EndedBy::Missed))),
            Scene::Over
        );
        let done = at(State::Ended, Some(EndedBy::Completed));
        assert_eq!(Scene::of(&done), Scene::Done);
        let gone = Status {
            reason: Some(Reason::SoldOut),
            ..at(State::Ended, None)
        };
        assert_eq!(Scene::of(&gone), Scene::SoldOut);
        let missed = Status {
            ended_by: Some(EndedBy::Missed),
            ..gone
        };
        assert_eq!(Scene::of(&missed), Scene::SoldOut);
        let away = Status {
            away_until: Some(status.updated_at),
            ..status
        };
        assert_eq!(Scene::of(&away), Scene::Away);
        let soon = Status {
            opens_at: Some(status.updated_at),
            ..at(State::Closed, None)
        };
        assert_eq!(Scene::of(&soon), Scene::Opening);
    }
}
