//! The fixed parts of the page, in English.

use super::super::{Fixed, Wishes};

pub(super) const PAGE: Fixed = Fixed {
    message: "From the organiser",
    form_not_sent: "What you just tried to send was not sent. Please send it again once you are in.",
    good_to_know: "Good to know",
    kept: "You may reload, close this page and come back: your place is kept in this browser.",
    no_faster: "More tabs or more reloading don\u{2019}t make it faster, and don\u{2019}t cost you your place.",
    turn: "At your turn you have {n} to go in. Keep this page open and you\u{2019}ll be taken in by itself.",
    ask_first: "At my turn, wait until I go in myself",
    pause: "Take a break",
    pause_how: "You keep your place for up to {n} and aren\u{2019}t called meanwhile, even if others go ahead of you. Come back to this page when you\u{2019}re ready.",
    pause_do: "Start my break",
    more_time: "I need more time",
    denied: "That isn\u{2019}t possible now",
    back_to_line: "Back to the line",
    draw: "Anyone can check the draw.",
    draw_facts: "Save what is published",
    draw_receipt: "Save your receipt",
    leave: "Leave the line",
    leave_sure: "You would give up your place. Coming back means starting at the end of the line.",
    leave_do: "Yes, give up my place",
    code: "I have a code",
    code_lead: "A code leads into a line of its own. It counts before you have a place, and works once.",
    code_label: "Your code",
    code_do: "Use this code",
    sign_in_do: "Sign in",
    cookies_steps: [
        "Open your browser\u{2019}s settings and look for privacy, or for site settings.",
        "Allow cookies for this site. Private windows sometimes block them.",
        "Come back to this page and try again.",
    ],
    retry: "Try again",
    home: "Go to the start page",
};

pub(super) const WISHES: Wishes = Wishes {
    left: "{n} left",
    longer: "You have time: your turn is kept until the time shown.",
    spent_break: "You have taken as many breaks as there are. You are still in line, at your place.",
    spent_time: "You have asked for more time as often as is possible. Please go in while your turn is kept.",
    no_break: "There is nothing to take a break from at the moment.",
    no_time: "It isn\u{2019}t your turn at the moment, so there is no time to add.",
    later: "That didn\u{2019}t work just now. Please try again in a moment.",
};
