//! The table of states and orders, cell by cell; docs/operations.md shows the same one.

use super::*;
use WindowState::{Closed, Drawing, Ended, Open, Paused, Prequeue};

/// Each row of the table, as orders that stand there. All but the first have had a window.
fn rows() -> [(&'static str, Orders); 9] {
    let new = Orders::default();
    let lobby = new.after(&lobby_at(0, 600), 0);
    let drawing = lobby.after(&Order::OPEN_NOW, 5);
    let open = new.after(&Order::OPEN_NOW, 0);
    [
        ("new", new),
        ("prequeue", lobby.clone()),
        ("drawing", drawing.clone()),
        ("open", open.clone()),
        ("paused", open.after(&Order::Pause, 5)),
        ("closed", open.after(&Order::Close, 5)),
        ("closed in prequeue", lobby.after(&Order::Close, 5)),
        ("closed in drawing", drawing.after(&Order::Close, 5)),
        ("ended", open.after(&Order::End, 5)),
    ]
}

/// What becomes of a row: its state after the order, and whether it is in the same window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Same(WindowState),
    New(WindowState),
    Refused,
}
use Cell::{New, Refused, Same};

fn cell(before: &Orders, order: &Order) -> Cell {
    match before.apply(order, later(10)) {
        Err(_) => Refused,
        Ok(next) if next.window == before.window => Same(next.state),
        Ok(next) => New(next.state),
    }
}

#[test]
fn every_order_has_its_cell_in_every_state() {
    let orders = [
        Order::OPEN_NOW,
        open_at(700),
        lobby_at(300, 700),
        Order::Pause,
        Order::Resume,
        Order::Release(NonZeroU32::MIN),
        Order::Close,
        Order::End,
    ];
    #[rustfmt::skip]
    let table = [
        // open now,    open later,     with prequeue, pause,        resume,       release,      close,         end
        [New(Open),     Same(Closed),   Same(Closed),  Refused,      Refused,      Refused,      Same(Closed),  Same(Ended)],
        [Same(Drawing), Same(Prequeue), Refused,       Refused,      Refused,      Refused,      Same(Closed),  Same(Ended)],
        [Same(Drawing), Refused,        Refused,       Refused,      Refused,      Refused,      Same(Closed),  Same(Ended)],
        [Same(Open),    Refused,        Refused,       Same(Paused), Same(Open),   Same(Open),   Same(Closed),  Same(Ended)],
        [Same(Open),    Refused,        Refused,       Same(Paused), Same(Open),   Same(Paused), Same(Closed),  Same(Ended)],
        [Same(Open),    Same(Closed),   Refused,       Refused,      Refused,      Refused,      Same(Closed),  Same(Ended)],
        [Same(Prequeue), Same(Prequeue), Refused,      Refused,      Refused,      Refused,      Same(Closed),  Same(Ended)],
        [Same(Drawing), Same(Closed),   Refused,       Refused,      Refused,      Refused,      Same(Closed),  Same(Ended)],
        [New(Open),     Same(Ended),    Same(Ended),   Refused,      Refused,      Refused,      Same(Ended),   Same(Ended)],
    ];
    for ((name, before), cells) in rows().iter().zip(table) {
        for (order, expected) in orders.iter().zip(cells) {
            assert_eq!(cell(before, order), expected, "{name}: {order:?}");
        }
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let said = |row: usize, order: &Order| {
        let refused = rows()[row].1.apply(order, later(10));
        refused.unwrap_err().to_string()
    };
    for (row, order, words) in [
        (0, Order::Pause, "closed: open it first"),
        (8, Order::Resume, "ended: open it first"),
        (1, Order::Pause, "`close` shuts it and keeps it"),
        (2, Order::Pause, "`close` holds the room back"),
        (3, open_at(700), "open already"),
        (2, open_at(700), "cannot be put off"),
        (1, lobby_at(300, 700), "leave `prequeue_opens_at` out"),
        (5, lobby_at(300, 700), "end it first"),
    ] {
        let said = said(row, &order);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn an_opening_that_cannot_be_is_refused_in_every_state() {
    let opening = |change: fn(&mut Opening)| {
        let mut opening = Opening::default();
        change(&mut opening);
        Order::Open(opening)
    };
    for (order, why) in [
        (
            opening(|it| it.ends_at = Some(later(10))),
            OrderRefused::EndsTooEarly,
        ),
        (
            opening(|it| {
                it.opens_at = Some(later(50));
                it.ends_at = Some(later(50));
            }),
            OrderRefused::EndsTooEarly,
        ),
        (
            opening(|it| it.prequeue_opens_at = Some(later(50))),
            OrderRefused::PrequeueTooLate,
        ),
        (lobby_at(50, 50), OrderRefused::PrequeueTooLate),
        (lobby_at(2, 9), OrderRefused::PrequeueTooLate),
        (
            opening(|it| it.external_source = Some("a beacon".into())),
            OrderRefused::NoPrequeue,
        ),
    ] {
        for (name, before) in rows() {
            let refused = before.apply(&order, later(10));
            assert_eq!(refused, Err(why), "{name}: {order:?}");
        }
    }
}

#[test]
fn a_lobby_that_is_closed_is_kept_and_goes_on() {
    let lobby = Orders::default().after(&lobby_at(0, 600), 0);
    let closed = lobby.after(&Order::Close, 5);
    assert_eq!(
        closed.at(&unscheduled(), 700),
        closed,
        "an order beats the times, its own too"
    );
    assert_eq!(
        closed.opening(&unscheduled()),
        None,
        "it waits for an order"
    );
    let again = closed.after(&Order::OPEN_NOW, 60);
    assert_eq!((again.state, again.window), (Prequeue, lobby.window));
    assert_eq!(again.draw, lobby.draw, "the same draw");
    assert_eq!(again.at(&unscheduled(), 600).state, Drawing);
    let late = closed.after(&Order::OPEN_NOW, 900).at(&unscheduled(), 900);
    assert_eq!(late.state, Drawing, "its time has passed meanwhile");
    let moved = closed.after(&open_at(1_200), 900);
    assert_eq!((moved.state, moved.closed_in), (Prequeue, None));
    assert_eq!(moved.at(&unscheduled(), 1_200).state, Drawing);
}

#[test]
fn a_draw_that_is_closed_goes_on_as_a_draw() {
    let lobby = Orders::default().after(&lobby_at(0, 600), 0);
    let drawing = lobby.at(&unscheduled(), 600);
    let closed = drawing.after(&Order::Close, 601);
    assert!(closed.drawn(DRAWN, later(602)).is_err(), "nobody is let in");
    let later_again = closed.after(&open_at(900), 602);
    for again in [
        closed.after(&Order::OPEN_NOW, 700),
        later_again.at(&unscheduled(), 900),
    ] {
        assert_eq!((again.state, again.window), (Drawing, lobby.window));
        assert_eq!(again.draw, lobby.draw);
    }
}

#[test]
fn closing_takes_back_what_was_to_come() {
    for order in [open_at(60), lobby_at(30, 60)] {
        for take_back in [Order::Close, Order::End] {
            let soon = Orders::default().after(&order, 0);
            let none = soon.after(&take_back, 5);
            assert_eq!(none.next_change(&unscheduled()), None, "{take_back:?}");
            assert_eq!(none.at(&unscheduled(), 100), none);
        }
    }
}
