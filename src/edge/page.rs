//! The pages a visitor sees: the queue page, and the pages that say what went wrong.
//!
//! Nothing here decides who waits. Texts from outside (the operator's message, the room's title,
//! the wanted address) only ever stand in the page escaped.

mod alone;
mod crew;
mod refresh;

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, StatusCode};
use minijinja::value::Serde;
use minijinja::{Environment, Output, UndefinedBehavior, Value, context};

use crate::domain::room::AbsenceTerms;
use crate::gate::absence::Denial;
use crate::gate::notice::Checkable;

use super::assets;
use super::scene::Scene;
use super::status::Status;
use super::texts::{EN, Texts};
use super::wanted::{same_site, unmarked};
use super::words::{denied, lines, span};

use refresh::refresh;

pub use super::words::title_of;
pub use alone::alone;

/// What the page may load, run and be framed by: its own files, nothing inline, nobody.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                       img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                       form-action 'self'; frame-ancestors 'none'";

/// The media type of every page.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// The headers of every page of ours, its media type included.
#[must_use]
pub fn page_headers() -> [(HeaderName, HeaderValue); 8] {
    let plain = |name, value| (name, HeaderValue::from_static(value));
    [
        plain(header::CONTENT_TYPE, CONTENT_TYPE),
        plain(header::CONTENT_SECURITY_POLICY, CSP),
        plain(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        plain(header::REFERRER_POLICY, "no-referrer"),
        plain(OPENER_POLICY, "same-origin"),
        plain(ROBOTS, "noindex"),
        plain(header::CACHE_CONTROL, "no-store"),
        plain(header::VARY, "Cookie"),
    ]
}

/// Which page it is, where the status alone does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// A place-less token was just handed out: without JavaScript the page comes back in two
    /// seconds, marked, so that a browser which dropped the cookie is found out.
    FirstVisit,
    /// The same in a room that queues only under overload: the page itself comes back at once,
    /// with JavaScript too, for only the wanted page can let a visitor pass.
    Passing,
    /// What `status.state` says: in line, paused, closed, ended, full, released and so on.
    Standing,
    /// Came back marked and without the cookie. Says how to allow cookies; never comes back by
    /// itself, so nothing goes round for ever.
    CookiesOff,
    /// The room lets nobody in.
    Reject,
    /// Takes a code, and waits for nothing else: nobody is put into the line meanwhile.
    Code,
    /// What a form sent without a script came to. It stands until the visitor goes on.
    Wish,
}

/// What a request brought along that the page must speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Asked to see something.
    ToSee,
    /// Sent something (POST, PUT, …) that was not passed on: the page says so.
    ToSend,
}

/// One visitor's queue page.
#[derive(Clone, Copy, Debug)]
pub struct PageView<'a> {
    /// Where the visitor stands. Its tokens, if any, never reach the page.
    pub status: &'a Status<'a>,
    /// Which page.
    pub kind: PageKind,
    /// What was asked.
    pub asked: Asked,
    /// What people call the room; [`title_of`] makes one from its name.
    pub title: &'a str,
    /// Path and query of the wanted page, marked or not; anything else becomes `/`.
    pub wanted: &'a str,
    /// How long a turn is kept for its visitor.
    pub claim_window: Duration,
    /// Whether there are codes for this room.
    pub takes_codes: bool,
    /// What became of a code, in a sentence; the page was sent for by a form then.
    pub told: Option<&'a str>,
    /// What those who cannot be there may do.
    pub absence: AbsenceTerms,
    /// What there is of the draw.
    pub draw: Checkable,
}

/// A page that says what went wrong.
#[derive(Clone, Copy, Debug)]
pub struct FaultView<'a> {
    /// The status code it is answered with, which chooses its words.
    pub code: StatusCode,
    /// Path and query of the wanted page, for "try again"; anything else becomes `/`.
    pub wanted: &'a str,
}

/// The pages, ready to be filled in.
#[derive(Debug)]
pub struct Page {
    templates: Environment<'static>,
    prefix: String,
    texts: &'static Texts,
}

impl Page {
    /// Prepares the pages for the surface below `prefix` (as `/_anteroom`, with or without a
    /// slash at its end).
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_formatter(|out, _, value| escape(out, value));
        for (name, source) in TEMPLATES {
            if let Err(fault) = templates.add_template(name, source) {
                tracing::error!(%fault, "the page {name} cannot be read");
            }
        }
        Self {
            templates,
            prefix: prefix.trim_end_matches('/').to_owned(),
            texts: &EN,
        }
    }

    /// The queue page as HTML.
    #[must_use]
    pub fn render(&self, view: &PageView<'_>) -> Bytes {
        self.queue(view, false)
    }

    /// The queue page; nothing on a `sample` of it acts.
    fn queue(&self, view: &PageView<'_>, sample: bool) -> Bytes {
        let scene = match view.kind {
            PageKind::CookiesOff => Scene::Cookies,
            PageKind::Reject => Scene::Reject,
            PageKind::Code => Scene::Code,
            PageKind::FirstVisit | PageKind::Passing | PageKind::Standing | PageKind::Wish => {
                Scene::of(view.status)
            }
        };
        let shown = Status {
            queue_token: None,
            admission_token: None,
            ..*view.status
        };
        let still = matches!(
            view.kind,
            PageKind::CookiesOff | PageKind::Reject | PageKind::Code | PageKind::Wish
        );
        let script = !still && !sample;
        let json = String::from_utf8(shown.to_json()).unwrap_or_default();
        self.fill(
            "queue.html",
            context! {
                line => Serde(lines(self.texts, scene, &shown, view.title)),
                title => view.title,
                room => shown.room.as_str(),
                status => script.then_some(json),
                passing => view.kind == PageKind::Passing,
                form_not_sent => view.asked == Asked::ToSend,
                told => view.told,
                takes_codes => view.takes_codes,
                draw => scene.shows_draw() && view.draw != Checkable::Nothing,
                receipt => view.draw == Checkable::Receipt,
                wanted => unmarked(view.wanted),
                refresh => refresh(view).filter(|_| !sample),
                sample => sample.then_some(Serde(&self.texts.crew)),
                breaks => view.absence.step_aways > 0,
                extensions => view.absence.extensions > 0,
                pause_how => self.texts.page.pause_how.replace("{n}", &span(self.texts, view.absence.step_away)),
                turn => self.texts.page.turn.replace("{n}", &span(self.texts, view.claim_window)),
            },
        )
    }

    /// A page that says why a wish is not granted, and leads back to `wanted`.
    #[must_use]
    pub fn render_denial(&self, denial: Denial, wanted: &str) -> Bytes {
        self.fill(
            "fault.html",
            context! {
                head => self.texts.page.denied,
                lead => denied(self.texts, denial),
                code => "",
                wanted => same_site(wanted),
                action => self.texts.page.back_to_line,
            },
        )
    }

    /// A page that says what went wrong.
    #[must_use]
    pub fn render_fault(&self, fault: &FaultView<'_>) -> Bytes {
        let words = (self.texts.fault)(fault.code.as_u16());
        let again = matches!(fault.code.as_u16(), 408 | 429 | 500..);
        self.fill(
            "fault.html",
            context! {
                head => words.head,
                lead => words.lead,
                code => fault.code.as_u16(),
                wanted => if again { same_site(fault.wanted) } else { "/" },
                action => if again { self.texts.page.retry } else { self.texts.page.home },
            },
        )
    }

    fn fill(&self, template: &str, own: Value) -> Bytes {
        let files = assets::all();
        let shared = context! {
            lang => self.texts.lang,
            figures => Serde(&self.texts.figures),
            times => Serde(&self.texts.times),
            page => Serde(&self.texts.page),
            prefix => self.prefix.as_str(),
            style => files.style.name.as_str(),
            script => files.script.name.as_str(),
            icon => files.icon.name.as_str(),
            ..own
        };
        match self
            .templates
            .get_template(template)
            .and_then(|page| page.render(shared))
        {
            Ok(html) => Bytes::from(html),
            Err(fault) => {
                tracing::error!(%fault, "the page {template} cannot be filled in");
                Bytes::from_static(BARE.as_bytes())
            }
        }
    }
}

const TEMPLATES: [(&str, &str); 4] = [
    ("layout.html", include_str!("../../static/layout.html")),
    ("queue.html", include_str!("../../static/queue.html")),
    ("crew.html", include_str!("../../static/crew.html")),
    ("fault.html", include_str!("../../static/fault.html")),
];

/// What is left to say when a template fails, which the tests rule out.
const BARE: &str = "<!doctype html><title>One moment, please</title>\
                    <p>One moment, please. Reload this page: your place is kept.";

/// Writes `value` so that it can neither end the text nor the quoted attribute it stands in.
///
/// The library's own escaping also rewrites every `/`, which makes addresses hard to read in
/// the page's source and buys nothing where all attributes are quoted.
fn escape(out: &mut Output<'_>, value: &Value) -> Result<(), minijinja::Error> {
    for letter in value.to_string().chars() {
        match letter {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '"' => out.write_str("&quot;")?,
            '\'' => out.write_str("&#39;")?,
            other => out.write_char(other)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::domain::room::RoomName;
    use crate::domain::standing::EndedBy;

    use super::super::status::{Reason, sample};
    use super::*;
    use crate::domain::clock::UnixTime;
    use crate::edge::status::State;

    /// Texts that have broken out of pages elsewhere: of text, of quoted attributes, of raw
    /// text elements, of templates, of comments.
    const POLYGLOTS: [&str; 14] = [
        "<script>alert(1)</script>",
        "</title><script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "\" autofocus onfocus=alert(1) x=\"",
        "</noscript><svg/onload=alert(1)>",
        "--><script>alert(1)</script><!--",
        "]]><script>alert(1)</script>",
        "{{ 7*7 }}{% raw %}<b>{% endraw %}",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=alert() )//</stYle/</titLe/</teXtarEa/</scRipt/--!>\\x3csVg/<sVg/oNloAd=alert()//>",
        "\u{202e}\u{2028}\u{2029}\0<b>",
        "</p></main></body><iframe srcdoc='<script>alert(1)</script>'>",
        "\u{ff1c}script\u{ff1e}+ADw-script+AD4-",
    ];

    struct House {
        room: RoomName,
        page: Page,
    }

    fn house() -> House {
        House {
            room: "derby".parse().unwrap(),
            page: Page::new("/_anteroom/"),
        }
    }

    impl House {
        fn status(&self) -> Status<'_> {
            sample(&self.room)
        }

        fn html(&self, view: &PageView<'_>) -> String {
            String::from_utf8(self.page.render(view).to_vec()).unwrap()
        }
    }

    fn view<'a>(status: &'a Status<'a>) -> PageView<'a> {
        PageView {
            status,
            kind: PageKind::Standing,
            asked: Asked::ToSee,
            title: "Derby",
            wanted: "/buy/1?a=b",
            claim_window: Duration::from_secs(120),
            takes_codes: false,
            told: None,
            absence: AbsenceTerms::default(),
            draw: Checkable::Nothing,
        }
    }

    /// The elements of a page and the names of their attributes, read strictly: every
    /// attribute is bare or in double quotes, or this panics.
    fn structure(html: &str) -> Vec<String> {
        html.split('<')
            .skip(1)
            .map(|piece| {
                let mut names = String::new();
                let mut quoted = false;
                for letter in piece.chars() {
                    match letter {
                        '"' => quoted = !quoted,
                        _ if quoted => {}
                        '>' => return names,
                        '\'' | '`' => panic!("a stray quotation mark in <{piece}"),
                        other => names.push(other),
                    }
                }
                panic!("an element without an end: <{piece}");
            })
            .collect()
    }

    /// What a reader sees of escaped text.
    fn unescaped(text: &str) -> String {
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&")
    }

    #[test]
    fn w1_texts_from_outside_never_change_the_structure_of_the_page() {
        let house = house();
        let calm = Status {
            message: Some("calm"),
            ..house.status()
        };
        let expected = structure(&house.html(&view(&calm)));
        for hostile in POLYGLOTS {
            let status = Status {
                message: Some(hostile),
                ..calm
            };
            let wanted = format!("/buy?q={}", hostile.replace(char::is_whitespace, "+"));
            let html = house.html(&PageView {
                title: hostile,
                wanted: &wanted,
                ..view(&status)
            });
            assert_eq!(structure(&html), expected, "{hostile:?}");
            let message = html.split("id=\"message\">").nth(1).unwrap();
            let message = unescaped(message.split("</p>").next().unwrap());
            assert_eq!(message, hostile, "people read it as it was typed");
        }
    }

    #[test]
    fn w1_a_hostile_address_never_changes_the_structure_of_a_fault_page() {
        let house = house();
        let html = |wanted: &str| {
            let code = StatusCode::BAD_GATEWAY;
            let html = house.page.render_fault(&FaultView { code, wanted });
            String::from_utf8(html.to_vec()).unwrap()
        };
        let expected = structure(&html("/calm"));
        for hostile in POLYGLOTS {
            let wanted = format!("/{}", hostile.replace(char::is_whitespace, "+"));
            assert_eq!(structure(&html(&wanted)), expected, "{hostile:?}");
        }
    }

    #[test]
    fn w2_nothing_is_inline_and_all_files_are_our_own() {
        let house = house();
        let status = house.status();
        let html = house.html(&view(&status));
        let scripts: Vec<&str> = html.split("<script").skip(1).collect();
        let [script] = scripts[..] else {
            panic!("one script, not {}", scripts.len())
        };
        let src = format!(
            " src=\"/_anteroom/assets/{}\" defer></script>",
            assets::all().script.name
        );
        assert!(script.starts_with(&src), "{script}");
        for tag in structure(&html) {
            assert!(!tag.contains("style=") && !tag.contains(" on"), "{tag}");
        }
        assert!(!html.contains("http://") && !html.contains("https://"));
        assert!(!html.contains("<style"));
    }

    #[test]
    fn w2_w3_a14_every_page_carries_the_security_headers() {
        let headers: http::HeaderMap = page_headers().into_iter().collect();
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                 connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
            ),
            ("content-type", "text/html; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-robots-tag", "noindex"),
            ("cache-control", "no-store"),
            ("vary", "Cookie"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
    }

    #[test]
    fn n3_no_link_leads_to_another_site() {
        let house = house();
        let status = house.status();
        for wanted in [
            "//evil.example",
            "/\\evil.example",
            "https:evil.example",
            "javascript:alert(1)",
        ] {
            for kind in [
                PageKind::FirstVisit,
                PageKind::Standing,
                PageKind::CookiesOff,
            ] {
                let html = house.html(&PageView {
                    kind,
                    wanted,
                    ..view(&status)
                });
                assert!(!html.contains("evil") && !html.contains("javascript:"));
                assert!(html.contains("href=\"/\""), "it leads to the start page");
            }
        }
    }

    #[test]
    fn t13_tokens_never_stand_in_the_page() {
        let house = house();
        let status = Status {
            queue_token: Some("SECRET-Q"),
            admission_token: Some("SECRET-A"),
            ..house.status()
        };
        assert!(!house.html(&view(&status)).contains("SECRET"));
    }

    #[test]
    fn w6_without_javascript_the_page_comes_back_and_only_where_that_helps() {
        let house = house();
        let waiting = house.status();
        let at = |state, ended_by| Status {
            state,
            ended_by,
            ..waiting
        };
        let refreshed = |status: &Status<'_>, kind| {
            let wanted = "/buy/1?a=b&anteroom-return=1";
            let html = house.html(&PageView {
                kind,
                wanted,
                ..view(status)
            });
            let content = html
                .split("<noscript><meta http-equiv=\"refresh\" content=\"")
                .nth(1)?;
            Some(unescaped(content.split('"').next()?))
        };
        let first = refreshed(&waiting, PageKind::FirstVisit);
        assert_eq!(first.unwrap(), "2; url=/buy/1?a=b&anteroom-return=1");
        let clean = refreshed(&waiting, PageKind::Standing);
        assert_eq!(clean.unwrap(), "60; url=/buy/1?a=b");
        let full = refreshed(&at(State::Full, None), PageKind::Standing);
        assert_eq!(full.unwrap(), "60; url=/buy/1?a=b");
        let called = refreshed(&at(State::Released, None), PageKind::Standing);
        assert_eq!(called.unwrap(), "2; url=/buy/1?a=b");

        assert_eq!(refreshed(&waiting, PageKind::CookiesOff), None, "no loop");
        assert_eq!(refreshed(&waiting, PageKind::Reject), None);
        let left = at(State::Ended, Some(EndedBy::Left));
        assert_eq!(refreshed(&left, PageKind::Standing), None);
    }

    #[test]
    fn a_waiting_visitor_reads_place_wait_message_and_reference() {
        let house = house();
        let status = Status {
            message: Some("Doors open at 7"),
            reason: Some(Reason::PaceLowered),
            ended_by: Some(EndedBy::Expired),
            ..house.status()
        };
        let html = house.html(&view(&status));
        let reference = status.reference.unwrap().to_string();
        for text in [
            "<title>1,233 ahead · Derby</title>",
            "<strong id=\"number\">1,233</strong> <span id=\"label\">people ahead of you</span>",
            "about 4 to 7 minutes",
            "20:00:00 UTC",
            "Doors open at 7",
            "more slowly just now",
            "Your time inside ran out",
            "At your turn you have 2 minutes to go in.",
            &reference,
            &format!("action=\"/_anteroom/rooms/derby/leave?reference={reference}\">"),
        ] {
            assert!(html.contains(text), "{text}");
        }
        assert!(!html.contains("was not sent"));
    }

    #[test]
    fn a_fault_of_ours_is_told_once_and_to_those_without_a_place_too() {
        let house = house();
        let (order, still) = ("putting the line back in order", "a fault on our side");
        let recovering = Status {
            reason: Some(Reason::Recovering),
            ..house.status()
        };
        let first = Status {
            position: None,
            ahead: None,
            ..recovering
        };
        for (state, line, told) in [
            (State::Recovering, recovering, [true, false]),
            (State::Waiting, recovering, [false, true]),
            (State::Waiting, first, [false, true]),
        ] {
            let html = house.html(&view(&Status { state, ..line }));
            assert_eq!(
                [order, still].map(|text| html.contains(text)),
                told,
                "{state:?}"
            );
        }
        let full = Status {
            reason: Some(Reason::CapacityFull),
            ..first
        };
        let html = house.html(&view(&full));
        assert!(
            !html.contains("full inside"),
            "of no use before there is a place"
        );
    }

    #[test]
    fn a_form_that_was_not_passed_on_is_spoken_of() {
        let house = house();
        let status = house.status();
        let html = house.html(&PageView {
            asked: Asked::ToSend,
            ..view(&status)
        });
        assert!(html.contains("was not sent"));
        assert!(html.contains("data-form=\"not-sent\""));
    }

    #[test]
    fn pages_that_do_not_change_bring_no_script() {
        let house = house();
        let status = house.status();
        for (kind, text) in [
            (PageKind::CookiesOff, "Please allow cookies"),
            (PageKind::Reject, "Nobody can go in here"),
        ] {
            let html = house.html(&PageView {
                kind,
                ..view(&status)
            });
            assert!(html.contains(text));
            assert!(!html.contains("<script") && !html.contains("data-status"));
        }
    }

    #[test]
    fn times_to_come_are_told_with_their_zone_where_no_script_counts_down() {
        let house = house();
        let lobby = UnixTime::from_secs(1_795_293_000);
        let opens = UnixTime::from_secs(1_795_294_800);
        let told = |state, prequeue_opens_at| {
            let status = Status {
                state,
                prequeue_opens_at,
                opens_at: Some(opens),
                poll_after_s: 37,
                ..house.status()
            };
            house.html(&view(&status))
        };
        let before = told(State::Closed, Some(lobby));
        assert!(before.contains("data-scene=\"before_lobby\""));
        assert!(before.contains(">2026-11-21, 20:30 UTC</time>"));
        assert!(before.contains(">2026-11-21, 21:00 UTC</time>"));
        assert!(
            before.contains("content=\"37; url=/buy/1?a=b\""),
            "in time for it"
        );
        assert!(before.contains("<p id=\"countdown\" class=\"countdown\" hidden>"));
        let opening = told(State::Closed, None);
        assert!(opening.contains("data-scene=\"opening\"") && !opening.contains("20:30 UTC"));
        let over = told(State::Ended, None);
        assert!(over.contains(EN.times.next) && over.contains("21:00 UTC"));
        assert!(!told(State::Waiting, None).contains("21:00 UTC"));
    }

    #[test]
    fn who_was_drawn_finds_the_draw_and_the_receipt_on_the_page() {
        let house = house();
        let status = house.status();
        let links = |state, draw| {
            let status = Status { state, ..status };
            let html = house.html(&PageView {
                draw,
                ..view(&status)
            });
            let shows = |tag: &str| !html.contains(&format!("{tag} hidden"));
            assert!(html.contains("href=\"/_anteroom/rooms/derby/receipt\" download"));
            (
                shows("<p id=\"draw\" class=\"code\""),
                shows("<span id=\"receipt\""),
            )
        };
        for (state, draw, expected) in [
            (State::Waiting, Checkable::Nothing, (false, false)),
            (State::Prequeue, Checkable::Facts, (true, false)),
            (State::Drawing, Checkable::Receipt, (true, true)),
            (State::Waiting, Checkable::Receipt, (true, true)),
            (State::Ended, Checkable::Facts, (true, false)),
            (State::Released, Checkable::Receipt, (false, true)),
        ] {
            assert_eq!(links(state, draw), expected, "{state:?} {draw:?}");
        }
    }

    #[test]
    fn every_state_has_a_page_under_12_kib() {
        use State::*;
        let house = house();
        let long = "x".repeat(2_000);
        for state in [
            Prequeue, Drawing, Waiting, Released, Admitted, Paused, Closed, Ended, Full, Challenge,
            Recovering,
        ] {
            let status = Status {
                state,
                opens_at: Some(UnixTime::from_secs(1_796_115_600)),
                claim_by: Some(UnixTime::from_secs(1_796_115_600)),
                message: Some(&long),
                ..house.status()
            };
            let html = house.html(&view(&status));
            assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"));
            assert!(html.len() < 12 * 1_024, "{state:?}: {}", html.len());
        }
    }

    #[test]
    fn a_fault_page_says_what_happened_and_offers_a_retry_only_where_it_helps() {
        let house = house();
        for code in [
            400, 403, 404, 405, 408, 413, 414, 418, 421, 429, 431, 500, 502, 503, 504, 511,
        ] {
            let code = StatusCode::from_u16(code).unwrap();
            let wanted = "/buy/1?a=b&c";
            let html = house.page.render_fault(&FaultView { code, wanted });
            let html = String::from_utf8(html.to_vec()).unwrap();
            let words = (EN.fault)(code.as_u16());
            assert!(
                html.contains(words.head) && html.contains(words.lead),
                "{code}"
            );
            let again = code.is_server_error() || matches!(code.as_u16(), 408 | 429);
            assert_eq!(html.contains("href=\"/buy/1?a=b&amp;c\""), again, "{code}");
            assert!(!html.contains("<script"));
        }
    }

    #[test]
    fn a_room_without_a_title_is_called_by_its_name() {
        assert_eq!(title_of("derby-final"), "Derby final");
        assert_eq!(title_of("9-lives"), "9 lives");
        assert_eq!(title_of("a"), "A");
    }

    #[test]
    fn the_words_of_the_demo_shop_are_not_in_the_queue_page() {
        let house = house();
        let status = house.status();
        let html = house.html(&view(&status));
        for text in ["Choose your", "Harbour Hall", "booked"] {
            assert!(!html.contains(text), "{text}");
        }
    }
}
