//! Orders and times, each by a table or a story.

mod cells;
mod times;

use std::num::NonZeroU32;

use super::*;
use crate::domain::draw::Hash;
use crate::domain::room::{Activation, PageStatus, WhenStoreFails};
use crate::domain::schedule::{SaleWindow, Schedule};

const NOON: UnixTime = UnixTime::from_secs(1_795_000_000);

const DRAWN: Drawn = Drawn {
    server_seed: Hash([1; 32]),
    seed: Hash([2; 32]),
    digest: Hash([3; 32]),
};

/// So many seconds after noon.
fn later(secs: u64) -> UnixTime {
    UnixTime::from_millis(NOON.millis() + secs * 1_000)
}

/// Opens at so many seconds after noon.
fn open_at(secs: u64) -> Order {
    Order::Open(Opening {
        opens_at: Some(later(secs)),
        ..Opening::default()
    })
}

/// Opens the lobby and then the room, each so many seconds after noon.
fn lobby_at(prequeue: u64, opens: u64) -> Order {
    Order::Open(Opening {
        prequeue_opens_at: Some(later(prequeue)),
        opens_at: Some(later(opens)),
        ..Opening::default()
    })
}

/// A window of the file that opens so many seconds after noon.
fn window(opens: u64) -> SaleWindow {
    SaleWindow::opening(later(opens))
}

/// The same with a prequeue.
fn drawn_window(prequeue: u64, opens: u64) -> SaleWindow {
    SaleWindow {
        prequeue_opens_at: Some(later(prequeue)),
        ..window(opens)
    }
}

/// Nothing in the file.
fn unscheduled() -> Schedule {
    Schedule::default()
}

trait Story: Sized {
    /// After an order at so many seconds after noon, sealed as it is written.
    fn after(&self, order: &Order, secs: u64) -> Self;
    /// As the schedule leaves it so many seconds after noon.
    fn at(&self, schedule: &Schedule, secs: u64) -> Self;
}

impl Story for Orders {
    fn after(&self, order: &Order, secs: u64) -> Self {
        let next = self.apply(order, later(secs)).unwrap();
        next.sealed(self, seal(0))
    }

    fn at(&self, schedule: &Schedule, secs: u64) -> Self {
        match self.due(schedule, later(secs)) {
            Some(next) => {
                assert_eq!(next.version, self.version + 1);
                let next = next.sealed(self, seal(0));
                assert_eq!(next.due(schedule, later(secs)), None, "each time acts once");
                next
            }
            None => self.clone(),
        }
    }
}

/// A seal with a commitment that names the window, and totals of which all are `counted`.
fn seal(counted: u64) -> Seal<'static> {
    Seal {
        commitment: &committed,
        totals: Some(Totals {
            joined: counted,
            released: counted,
            admitted: counted,
        }),
    }
}

fn committed(window: WindowId) -> Hash {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&window.0.to_be_bytes());
    Hash(hash)
}

#[test]
fn a_slip_of_close_and_open_continues_the_window() {
    let open = Orders::default().after(&Order::OPEN_NOW, 0);
    let closed = open.after(&Order::Close, 0);
    let again = closed.after(&Order::OPEN_NOW, 600);

    assert_eq!(open.window.0, NOON.minutes_since_2025());
    assert_eq!(closed.state, WindowState::Closed);
    assert_eq!(
        (again.window, again.state),
        (open.window, WindowState::Open)
    );
    assert_eq!(again.version, 3);

    let waiting = closed.after(&open_at(600), 0);
    let again = waiting.at(&unscheduled(), 600);
    assert_eq!(
        (again.window, again.state),
        (open.window, WindowState::Open),
        "also when it is opened later"
    );
}

#[test]
fn a_window_that_only_tokens_know_is_continued_now_or_later() {
    let newest = WindowId(NOON.minutes_since_2025() + 5);
    let lost = Orders::default();
    let open = lost.apply_after(&Order::OPEN_NOW, NOON, newest).unwrap();
    assert_eq!((open.window, open.state), (newest, WindowState::Open));
    assert_eq!(open.version, 1);

    let soon = lost.apply_after(&open_at(600), NOON, newest).unwrap();
    let then = soon.at(&unscheduled(), 600);
    assert_eq!((then.window, then.state), (newest, WindowState::Open));

    let restored = Orders::default().after(&Order::OPEN_NOW, 0);
    let open = restored
        .apply_after(&Order::OPEN_NOW, NOON, newest)
        .unwrap();
    assert_eq!((open.window, open.version), (newest, 2));
    let paused = restored.apply_after(&Order::Pause, NOON, newest).unwrap();
    assert_eq!(
        paused.window, restored.window,
        "only an opening continues it"
    );
    let lobby = lobby_at(10, 20);
    assert_eq!(
        restored.apply_after(&lobby, NOON, newest),
        Err(OrderRefused::HasWindow),
        "a new window would dismiss those whose tokens tell of it"
    );
}

#[test]
fn opening_after_the_end_starts_a_new_window() {
    let open = Orders::default().after(&Order::OPEN_NOW, 0);
    let ended = open.after(&Order::End, 0);
    let again = ended.after(&Order::OPEN_NOW, 0);
    assert_eq!(again.window.0, open.window.0 + 1);
}

#[test]
fn an_order_in_force_changes_no_version() {
    let open = Orders::default().after(&Order::OPEN_NOW, 0);
    let lobby = Orders::default().after(&lobby_at(0, 600), 0);
    let soon = Orders::default().after(&lobby_at(60, 600), 0);
    for (before, order) in [
        (&open, Order::OPEN_NOW),
        (&open.after(&Order::Pause, 0), Order::Pause),
        (&open.after(&Order::Close, 0), Order::Close),
        (&open.after(&Order::End, 0), Order::End),
        (&soon, lobby_at(60, 600)),
        (&lobby, lobby_at(0, 600)),
        (&lobby, open_at(600)),
        (&lobby.after(&Order::Close, 5), Order::Close),
        (&lobby.after(&Order::OPEN_NOW, 5), Order::OPEN_NOW),
    ] {
        assert_eq!(before.after(&order, 5), *before, "{order:?}");
    }
}

#[test]
fn revoking_all_voids_what_was_signed_before_in_every_state() {
    let closed = Orders::default();
    let open = closed.after(&Order::OPEN_NOW, 0);
    let ended = open.after(&Order::End, 0);
    for before in [closed, open, ended] {
        let once = before.after(&Order::RevokeAll, 0);
        let twice = once.after(&Order::RevokeAll, 0);
        assert_eq!((once.rev, twice.rev), (before.rev + 1, before.rev + 2));
        assert_eq!(
            twice.version,
            before.version + 2,
            "each ends those since let in"
        );
        assert_eq!((twice.state, twice.window), (before.state, before.window));
    }
}

#[test]
fn a_prequeue_is_committed_to_as_it_opens_and_not_before() {
    let source = "round 4,711 of the beacon";
    let order = Order::Open(Opening {
        prequeue_opens_at: Some(later(60)),
        opens_at: Some(later(600)),
        external_source: Some(source.into()),
        ..Opening::default()
    });
    let soon = Orders::default().after(&order, 0);
    assert_eq!((soon.state, &soon.draw), (WindowState::Closed, &None));

    let lobby = soon.at(&unscheduled(), 60);
    let draw = lobby.draw.clone().unwrap();
    assert_eq!(lobby.state, WindowState::Prequeue);
    assert_eq!(draw.commitment, committed(lobby.window));
    assert_eq!(draw.external_source.as_deref(), Some(source));

    let again = Order::Open(Opening {
        prequeue_opens_at: Some(later(60)),
        opens_at: Some(later(900)),
        external_source: Some("another".into()),
        ..Opening::default()
    });
    assert_eq!(
        lobby.apply(&again, later(61)),
        Err(OrderRefused::SourcePublished)
    );
    let drawing = lobby.at(&unscheduled(), 600);
    assert_eq!(drawing.state, WindowState::Drawing);
    assert_eq!(drawing.draw, Some(draw.clone()));

    let open = drawing.drawn(DRAWN, later(605)).unwrap();
    assert_eq!((open.state, open.version), (WindowState::Open, 4));
    assert_eq!(
        open.draw,
        Some(Draw {
            drawn: Some(DRAWN),
            ..draw
        })
    );
    assert_eq!(
        open.running.unwrap().opened_at,
        Some(later(605).millis()),
        "it let people in when the order was there"
    );
    for not_drawing in [lobby, open] {
        let state = not_drawing.state;
        assert_eq!(
            not_drawing.drawn(DRAWN, later(606)),
            Err(OrderRefused::NotDrawing(state))
        );
    }
}

#[test]
fn the_next_window_knows_nothing_of_the_last_ones_draw() {
    let lobby = Orders::default().after(&lobby_at(0, 600), 0);
    let again = lobby.after(&Order::End, 5).after(&lobby_at(6, 700), 6);
    let draw = again.draw.unwrap();
    assert_eq!(draw.commitment, committed(again.window));
    assert!(again.window > lobby.window);
    let plain = lobby.after(&Order::End, 5).after(&Order::OPEN_NOW, 6);
    assert_eq!(plain.draw, None);
}

#[test]
fn what_a_window_brings_along_holds_until_an_order_or_the_next_window() {
    let slow = Pace::per_minute(60).unwrap();
    let fast = Pace::per_minute(900).unwrap();
    let own = SaleWindow {
        pace: Some(slow),
        message: Some("Members first".into()),
        method: Some(Method::Passthrough),
        ..window(10)
    };
    let schedule = Schedule::of(vec![window(1_000), own]);
    let message = |text: Option<&str>| Order::Message(text.map(str::to_owned));
    let before = Orders::default()
        .after(&Order::Pace(fast), 0)
        .after(&message(Some("Soon")), 0);

    let first = before.at(&schedule, 10);
    assert_eq!(first.pace, Some(slow), "ordered before this window");
    assert_eq!(first.message.as_deref(), Some("Members first"));
    assert_eq!(first.method(Method::Fifo), Method::Passthrough);
    let second = first.at(&schedule, 1_000);
    assert_eq!((second.pace, second.message.as_ref()), (None, None));
    assert_eq!(second.method(Method::Fifo), Method::Fifo);

    let ordered = first
        .after(&Order::Pace(fast), 11)
        .after(&message(None), 11);
    assert_eq!((ordered.pace, ordered.message.as_ref()), (Some(fast), None));
    assert_eq!(ordered.at(&schedule, 1_000).pace, Some(fast), "orders stay");
    for order in [Order::Close, Order::End] {
        let shut = first.after(&order, 12);
        assert_eq!(shut.method(Method::Fifo), Method::Fifo, "nobody passes");
    }
}

fn settings() -> RoomSettings {
    RoomSettings {
        name: "derby".parse().unwrap(),
        site: "shop".parse().unwrap(),
        paths: Vec::new(),
        except: Vec::new(),
        exempt: Vec::new(),
        method: Method::Fifo,
        rehearsal: false,
        terms: Terms::of_pace(Pace::per_minute(600).unwrap()),
        schedule: unscheduled(),
        page_status: PageStatus::default(),
        activation: Activation::Always,
        when_store_fails: WhenStoreFails::Hold,
        lanes: Vec::new(),
        identity: None,
    }
}

#[test]
fn rounds_are_drawn_in_windows_that_are_random_and_in_no_others() {
    let round = Some(std::time::Duration::from_secs(60));
    let mut settings = settings();
    settings.terms.fairness_window = round;
    let of = |method| SaleWindow {
        method: Some(method),
        ..window(10)
    };
    for (usual, own, expected) in [
        (Method::Fifo, Method::Random, round),
        (Method::Random, Method::Fifo, None),
        (Method::Random, Method::Random, round),
    ] {
        settings.method = usual;
        let open = Orders::default().at(&Schedule::of(vec![of(own)]), 10);
        assert_eq!(open.terms(&settings).fairness_window, expected, "{own:?}");
    }
    assert_eq!(
        Orders::default().terms(&settings),
        settings.terms,
        "the room's own method between windows"
    );
}

#[test]
fn windows_that_are_over_are_kept_with_what_was_counted_in_them() {
    let schedule = Schedule::of(vec![SaleWindow {
        ends_at: Some(later(100)),
        ..drawn_window(10, 20)
    }]);
    let due = |orders: &Orders, secs, counted| {
        let next = orders.due(&schedule, later(secs)).unwrap();
        next.sealed(orders, seal(counted))
    };
    let lobby = due(&Orders::default(), 10, 5);
    let open = due(&lobby, 20, 9).drawn(DRAWN, later(22)).unwrap();
    let ended = due(&open, 130, 12);
    let kept = PastWindow {
        window: lobby.window,
        began_at: Some(later(10).millis()),
        opened_at: Some(later(22).millis()),
        ended_at: later(100).millis(),
        why: Finish::Schedule,
        totals: Some(Totals {
            joined: 7,
            released: 7,
            admitted: 7,
        }),
    };
    assert_eq!(ended.past, [kept]);
    assert_eq!(ended.after(&Order::End, 140).past, [kept], "once");

    let mut again = ended;
    for round in 0..30 {
        let open = again.after(&Order::OPEN_NOW, 200 + round);
        let end = open.apply(&Order::End, later(200 + round)).unwrap();
        again = end.sealed(
            &open,
            Seal {
                totals: None,
                ..seal(0)
            },
        );
        let last = again.past.last().unwrap();
        assert_eq!((last.window, last.why), (open.window, Finish::Order));
        assert_eq!(last.totals, None, "not known at that moment");
    }
    assert_eq!(again.past.len(), MOST_PAST);
    assert!(again.past.is_sorted_by_key(|past| past.window));
}

#[test]
fn a_store_that_counts_anew_tells_no_totals() {
    let open = Orders::default()
        .apply(&Order::OPEN_NOW, NOON)
        .unwrap()
        .sealed(&Orders::default(), seal(50));
    let ended = open.apply(&Order::End, later(5)).unwrap();
    let ended = ended.sealed(&open, seal(3));
    assert_eq!(ended.past[0].totals, None);
}

#[test]
fn orders_survive_being_written_down() {
    let mut orders = Orders::default()
        .after(&lobby_at(0, 600), 0)
        .after(&Order::Close, 1)
        .after(&Order::End, 2)
        .after(&lobby_at(10, 20), 3);
    orders.pace = Pace::per_minute(7);
    orders.lent.method = Some(Method::Random);
    for capacity in [None, Some(None), Some(NonZeroU32::new(5))] {
        orders.capacity = capacity;
        let text = serde_json::to_string(&orders).unwrap();
        assert_eq!(serde_json::from_str::<Orders>(&text).unwrap(), orders);
    }
}

#[test]
fn orders_written_by_the_first_version_are_understood() {
    let text = r#"{"version":4,"window":1000,"state":"open","opens_at":null,"ends_at":null,
        "opened_for":1795000000000,"pace":null,"capacity":null,"message":null,"grants":0,"rev":1}"#;
    let orders: Orders = serde_json::from_str(text).unwrap();
    assert_eq!(
        (orders.window, orders.state),
        (WindowId(1_000), WindowState::Open)
    );
    let ended = orders.after(&Order::End, 5);
    assert_eq!((ended.past[0].began_at, ended.past[0].totals), (None, None));
}
