//! What time does to a room, on time and late.

use super::*;

use WindowState::{Closed, Drawing, Ended, Open, Paused, Prequeue};

/// A prequeue at 10, an opening at 20, an end at 100.
fn sale() -> Schedule {
    Schedule::of(vec![SaleWindow {
        ends_at: Some(later(100)),
        external_source: Some("a beacon".into()),
        ..drawn_window(10, 20)
    }])
}

/// A sale without an end from 20 on, with a prequeue at 10, and another from 220 on with one
/// at 210.
fn two() -> Schedule {
    Schedule::of(vec![drawn_window(210, 220), drawn_window(10, 20)])
}

#[test]
fn a_scheduled_sale_goes_through_its_states() {
    let new = Orders::default();
    assert_eq!(new.at(&sale(), 9), new);
    assert_eq!(new.next_change(&sale()), Some(later(10)));
    assert_eq!(new.prequeue_opening(&sale()), Some(later(10)));
    assert_eq!(new.opening(&sale()), Some(later(20)));

    let lobby = new.at(&sale(), 10);
    let draw = lobby.draw.clone().unwrap();
    assert_eq!((lobby.state, lobby.version), (Prequeue, 1));
    assert_eq!(draw.external_source.as_deref(), Some("a beacon"));
    assert_eq!(lobby.prequeue_opening(&sale()), None, "it is open");
    assert_eq!(lobby.opening(&sale()), Some(later(20)));

    let drawing = lobby.at(&sale(), 20);
    assert_eq!((drawing.state, drawing.window), (Drawing, lobby.window));
    assert_eq!(drawing.opening(&sale()), None);
    let open = drawing.drawn(DRAWN, later(21)).unwrap();
    assert_eq!(open.at(&sale(), 99), open);
    assert_eq!(open.ending(&sale()), Some(later(100)));
    let ended = open.at(&sale(), 100);
    assert_eq!((ended.state, ended.window), (Ended, lobby.window));
    assert_eq!(ended.next_change(&sale()), None);
}

#[test]
fn whatever_passed_while_everything_was_down_is_made_good_at_once() {
    let new = Orders::default();
    let lobby = new.at(&sale(), 10);
    let drawing = lobby.at(&sale(), 20);
    let open = drawing.drawn(DRAWN, later(21)).unwrap();
    for (before, secs, state, past) in [
        // The prequeue was missed: the room opens without one, or is over.
        (&new, 15, Prequeue, 0),
        (&new, 25, Open, 0),
        (&new, 500, Ended, 0),
        // The lobby is there: it is drawn, or dismissed with nobody let in.
        (&lobby, 25, Drawing, 0),
        (&lobby, 500, Ended, 1),
        (&drawing, 500, Ended, 1),
        (&open, 500, Ended, 1),
    ] {
        let after = before.at(&sale(), secs);
        assert_eq!((after.state, after.past.len()), (state, past), "{secs}");
    }
    assert_eq!(new.at(&sale(), 25).draw, None, "nothing is drawn");
    assert_eq!(lobby.at(&sale(), 500).past[0].opened_at, None);
}

#[test]
fn a_scheduled_window_has_the_same_number_however_late_it_is_acted_on() {
    let number = |secs| Orders::default().at(&two(), secs).window;
    let first = WindowId(later(10).minutes_since_2025());
    assert_eq!([number(10), number(20), number(205)], [first; 3]);
    assert_eq!(number(210).0, later(210).minutes_since_2025());
}

#[test]
fn the_second_window_begins_anew_also_where_the_first_never_ended() {
    let first = Orders::default().at(&two(), 10);
    let open = first.at(&two(), 20).drawn(DRAWN, later(21)).unwrap();
    let second = open.at(&two(), 210);
    assert_eq!((open.state, second.state), (Open, Prequeue));
    assert!(second.window > open.window);
    assert_eq!(second.past[0].why, Finish::Replaced);
    assert_eq!(
        second.draw.as_ref().unwrap().commitment,
        committed(second.window)
    );

    // In one step or in several, and from wherever the first one was left.
    for (before, secs, state) in [
        (&first, 215, Prequeue),
        (&open, 215, Prequeue),
        (&open, 225, Open),
        (&first, 225, Open),
        (&Orders::default(), 225, Open),
        (&open.after(&Order::Pause, 30), 215, Prequeue),
        (&open.after(&Order::Close, 30), 215, Prequeue),
        (&open.after(&Order::End, 30), 215, Prequeue),
        (&first.after(&Order::Close, 15), 215, Prequeue),
        (&first.after(&Order::Close, 15), 225, Open),
    ] {
        let late = before.at(&two(), secs);
        assert_eq!(
            (late.state, late.scheduled_for),
            (state, Some(later(220).millis()))
        );
        assert!(late.window > first.window || *before == Orders::default());
    }
}

#[test]
fn of_several_gateways_all_find_the_same() {
    let before = Orders::default().at(&two(), 10);
    let one = before.due(&two(), later(230)).unwrap();
    let other = before.due(&two(), later(231)).unwrap();
    assert_eq!(one, other, "so whoever writes first has written for both");
}

#[test]
fn an_order_beats_the_schedule() {
    let lobby = Orders::default().at(&sale(), 10);
    let drawing = lobby.after(&Order::OPEN_NOW, 12);
    assert_eq!(drawing.state, Drawing, "drawn early");
    let open = drawing.drawn(DRAWN, later(13)).unwrap();
    assert_eq!(open.at(&sale(), 20).state, Open);
    for (order, state) in [
        (Order::Pause, Paused),
        (Order::Close, Closed),
        (Order::End, Ended),
    ] {
        let stopped = open.after(&order, 15).at(&sale(), 20);
        assert_eq!((stopped.state, stopped.window), (state, lobby.window));
    }
    for (order, state) in [(Order::Close, Closed), (Order::End, Ended)] {
        let stopped = lobby.after(&order, 15);
        assert_eq!(stopped.opening(&sale()), None, "it does not open by itself");
        let stopped = stopped.at(&sale(), 50);
        assert_eq!((stopped.state, stopped.window), (state, lobby.window));
    }
    let again = lobby.after(&Order::Close, 15).after(&Order::OPEN_NOW, 16);
    assert_eq!(again.at(&sale(), 20).state, Drawing, "and in time again");
    let late = lobby.after(&Order::Close, 15).after(&Order::OPEN_NOW, 30);
    assert_eq!(
        (late.state, late.at(&sale(), 30).state),
        (Prequeue, Drawing)
    );
}

#[test]
fn a_room_opened_early_by_order_is_the_sale_itself() {
    let early = Orders::default().after(&Order::OPEN_NOW, 5);
    let there = early.at(&sale(), 25);
    assert_eq!((there.state, there.window), (Open, early.window));
    assert_eq!(there.draw, None);
    assert_eq!(there.at(&sale(), 100).state, Ended);

    let between = Orders::default().at(&two(), 205).after(&Order::End, 206);
    let early = between.after(&Order::OPEN_NOW, 207);
    assert_eq!(early.at(&two(), 230).window, early.window);
    let closed = early.after(&Order::Close, 208).at(&two(), 215);
    assert!(closed.window > early.window, "a rehearsal that was closed");
    assert_eq!(closed.state, Prequeue);
}

#[test]
fn an_ordered_opening_puts_the_scheduled_one_off() {
    let lobby = Orders::default().at(&sale(), 10);
    let moved = lobby.after(&open_at(60), 12);
    assert_eq!(moved.opening(&sale()), Some(later(60)));
    let moved = moved.at(&sale(), 30);
    assert_eq!(moved.state, Prequeue);
    assert_eq!(moved.at(&sale(), 60).state, Drawing);

    let earlier = lobby.after(&open_at(15), 12).at(&sale(), 15);
    assert_eq!(earlier.state, Drawing);
    assert_eq!(earlier.at(&sale(), 20).state, Drawing);

    let before = Orders::default().after(&open_at(60), 0);
    let before = before.at(&sale(), 10);
    assert_eq!(before.state, Prequeue, "the prequeue is as in the file");
    assert_eq!(before.at(&sale(), 30).state, Prequeue);
    assert_eq!(before.at(&sale(), 60).state, Drawing);
}

#[test]
fn a_window_ordered_with_a_prequeue_goes_its_own_way() {
    let order = Order::Open(Opening {
        prequeue_opens_at: Some(later(10)),
        opens_at: Some(later(20)),
        ends_at: Some(later(100)),
        external_source: None,
    });
    let soon = Orders::default().after(&order, 0);
    assert_eq!(soon.prequeue_opening(&unscheduled()), Some(later(10)));
    let lobby = soon.at(&unscheduled(), 10);
    for (before, secs, state) in [
        (&soon, 15, Prequeue),
        (&soon, 25, Open),
        (&soon, 500, Ended),
        (&lobby, 25, Drawing),
        (&lobby, 500, Ended),
    ] {
        assert_eq!(before.at(&unscheduled(), secs).state, state, "{secs}");
    }
}

#[test]
fn an_end_acts_once_and_an_ordered_one_takes_its_place() {
    let schedule = Schedule::of(vec![SaleWindow {
        ends_at: Some(later(100)),
        ..window(10)
    }]);
    let open = Orders::default().at(&schedule, 10);
    assert_eq!(open.state, Open);
    let ended = open.at(&schedule, 100);
    assert_eq!(
        (ended.state, ended.due(&schedule, later(101))),
        (Ended, None)
    );
    let again = ended.after(&Order::OPEN_NOW, 200);
    assert_eq!(again.due(&schedule, later(201)), None, "stays open");

    let closed = open.after(&Order::Close, 12);
    assert_eq!(closed.due(&schedule, later(13)), None, "stays closed");
    let passed = closed.at(&schedule, 100);
    assert_eq!(passed.state, Closed);
    let again = passed.after(&Order::OPEN_NOW, 200);
    assert_eq!((again.state, again.window), (Open, open.window));
    assert_eq!(again.due(&schedule, later(201)), None, "stays open");

    let longer = Order::Open(Opening {
        ends_at: Some(later(300)),
        ..Opening::default()
    });
    let longer = open.after(&longer, 50);
    assert_eq!(longer.at(&schedule, 150).state, Open);
    assert_eq!(longer.at(&schedule, 300).state, Ended);
    let alone = Schedule::ending(later(100));
    let opened = Orders::default().after(&Order::OPEN_NOW, 0);
    assert_eq!(opened.at(&alone, 100).state, Ended);
    assert_eq!(Orders::default().at(&alone, 100).state, Closed);
}

#[test]
fn times_changed_in_the_file_lose_nobody_who_waits() {
    let moved = |window: SaleWindow| Schedule::of(vec![window]);
    let open = Orders::default().at(&moved(window(20)), 20);
    let later_in_the_file = open.at(&moved(window(40)), 40);
    assert_eq!(later_in_the_file.window, open.window);

    let lobby = Orders::default().at(&moved(drawn_window(10, 20)), 10);
    let put_off = lobby.at(&moved(drawn_window(10, 60)), 30);
    assert_eq!((put_off.state, put_off.window), (Prequeue, lobby.window));
    assert_eq!(put_off.at(&moved(drawn_window(10, 60)), 60).state, Drawing);
    let both = lobby.at(&moved(drawn_window(30, 60)), 30);
    assert_eq!((both.state, both.window), (Prequeue, lobby.window));
}

#[test]
fn an_opening_ordered_for_later_waits_and_a_past_one_means_now() {
    let waiting = Orders::default().after(&open_at(60), 0);
    assert_eq!(waiting.state, Closed);
    assert_eq!(waiting.due(&unscheduled(), later(59)), None);
    assert_eq!(waiting.at(&unscheduled(), 60).state, Open);
    let past = Orders::default().after(&open_at(60), 90);
    assert_eq!(past.state, Open);
}
