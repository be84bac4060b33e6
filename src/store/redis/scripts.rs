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

pub(super) static JOIN: LazyLock<Script> = script!("join", "", ["room", "terms", "visitors"]);
pub(super) static PASS: LazyLock<Script> =
    script!("pass", "", ["room", "terms", "visitors", "sessions"]);
pub(super) static CHECK_IN: LazyLock<Script> = script!(
    "check_in",
    "allow-oom",
    ["room", "terms", "visitors", "sessions"]
);
pub(super) static CLAIM: LazyLock<Script> = script!(
    "claim",
    "allow-oom",
    ["room", "terms", "visitors", "sessions"]
);
pub(super) static LEAVE: LazyLock<Script> =
    script!("leave", "allow-oom", ["room", "visitors", "sessions"]);
pub(super) static RELEASE: LazyLock<Script> = script!(
    "release",
    "allow-oom",
    [
        "room", "terms", "visitors", "sessions", "presence", "history", "tick"
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
pub(super) static SURVEY: LazyLock<Script> =
    script!("survey", "allow-oom", ["room", "terms", "visitors"]);
pub(super) static ORDER: LazyLock<Script> = script!("order", "allow-oom", ["room", "orders"]);
pub(super) static RECOVER: LazyLock<Script> = script!("recover", "allow-oom", ["room", "orders"]);

/// Every script, each under the name of its verb.
pub(super) fn all() -> [&'static Script; 13] {
    [
        &JOIN, &PASS, &CHECK_IN, &CLAIM, &LEAVE, &RELEASE, &TOUCH, &HOLD, &END, &SWEEP, &SURVEY,
        &ORDER, &RECOVER,
    ]
}
