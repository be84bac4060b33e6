//! The words of the crew's pages.

use serde::Serialize;

/// The words of the crew's pages; `{room}` and `{n}` mark what is filled in.
#[derive(Debug, Serialize)]
pub struct Crew {
    pub invited: &'static str,
    pub invited_lead: &'static str,
    pub begin: &'static str,
    pub here: &'static str,
    pub here_lead: &'static str,
    pub rehearsal: &'static str,
    pub to_site: &'static str,
    pub to_line: &'static str,
    pub until: &'static str,
    pub pages: &'static str,
    pub stop: &'static str,
    pub stopped: &'static str,
    pub stopped_lead: &'static str,
    pub sample: &'static str,
    pub back: &'static str,
}

pub(super) const EN: Crew = Crew {
    invited: "Come in as crew",
    invited_lead: "This browser then passes the waiting room \u{201c}{room}\u{201d} without a place in line. Nobody in line loses anything by it. Keep this link to yourself.",
    begin: "Start",
    here: "You\u{2019}re crew",
    here_lead: "The waiting room \u{201c}{room}\u{201d} lets you through in every state. Others still wait.",
    rehearsal: "This is a rehearsal: you stand in line as a fan would. Everybody else passes and sees no waiting room.",
    to_site: "Go to the shop",
    to_line: "Go to the waiting room",
    until: "Your link works until",
    pages: "What fans see",
    stop: "Stop being crew",
    stopped: "You\u{2019}re a visitor again",
    stopped_lead: "From now on this browser waits like everybody else.",
    sample: "An example with made-up figures. Nothing here can be pressed.",
    back: "Back to the crew\u{2019}s page",
};
