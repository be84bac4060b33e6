//! `[window]` and `[[window]]`: when a room opens and ends by itself.

use super::pace;
use super::ways::{method_word, queues};
use crate::control::orders::MOST_MESSAGE;
use crate::domain::clock::UnixTime;
use crate::domain::order::MOST_SOURCE;
use crate::domain::pace::Pace;
use crate::domain::room::{Activation, Method, SaleWindow, Schedule};
use crate::text::span::Span;
use crate::text::table::{Reader, Table};
use crate::text::value::{Placed, Value};

/// The most windows of one room.
const MOST_WINDOWS: usize = 100;

/// What holds in the room where a window says nothing else.
#[derive(Clone, Copy)]
pub(super) struct Usual {
    /// Who waits.
    pub method: Method,
    /// When anybody does; `None` where that could not be read.
    pub activation: Option<Activation>,
    /// Whether the room has a pace.
    pub paced: bool,
}

/// Reads `[window]`, or any number of `[[window]]`.
pub(super) fn schedule(room: &mut Table<'_>, usual: Usual) -> Option<Schedule> {
    let Some(value) = room.take("window") else {
        return Some(Schedule::default());
    };
    let (reader, at) = (room.reader(), value.span());
    let tables = if value.is_table() {
        value.table().into_iter().collect()
    } else {
        value.tables()
    };
    if tables.len() > MOST_WINDOWS {
        let message = format!(
            "a room may have {MOST_WINDOWS} windows, found {}",
            tables.len()
        );
        reader.fault(at, message);
        return None;
    }
    let alone = tables.len() == 1;
    let read = tables.into_iter().map(|table| {
        if alone && !table.holds("opens_at") && table.holds("ends_at") {
            lone_end(table).map(Read::End)
        } else {
            window(table, usual).map(Read::Window)
        }
    });
    // Read to the last before any of them counts, so that all faults are noted.
    let read: Vec<Option<Read>> = read.collect();
    let mut windows = Vec::new();
    for each in read.iter().flatten() {
        match each {
            Read::End(at) => return Some(Schedule::ending(*at)),
            Read::Window(window) => windows.push(window),
        }
    }
    apart(reader, &mut windows);
    let whole = read.iter().all(Option::is_some);
    whole.then(|| Schedule::of(windows.into_iter().map(|it| it.value.clone()).collect()))
}

enum Read {
    /// An end without a beginning.
    End(UnixTime),
    Window(Placed<SaleWindow>),
}

/// An end of whatever an operator opens.
fn lone_end(mut table: Table<'_>) -> Option<UnixTime> {
    let reader = table.reader();
    let ends = table
        .take("ends_at")
        .and_then(|value| moment(reader, "ends_at", value));
    for key in [
        "prequeue_opens_at",
        "external_source",
        "pace",
        "message",
        "method",
    ] {
        if let Some(value) = table.take(key) {
            let message =
                format!("`{key}` belongs to a window that opens by itself: add `opens_at`");
            reader.fault(value.key_span(), message);
        }
    }
    table.take("opens_at");
    table.finish();
    ends.map(|ends| ends.value)
}

fn window(mut table: Table<'_>, usual: Usual) -> Option<Placed<SaleWindow>> {
    let (reader, at) = (table.reader(), table.span());
    let opens = table.required("opens_at");
    let opens = opens.and_then(|value| moment(reader, "opens_at", value));
    let prequeue = time(&mut table, "prequeue_opens_at");
    let ends = time(&mut table, "ends_at");
    let source = table
        .take("external_source")
        .map(|value| (value.key_span(), words(reader, value, MOST_SOURCE)));
    let pace = table.take("pace").map(pace);
    let message = table
        .take("message")
        .map(|value| words(reader, value, MOST_MESSAGE));
    let method = table
        .take("method")
        .map(|value| (value.key_span(), method_word(value)));
    table.finish();
    in_order(reader, opens, [prequeue, ends]);
    if let (Some((at, _)), None) = (&source, prequeue) {
        let message =
            "`external_source` belongs to the draw of a prequeue: add `prequeue_opens_at`";
        reader.fault(*at, message);
    }
    if let Some((at, Some(method))) = method {
        suits(
            reader,
            Placed { at, value: method },
            (usual, pace.is_some()),
        );
    }
    let drawn = method.map_or(Some(usual.method), |(_, method)| method);
    if let (Some(Method::Passthrough | Method::Reject), Some(Some(prequeue))) = (drawn, prequeue) {
        let message = "`prequeue_opens_at`: nobody waits in this window, so it has no lobby";
        reader.fault(prequeue.at, message);
    }
    let value = SaleWindow {
        opens_at: opens?.value,
        prequeue_opens_at: whole(prequeue)?.map(|time| time.value),
        ends_at: whole(ends)?.map(|time| time.value),
        external_source: whole(source.map(|(_, text)| text))?,
        pace: whole(pace)?,
        message: whole(message)?,
        method: whole(method.map(|(_, method)| method))?,
    };
    Some(Placed { at, value })
}

/// What was given, if anything; `None` where it could not be read.
#[expect(
    clippy::option_option,
    reason = "the outer `None` is a fault already noted"
)]
fn whole<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

/// A window's prequeue comes before its opening, and its end after it.
fn in_order(
    reader: Reader<'_>,
    opens: Option<Placed<UnixTime>>,
    [prequeue, ends]: [Option<Option<Placed<UnixTime>>>; 2],
) {
    let Some(opens) = opens else { return };
    if let Some(Some(prequeue)) = prequeue
        && prequeue.value >= opens.value
    {
        reader.fault(prequeue.at, "`prequeue_opens_at` must be before `opens_at`");
    }
    if let Some(Some(ends)) = ends
        && ends.value <= opens.value
    {
        reader.fault(ends.at, "`ends_at` must be later than `opens_at`");
    }
}

/// A window in which people wait needs a pace, its own or the room's.
fn suits(reader: Reader<'_>, method: Placed<Method>, (usual, own_pace): (Usual, bool)) {
    if method.value == Method::Random && usual.activation == Some(Activation::Overload) {
        let message = "the room lets pass who comes first (`activation = \"overload\"`), so none of its windows can be `random`";
        reader.fault(method.at, message);
    }
    if queues(method.value) && !usual.paced && !own_pace {
        let message = "who waits in this window is let in at a pace: add `pace` here, or `[pace]` to the room";
        reader.fault(method.at, message);
    }
}

/// No window begins before the one before it has opened and ended.
fn apart(reader: Reader<'_>, windows: &mut [&Placed<SaleWindow>]) {
    windows.sort_by_key(|window| window.value.begins_at());
    let line = |at: Span| {
        let source = reader.source();
        source.lines().position(source.text(), at.start).line
    };
    let until = |window: &SaleWindow| window.ends_at.unwrap_or(window.opens_at);
    let mut last: Option<&Placed<SaleWindow>> = None;
    for window in windows.iter() {
        if let Some(before) = last {
            let ended = until(&before.value);
            let open_ended = before.value.ends_at.is_none();
            let begins = window.value.begins_at();
            if begins < ended || (open_ended && begins == ended) {
                let message = format!(
                    "this window begins at {} and overlaps the one in line {}, which {} at {}",
                    begins.rfc3339(),
                    line(before.at),
                    if open_ended { "opens" } else { "ends" },
                    ended.rfc3339(),
                );
                reader.fault(window.at, message);
            }
        }
        if last.is_none_or(|before| until(&before.value) <= until(&window.value)) {
            last = Some(window);
        }
    }
}

/// A pace as in the room's `[pace]`, or the number a minute alone.
fn pace(value: Value<'_>) -> Option<Pace> {
    if value.is_table() {
        pace::of(value.table()?, None)
    } else {
        value.number(1..=Pace::MOST).and_then(Pace::per_minute)
    }
}

/// Words for people, in one line.
fn words(reader: Reader<'_>, value: Value<'_>, most: usize) -> Option<String> {
    let (at, key) = (value.span(), reader.written(value.key_span()));
    let text = value.text()?;
    let text = text.trim();
    let fits = (1..=most).contains(&text.chars().count()) && !text.contains(char::is_control);
    if !fits {
        let message = format!(
            "`{key}` must have 1 to {most} characters, without line breaks and other control characters"
        );
        reader.fault(at, message);
    }
    fits.then(|| text.to_owned())
}

#[expect(
    clippy::option_option,
    reason = "a fault already noted is apart from what is not there"
)]
fn time(table: &mut Table<'_>, key: &'static str) -> Option<Option<Placed<UnixTime>>> {
    let reader = table.reader();
    table.take(key).map(|value| moment(reader, key, value))
}

fn moment(reader: Reader<'_>, key: &str, value: Value<'_>) -> Option<Placed<UnixTime>> {
    let at = value.span();
    let millis = value.time()?.as_millisecond();
    let Ok(millis) = u64::try_from(millis) else {
        reader.fault(at, format!("`{key}` lies before 1970"));
        return None;
    };
    let value = UnixTime::from_millis(millis);
    Some(Placed { at, value })
}
