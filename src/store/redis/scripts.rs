//! The scripts, each with the pieces that stand in front of it.

use std::sync::LazyLock;

use super::script::Script;

/// A script of `scripts/NAME.lua`, the flags it runs under, and the pieces it needs, in order.
macro_rules! script {
    ($name:literal, $flags:literal, [$($piece:literal),*]) => {
        LazyLock::new(|| {
            Script::new($name, concat!(
                "#!lua flags=", $flags, "\n",
                $(include_str!(concat!("scripts/", $piece, ".lua")), "\n",)*
                include_str!(concat!("scripts/", $name, ".lua")),
            ))
        })
    };
}

// Without `allow-oom` Redis refuses a script while its memory is full: so are the two that make
// the room larger. All others go on, or nobody could leave a full room, and nobody pause, end or
// put back one.

pub(super) static JOIN: LazyLock<Script> =
    script!("join", "", ["room", "terms", "visitors", "gather"]);
pub(super) static PASS: LazyLock<Script> = script!(
    "pass",
    "",
    ["room", "terms", "visitors", "gather", "sessions"]
);
pub(super) static CHECK_IN: LazyLock<Script> = script!(
    "check_in",
    "allow-oom",
    ["room", "terms", "visitors", "sessions", "tokens"]
);
pub(super) static STEP_AWAY: LazyLock<Script> = script!(
    "step_away",
    "allow-oom",
    ["room", "terms", "visitors", "sessions", "tokens"]
);
pub(super) static EXTEND: LazyLock<Script> = script!(
    "extend",
    "allow-oom",
    ["room", "terms", "visitors", "sessions", "tokens"]
);
pub(super) static CLAIM: LazyLock<Script> = script!(
    "claim",
    "allow-oom",
    ["room", "terms", "visitors", "sessions"]
);
pub(super) static LEAVE: LazyLock<Script> =
    script!("leave", "allow-oom", ["room", "visitors", "sessions"]);
// Spending makes the room larger too, and is refused with nothing used.
pub(super) static SPEND: LazyLock<Script> = script!("spend", "", ["room", "visitors", "sessions"]);
pub(super) static RELEASE: LazyLock<Script> = script!(
    "release",
    "allow-oom",
    [
        "room", "terms", "visitors", "gather", "draw", "sessions", "presence", "history", "tick",
        "share"
    ]
);
pub(super) static TOUCH: LazyLock<Script> = script!("touch", "allow-oom", ["room"]);
pub(super) static HOLD: LazyLock<Script> = script!("hold", "allow-oom", ["room"]);
pub(super) static END: LazyLock<Script> =
    script!("end", "allow-oom", ["room", "visitors", "sessions"]);
pub(super) static SWEEP: LazyLock<Script> = script!(
    "sweep",
    "allow-oom",
    ["room", "terms", "visitors", "presence"]
);
pub(super) static SURVEY: LazyLock<Script> = script!(
    "survey",
    "allow-oom",
    ["room", "terms", "visitors", "gather", "draw"]
);
pub(super) static ORDER: LazyLock<Script> =
    script!("order", "allow-oom", ["room", "gather", "draw", "orders"]);
pub(super) static RECOVER: LazyLock<Script> =
    script!("recover", "allow-oom", ["room", "gather", "draw", "orders"]);
pub(super) static LOBBY: LazyLock<Script> = script!("lobby", "allow-oom", ["room"]);
pub(super) static PLACE: LazyLock<Script> = script!(
    "place",
    "allow-oom",
    ["room", "visitors", "gather", "draw", "sessions"]
);
pub(super) static ROSTER: LazyLock<Script> = script!("roster", "allow-oom", ["room"]);

/// Every script, each under the name of its verb.
pub(super) fn all() -> [&'static Script; 19] {
    [
        &JOIN, &PASS, &CHECK_IN, &STEP_AWAY, &EXTEND, &CLAIM, &LEAVE, &SPEND, &RELEASE, &TOUCH,
        &HOLD, &END, &SWEEP, &SURVEY, &ORDER, &RECOVER, &LOBBY, &PLACE, &ROSTER,
    ]
}
