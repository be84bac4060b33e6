//! English.

mod faults;
mod page;

use faults::fault;
use page::{PAGE, WISHES};

use super::{
    Again, Chances, Codes, Crowd, Figures, Plural, Reasons, StateWords, States, Texts, Times, Wait,
};

/// English.
pub static EN: Texts = Texts {
    lang: "en",
    thousands: ",",
    states: STATES,
    ahead: Plural {
        one: "person ahead of you",
        other: "people ahead of you",
    },
    next: "You\u{2019}re next",
    tab_ahead: Plural {
        one: "{n} ahead",
        other: "{n} ahead",
    },
    wait: WAIT,
    crowd: Crowd {
        line: "People in line",
        lobby: "People in the lobby",
    },
    times: Times {
        lobby: "The lobby opens",
        opens: "The sale opens",
        next: "The next sale opens",
        lobby_in: "The lobby opens in",
        opens_in: "The sale opens in",
        now: "any moment now",
        units: ["{n} d", "{n} h", "{n} min", "{n} s"],
    },
    moved: Plural {
        one: "You have moved up 1 place since you joined.",
        other: "You have moved up {n} places since you joined.",
    },
    reasons: REASONS,
    again: AGAIN,
    chances: Chances {
        likely: "There is a good chance that tickets will be left at your turn.",
        possible: "It is possible, but not sure, that tickets will be left at your turn.",
        unlikely: "It is unlikely that tickets will be left at your turn. We would rather tell you now.",
    },
    wishes: WISHES,
    trouble: "We can\u{2019}t reach the line right now. We\u{2019}ll keep trying; your place is kept.",
    code_accepted: "Your code counts: you\u{2019}re in the line \u{201c}{lane}\u{201d}.",
    lane_share: "There are several lines. Of every 100 turns yours gets {share} while people wait in all of them.",
    codes: CODES,
    figures: Figures {
        wait: "Estimated wait",
        updated: "Last update",
        reference: "Your reference code",
        claim_by: "Your turn is kept until",
        lane: "Your line",
        away_until: "Your break lasts until",
        way: "Your way through the line",
    },
    page: PAGE,
    crew: super::crew::EN,
    fault,
};

const STATES: States = States {
    first: StateWords {
        head: "Finding your place in line",
        lead: "This takes a second or two, and the page goes on by itself.",
        action: "Nothing happening? Go on",
    },
    prequeue: StateWords {
        head: "You\u{2019}re in the lobby",
        lead: "Everyone who is here when the lobby is drawn gets a place at random. Coming early or reloading changes nothing, so relax.",
        action: "Check now",
    },
    drawing: StateWords {
        head: "The order is being drawn",
        lead: "Everyone from the lobby is being given a place at random. That usually takes a moment, and this page goes on by itself.",
        action: "Check now",
    },
    waiting: StateWords {
        head: "You\u{2019}re in line",
        lead: "When it\u{2019}s your turn, this page takes you in by itself.",
        action: "Check now",
    },
    released: StateWords {
        head: "It\u{2019}s your turn!",
        lead: "We\u{2019}re taking you in. If nothing happens, use the button.",
        action: "Go in now",
    },
    ready: StateWords {
        head: "It\u{2019}s your turn!",
        lead: "Go in when you\u{2019}re ready, while your turn is kept.",
        action: "Go in now",
    },
    away: StateWords {
        head: "You\u{2019}re taking a break",
        lead: "Your place is kept, and you won\u{2019}t be called until you\u{2019}re back. When it is over you\u{2019}re in line again, as long as this page is open.",
        action: "I\u{2019}m back",
    },
    admitted: StateWords {
        head: "You\u{2019}re in",
        lead: "We\u{2019}re taking you to the page you wanted. If nothing happens, use the button.",
        action: "Go in now",
    },
    paused: StateWords {
        head: "The line is paused",
        lead: "Nobody is being let in for now. Places are kept, and the line goes on where it stopped.",
        action: "Check now",
    },
    closed: StateWords {
        head: "Not open at the moment",
        lead: "The line is closed. If you already have a place, it is kept.",
        action: "Check again",
    },
    before_lobby: StateWords {
        head: "Not open yet",
        lead: "First the lobby opens. Everyone in it at the opening gets a place at random, so there is no need to be early. This page goes on by itself.",
        action: "Check again",
    },
    opening: StateWords {
        head: "Not open yet",
        lead: "You\u{2019}re early. Leave this page open, or come back later: it goes on by itself.",
        action: "Check again",
    },
    ended: StateWords {
        head: "This sale is over",
        lead: "Nobody else is being let in. Thank you for coming, and for your patience.",
        action: "Check again",
    },
    sold_out: StateWords {
        head: "Sold out",
        lead: "Everything has been sold, and we\u{2019}re sorry that it didn\u{2019}t work out this time. There is no need to keep waiting. Thank you for your patience.",
        action: "Check again",
    },
    done: StateWords {
        head: "Your purchase is done",
        lead: "Thank you for coming, and for your patience. There is nothing left to do here: you can close this page.",
        action: "",
    },
    over: StateWords {
        head: "Your turn is over",
        lead: "The sale has ended meanwhile, so nobody else is being let in. Thank you for coming.",
        action: "Check again",
    },
    left: StateWords {
        head: "You\u{2019}ve left the line",
        lead: "Your place has been given up. You can join again, at the end of the line.",
        action: "Join the line again",
    },
    full: StateWords {
        head: "The line is full",
        lead: "As many people are waiting as we can look after. Please try again in a few minutes.",
        action: "Try again",
    },
    challenge: StateWords {
        head: "A quick check first",
        lead: "Before you get a place, your browser has a small task to do.",
        action: "Go on",
    },
    recovering: StateWords {
        head: "One moment, please",
        lead: "We\u{2019}ve had a fault and are putting the line back in order. Nobody loses their place, and this page goes on by itself.",
        action: "Check now",
    },
    reject: StateWords {
        head: "Nobody can go in here",
        lead: "This page is closed for everyone at the moment.",
        action: "Try again",
    },
    cookies: StateWords {
        head: "Please allow cookies",
        lead: "Your place in line is kept in a cookie, and your browser has not kept it. Without it, we can\u{2019}t give you a place.",
        action: "Try again",
    },
    code: StateWords {
        head: "Do you have a code?",
        lead: "A code leads into a line of its own. Enter it before you get a place; it works once.",
        action: "Go on without a code",
    },
    sign_in: StateWords {
        head: "Please sign in first",
        lead: "Places in this line are for people who are signed in. Sign in at the site, then come back: this page goes on by itself.",
        action: "I have signed in",
    },
};

const CODES: Codes = Codes {
    late: "You have a place already, and a code counts only before that. Your place is kept, and the code is not used up.",
    again: "Please send your code once more: only now could your browser be given a place to keep it in.",
    sign_in: "Please sign in at the site first, then enter your code. It is not used up.",
    wrong: "We don\u{2019}t know this code. Please look at it again, letter by letter.",
    used: "This code has been used already. Each code works once.",
    expired: "This code has expired.",
    other_room: "This code is for another line, not for this one. It is not used up.",
    shut: "Nobody can get a place right now. Keep your code and enter it when the line takes people; it is not used up.",
    away: "We can\u{2019}t check your code right now because of a fault on our side. Please try again in a moment; it stays yours.",
};

const WAIT: Wait = Wait {
    soon: "less than a minute",
    up_to: "up to {b}",
    about: "about {b}",
    range: "about {a} to {b}",
    unknown: "We\u{2019}ll tell you as soon as enough people have gone in to make a fair guess.",
    seconds: Plural {
        one: "{n} second",
        other: "{n} seconds",
    },
    minutes: Plural {
        one: "{n} minute",
        other: "{n} minutes",
    },
    quarters: "{n} min",
    hours: "{n} h",
};

const REASONS: Reasons = Reasons {
    pace_lowered: "People are being let in more slowly just now, so it takes longer than we said before.",
    paused: "The organiser has paused the line.",
    capacity_full: "It is full inside: the line moves on as soon as someone is done.",
    absent_returned: "Some people ahead of you came back to their places, so the wait has grown a little.",
    lanes: "Other lines share the door with this one, so the wait has grown a little.",
    recovering: "The line stands still for a moment because of a fault on our side. Nobody loses their place.",
    sold_out: "Everything has been sold.",
};

const AGAIN: Again = Again {
    why: "Why are you here again?",
    back: "You start again at the end of the line.",
    completed: "Your purchase is done: thank you!",
    left: "You left the line.",
    removed: "The organiser took your earlier place out of the line. If that was a mistake, tell them your reference code.",
    expired: "Your time inside ran out.",
    missed: "Your turn came twice and was not taken.",
    revoked: "The organiser ended your visit. If that was a mistake, tell them your reference code.",
};
