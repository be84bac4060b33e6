//! A room's sale windows as the control API shows them: those that are over, the present one,
//! and those to come.

use serde::Serialize;

use super::view::PaceView;
use crate::domain::clock::UnixTime;
use crate::domain::pace::Correction;
use crate::domain::room::{Method, SaleWindow};
use crate::domain::window::{PastWindow, Totals, WindowState};
use crate::telemetry::reading::Reading;

/// One window. Times are those that were, or those that are planned.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct WindowView {
    /// Its number; `None` before it has begun.
    window: Option<u32>,
    state: &'static str,
    prequeue_opens_at: Option<String>,
    opens_at: Option<String>,
    ends_at: Option<String>,
    /// What ended it.
    ended_by: Option<&'static str>,
    external_source: Option<String>,
    /// What was counted in it, as far as that is known.
    joined: Option<u64>,
    released: Option<u64>,
    admitted: Option<u64>,
    /// Its own pace, message and method, where it has them.
    pace: Option<PaceView>,
    message: Option<String>,
    method: Option<Method>,
}

/// The windows of a room, in the order of time.
#[must_use]
pub fn windows(reading: &Reading<'_>) -> Vec<WindowView> {
    let orders = &reading.snapshot.survey.orders;
    let schedule = &reading.settings.schedule;
    let correction = reading.settings.terms.correction;
    let past = orders.past.iter().map(over);
    let coming = orders.coming(schedule);
    // The one that is under way is not to come any more.
    let under_way = orders.state.joins();
    let this = orders.scheduled_for.filter(|_| under_way);
    let coming = coming.filter(|window| this != Some(window.opens_at.millis()));
    past.chain(present(reading))
        .chain(ordered(reading))
        .chain(coming.map(|window| planned(window, correction)))
        .collect()
}

fn over(past: &PastWindow) -> WindowView {
    // It had a prequeue where it began before it opened.
    let lobby = past.began_at.filter(|began| past.opened_at != Some(*began));
    WindowView {
        window: Some(past.window.0),
        state: WindowState::Ended.word(),
        prequeue_opens_at: told(lobby),
        opens_at: told(past.opened_at),
        ends_at: told(Some(past.ended_at)),
        ended_by: Some(past.why.word()),
        ..counted(past.totals)
    }
}

fn present(reading: &Reading<'_>) -> Option<WindowView> {
    let survey = &reading.snapshot.survey;
    let (orders, schedule) = (&survey.orders, &reading.settings.schedule);
    if orders.window.0 == 0 || orders.state == WindowState::Ended {
        return None;
    }
    let running = orders.running.unwrap_or_default();
    let draw = orders.draw.as_ref();
    let began = Some(running.began_at).filter(|_| draw.is_some());
    let expected = || {
        let opening = orders.opening(schedule);
        opening.filter(|_| orders.state == WindowState::Prequeue)
    };
    let opened = running.opened_at.map(UnixTime::from_millis);
    let totals = running.totals;
    Some(WindowView {
        window: Some(orders.window.0),
        state: orders.state.word(),
        prequeue_opens_at: told(began),
        opens_at: opened.or_else(expected).map(UnixTime::rfc3339),
        ends_at: orders.ending(schedule).map(UnixTime::rfc3339),
        external_source: draw.and_then(|draw| draw.external_source.clone()),
        pace: orders
            .pace
            .filter(|_| orders.lent.pace)
            .map(|_| PaceView::of(reading.effective_pace())),
        message: orders.message.clone().filter(|_| orders.lent.message),
        method: orders.lent.method,
        ..counted(totals.and_then(|before| survey.totals().since(before)))
    })
}

/// The window that an operator ordered for later.
fn ordered(reading: &Reading<'_>) -> Option<WindowView> {
    let orders = &reading.snapshot.survey.orders;
    let to_come = matches!(orders.state, WindowState::Closed | WindowState::Ended);
    let waits = orders.closed_in.is_none();
    let opens_at = orders.opens_at.filter(|_| to_come && waits)?;
    Some(WindowView {
        state: COMING,
        prequeue_opens_at: told(orders.prequeue_opens_at),
        opens_at: told(Some(opens_at)),
        ends_at: told(orders.ends_at),
        external_source: orders.external_source.clone(),
        ..WindowView::default()
    })
}

fn planned(window: &SaleWindow, correction: Correction) -> WindowView {
    let SaleWindow {
        prequeue_opens_at,
        opens_at,
        ends_at,
        external_source,
        pace,
        message,
        method,
    } = window;
    WindowView {
        state: COMING,
        prequeue_opens_at: prequeue_opens_at.map(UnixTime::rfc3339),
        opens_at: Some(opens_at.rfc3339()),
        ends_at: ends_at.map(UnixTime::rfc3339),
        external_source: external_source.clone(),
        pace: pace.map(|pace| PaceView::of(pace.corrected(correction))),
        message: message.clone(),
        method: *method,
        ..WindowView::default()
    }
}

/// The state of a window that has not begun.
const COMING: &str = "coming";

fn told(millis: Option<u64>) -> Option<String> {
    millis.map(|millis| UnixTime::from_millis(millis).rfc3339())
}

fn counted(totals: Option<Totals>) -> WindowView {
    WindowView {
        joined: totals.map(|totals| totals.joined),
        released: totals.map(|totals| totals.released),
        admitted: totals.map(|totals| totals.admitted),
        ..WindowView::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::draw::Hash;
    use crate::domain::pace::Pace;
    use crate::domain::room::Schedule;
    use crate::domain::window::{Order, Seal};
    use crate::store::survey::{Snapshot, Survey};
    use crate::telemetry::reading::settings_for_test;

    const fn at(minute: u64) -> UnixTime {
        UnixTime::from_secs(1_795_291_200 + 60 * minute)
    }

    /// The windows of a room with this schedule, whose orders are as they are a minute after
    /// each of these.
    fn seen(schedule: &Schedule, minutes: &[u64], order: Option<&Order>) -> serde_json::Value {
        let mut settings = settings_for_test("derby");
        settings.schedule = schedule.clone();
        let mut survey = Survey::default();
        for minute in minutes {
            survey.joins_total += 100;
            let orders = &survey.orders;
            let next = orders.due(schedule, at(*minute)).unwrap();
            let seal = Seal {
                commitment: &|_| Hash([7; 32]),
                totals: Some(survey.totals()),
            };
            survey.orders = next.sealed(orders, seal);
        }
        if let Some(order) = order {
            survey.orders = survey.orders.apply(order, at(99)).unwrap();
        }
        survey.joins_total += 11;
        let snapshot = Snapshot {
            survey,
            ..Snapshot::default()
        };
        let reading = Reading {
            settings: &settings,
            snapshot: &snapshot,
        };
        serde_json::to_value(windows(&reading)).unwrap()
    }

    #[test]
    fn what_was_is_and_will_be_is_shown_in_the_order_of_time() {
        let first = SaleWindow {
            ends_at: Some(at(20)),
            ..SaleWindow::opening(at(10))
        };
        let second = SaleWindow {
            prequeue_opens_at: Some(at(30)),
            external_source: Some("a beacon".into()),
            pace: Pace::per_minute(60),
            message: Some("Members first".into()),
            method: Some(Method::Fifo),
            ..SaleWindow::opening(at(40))
        };
        let third = SaleWindow::opening(at(60));
        let schedule = Schedule::of(vec![third, second, first]);
        let seen = seen(&schedule, &[10, 20, 30], None);
        let states: Vec<_> = seen.as_array().unwrap().iter().collect();
        let [over, lobby, coming] = states[..] else {
            panic!("{seen:#}")
        };
        assert_eq!(
            (&over["state"], &over["ended_by"]),
            (&"ended".into(), &"schedule".into())
        );
        assert_eq!(over["opens_at"], at(10).rfc3339());
        assert_eq!(over["ends_at"], at(20).rfc3339());
        assert_eq!(
            (&over["joined"], &over["prequeue_opens_at"]),
            (&100.into(), &().into())
        );
        let expected = serde_json::json!({
            "window": at(30).minutes_since_2025(), "state": "prequeue",
            "prequeue_opens_at": at(30).rfc3339(), "opens_at": at(40).rfc3339(),
            "ends_at": null, "ended_by": null, "external_source": "a beacon",
            "joined": 11, "released": 0, "admitted": 0,
            "pace": {"per_minute": 60, "burst": 1, "effective_burst": 2},
            "message": "Members first", "method": "fifo",
        });
        assert_eq!(*lobby, expected);
        assert_eq!(
            (&coming["state"], &coming["window"]),
            (&"coming".into(), &().into())
        );
        assert_eq!(coming["opens_at"], at(60).rfc3339());
    }

    #[test]
    fn a_window_ordered_for_later_is_shown_among_those_to_come() {
        let order = Order::Open(crate::domain::window::Opening {
            opens_at: Some(at(200)),
            prequeue_opens_at: Some(at(150)),
            ..Default::default()
        });
        let seen = seen(&Schedule::default(), &[], Some(&order));
        assert_eq!(seen.as_array().unwrap().len(), 1);
        assert_eq!(seen[0]["state"], "coming");
        assert_eq!(seen[0]["prequeue_opens_at"], at(150).rfc3339());
        assert_eq!(seen[0]["opens_at"], at(200).rfc3339());
    }
}
