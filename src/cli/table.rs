//! Rooms as plain text for people: one line a room, or one line a field.

use std::fmt::Write;

use serde_json::Value;

use super::client::plain;

/// The columns of a list of rooms: heading and where its value is.
const COLUMNS: [(&str, &str); 8] = [
    ("NAME", "/name"),
    ("STATE", "/state"),
    ("WAITING", "/waiting"),
    ("RELEASED", "/released"),
    ("ACTIVE", "/active"),
    ("CAPACITY", "/capacity/active"),
    ("PER MINUTE", "/pace/per_minute"),
    ("HELD BY", "/held_by"),
];

/// The lines about one room: label and where its value is.
const LINES: [(&str, &str); 23] = [
    ("name", "/name"),
    ("state", "/state"),
    ("held by", "/held_by"),
    ("waiting", "/waiting"),
    ("absent", "/absent"),
    ("released", "/released"),
    ("active", "/active"),
    ("capacity", "/capacity/active"),
    ("pace", "/pace/per_minute"),
    ("burst", "/pace/burst"),
    ("wait", "/wait/median_s"),
    ("lobby at", "/prequeue_opens_at"),
    ("stock", "/stock"),
    ("opens at", "/opens_at"),
    ("ends at", "/ends_at"),
    ("message", "/message"),
    ("window", "/window"),
    ("tick", "/tick"),
    ("version", "/version"),
    ("session", "/session/jti"),
    ("ended by", "/session/ended_by"),
    ("held to", "/session/held_until"),
    ("warning", "/warning"),
];

/// The columns of a room's windows.
const WINDOWS: [(&str, &str); 9] = [
    ("WINDOW", "/window"),
    ("STATE", "/state"),
    ("LOBBY", "/prequeue_opens_at"),
    ("OPENS", "/opens_at"),
    ("ENDS", "/ends_at"),
    ("ENDED BY", "/ended_by"),
    ("JOINED", "/joined"),
    ("RELEASED", "/released"),
    ("ADMITTED", "/admitted"),
];

/// Rooms in aligned columns under a heading; numbers to the right.
#[must_use]
pub fn list(rooms: &[Value]) -> String {
    aligned(&COLUMNS, rooms)
}

fn aligned(headings: &[(&'static str, &str)], rooms: &[Value]) -> String {
    let mut columns: Vec<Column> = Vec::new();
    for (heading, pointer) in headings {
        let values = rooms.iter().map(|room| room.pointer(pointer));
        let cells: Vec<String> = values.clone().map(|value| cell(value, "-")).collect();
        let width = cells.iter().map(|cell| cell.chars().count()).max();
        columns.push(Column {
            heading,
            right: values.flatten().any(Value::is_number),
            width: width.unwrap_or(0).max(heading.len()),
            cells,
        });
    }
    let mut text = line(&columns, |column| column.heading);
    for row in 0..rooms.len() {
        text += &line(&columns, |column| {
            column.cells.get(row).map_or("", String::as_str)
        });
    }
    text
}

struct Column {
    heading: &'static str,
    right: bool,
    width: usize,
    cells: Vec<String>,
}

fn line<'c>(columns: &'c [Column], cell: impl Fn(&'c Column) -> &'c str) -> String {
    let cells = columns.iter().map(|column| {
        let (text, width) = (cell(column), column.width);
        if column.right {
            format!("{text:>width$}")
        } else {
            format!("{text:<width$}")
        }
    });
    let cells: Vec<String> = cells.collect();
    format!("{}\n", cells.join("  ").trim_end())
}

/// One room, a field a line, and its windows; fields without a value are left out.
#[must_use]
pub fn sheet(room: &Value) -> String {
    let mut text = String::new();
    for (label, pointer) in LINES {
        let value = cell(room.pointer(pointer), "");
        if value.is_empty() {
            continue;
        }
        let value = match label {
            "pace" => format!("{value} a minute"),
            "burst" => format!(
                "{value} ({} with two ticks' worth)",
                cell(room.pointer("/pace/effective_burst"), "?")
            ),
            "stock" if value == "0" => "sold out".to_owned(),
            "stock" => format!("{value} left"),
            "wait" => format!("about {value} s for a newcomer"),
            _ => value,
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{label:<8}  {value}");
    }
    let lanes = room.get("lanes").and_then(Value::as_array);
    text += &lanes.into_iter().flatten().map(lane).collect::<String>();
    let windows = room.pointer("/windows").and_then(Value::as_array);
    if let Some(windows) = windows.filter(|windows| !windows.is_empty()) {
        text.push('\n');
        text += &aligned(&WINDOWS, windows);
    }
    text
}

/// One lane of a room on a line of its own.
fn lane(lane: &Value) -> String {
    let part = |pointer| cell(lane.pointer(pointer), "?");
    let name = cell(lane.get("name"), "(gone)");
    let share = lane.get("share").and_then(Value::as_f64).unwrap_or(0.0);
    format!(
        "lane      {name}: weight {} ({:.1} %), {} waiting, {} released\n",
        part("/weight"),
        share * 100.0,
        part("/waiting"),
        part("/released_total")
    )
}

/// Plain values, one a line.
#[must_use]
pub fn lines(values: &[Value]) -> String {
    let lines = values.iter().map(|value| cell(Some(value), "") + "\n");
    lines.collect()
}

fn cell(value: Option<&Value>, nothing: &str) -> String {
    match value {
        None | Some(Value::Null) => nothing.to_owned(),
        Some(Value::String(text)) => plain(text),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn room(name: &str, waiting: u64) -> Value {
        json!({
            "name": name, "state": "open", "waiting": waiting, "released": 1, "active": 20,
            "capacity": {"active": null}, "held_by": null, "message": "a\u{1b}[31m",
            "pace": {"per_minute": 600, "burst": 10, "effective_burst": 15},
            "wait": {"known": true, "low_s": 1, "median_s": 2, "high_s": 3},
        })
    }

    #[test]
    fn columns_are_aligned_and_numbers_stand_to_the_right() {
        let text = list(&[room("derby", 5), room("a-much-longer-name", 50_321)]);
        let expected = "\
NAME                STATE  WAITING  RELEASED  ACTIVE  CAPACITY  PER MINUTE  HELD BY
derby               open         5         1      20  -                600  -
a-much-longer-name  open     50321         1      20  -                600  -
";
        assert_eq!(text, expected);
        assert_eq!(list(&[]).lines().count(), 1);
    }

    #[test]
    fn a_sheet_leaves_out_what_is_not_there_and_escapes_the_rest() {
        let text = sheet(&room("derby", 5));
        assert!(
            text.starts_with("name      derby\nstate     open\nwaiting   5\n"),
            "{text}"
        );
        assert!(text.contains("burst     10 (15 with two ticks' worth)\n"));
        assert!(text.contains("wait      about 2 s for a newcomer\n"));
        assert!(text.contains("message   a\\u{1b}[31m\n"));
        assert!(!text.contains("held by") && !text.contains("capacity"));
        assert!(!text.contains("WINDOW"));
    }

    #[test]
    fn a_sheet_ends_with_the_rooms_windows() {
        let mut room = room("derby", 5);
        room["windows"] = json!([
            {"window": 7, "state": "ended", "opens_at": "2026-12-01T09:00:00Z", "joined": 1200},
            {"window": null, "state": "coming", "opens_at": "2026-12-02T09:00:00Z"},
        ]);
        let expected = "
WINDOW  STATE   LOBBY  OPENS                 ENDS  ENDED BY  JOINED  RELEASED  ADMITTED
     7  ended   -      2026-12-01T09:00:00Z  -     -           1200  -         -
     -  coming  -      2026-12-02T09:00:00Z  -     -              -  -         -
";
        let text = sheet(&room);
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn a_sheet_has_a_line_for_each_lane() {
        let mut room = room("derby", 5);
        let lane = |name: Option<&str>, share: f64| json!({"name": name, "weight": 7, "share": share, "waiting": 4, "released_total": 9});
        room["lanes"] = json!([lane(Some("general"), 0.3333), lane(None, 1.0)]);
        let text = sheet(&room);
        let lines = "lane      general: weight 7 (33.3 %), 4 waiting, 9 released\n\
                     lane      (gone): weight 7 (100.0 %), 4 waiting, 9 released\n";
        assert!(text.ends_with(lines), "{text}");
    }
}
