//! What the door changes in an answer, told a second time and without its code: for each field the
//! values that must come out where the site said these. Whatever is not named here comes out as it
//! was said.

use std::collections::BTreeSet;
use std::fmt::Debug;

use jiff::tz::TimeZone;

use super::exchanges::Exchange;
use super::fetch::Way;
use super::passed;
use super::reply::Reply;
use crate::kit::forge::now;

/// Where a request goes, and as whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Beside the room.
    Beside,
    /// Into the room, with an admission that is fresh.
    Inside,
    /// Into the room, with an admission that is renewed on every answer.
    Renewed,
}

/// One exchange through the door.
#[derive(Clone, Copy)]
pub struct Passage<'a> {
    /// What was asked.
    pub exchange: &'a Exchange,
    /// How it came in.
    pub way: Way,
    /// Where it went.
    pub place: Place,
}

/// Words to shared caches alone, which an admitted visitor's answers do not keep.
const FOR_CACHES: [&str; 3] = ["surrogate-control", "edge-control", "x-accel-expires"];

/// Fields that are looked at even where nobody says them.
const SAID: [&str; 8] = [
    "cache-control",
    "connection",
    "content-length",
    "date",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
];

/// What TLS visitors are told once a site does not say it for itself.
const HSTS: &str = "max-age=31536000";

impl Passage<'_> {
    /// Everything about an answer that is not what it must be.
    pub fn faults(self, straight: &Reply, through: &Reply) -> Vec<String> {
        let mut all = Vec::new();
        all.extend(unlike("status", straight.status, through.status));
        if straight.body != through.body && !self.is_joined(straight, through) {
            let told = |body: &[u8]| format!("{} bytes {:?}", body.len(), sample(body));
            let (must, is) = (told(&straight.body), told(&through.body));
            all.push(format!("body: {is} instead of {must}"));
        }
        if let Some(interim) = passed::interim(straight, self.exchange, self.way) {
            all.extend(unlike("interim answers", &interim, &through.interim));
        }
        let trailers = passed::trailers(straight, self.way);
        all.extend(unlike("trailers", &trailers, &through.trailers));
        let named = straight.fields.iter().chain(&through.fields);
        let names = named.map(|(name, _)| name.as_str()).chain(SAID);
        for name in names.collect::<BTreeSet<_>>() {
            let (must, is) = (self.must(name, straight), through.all(name));
            match name {
                "date" => all.extend(date(straight, through)),
                "set-cookie" => {
                    let (ours, theirs) = is.into_iter().partition(|line| is_ours(line));
                    all.extend(unlike(name, must, theirs));
                    all.extend(self.cookie_fault(&ours));
                }
                name => all.extend(unlike(name, must, is)),
            }
        }
        all
    }

    /// The values that a field must have where the site answered so.
    fn must(self, name: &str, straight: &Reply) -> Vec<String> {
        let said = straight.all(name);
        let as_said = || said.iter().map(|value| (*value).to_owned()).collect();
        let is_switch = straight.status == 101;
        let is_private = self.place != Place::Beside && !is_switch;
        match name {
            "connection" if self.way == Way::Http2 => Vec::new(),
            "connection" if is_switch => vec!["upgrade".to_owned()],
            "connection" => vec!["close".to_owned()],
            "upgrade" if is_switch => as_said(),
            "keep-alive" | "upgrade" | "proxy-authenticate" | "alt-svc" => Vec::new(),
            "trailer" => passed::announced(straight, self.way),
            "transfer-encoding" if self.is_chunked(straight) => vec!["chunked".to_owned()],
            "transfer-encoding" => Vec::new(),
            "set-cookie" => said
                .iter()
                .filter(|line| !is_ours(line))
                .map(|line| (*line).to_owned())
                .collect(),
            "strict-transport-security" if said.is_empty() && self.way != Way::Plain => {
                vec![HSTS.to_owned()]
            }
            "cache-control" if self.place == Place::Renewed => {
                vec!["private, no-store".to_owned()]
            }
            "cache-control" if is_private => private(&said),
            "vary" if is_private => by_cookie(&said),
            _ if is_private && speaks_to_caches(name) => Vec::new(),
            _ if name.starts_with("anteroom-") || name.starts_with("x-anteroom-") => Vec::new(),
            _ if is_nominated(name, straight) => Vec::new(),
            _ => as_said(),
        }
    }

    /// Whether the body has to be framed anew: it has no length of its own, and HTTP/1.1.
    fn is_chunked(self, straight: &Reply) -> bool {
        let has_body =
            self.exchange.method != "HEAD" && !matches!(straight.status, 101 | 204 | 304);
        self.way != Way::Http2 && has_body && straight.all("content-length").is_empty()
    }

    /// Whether the answer tells of cookie lines that came one by one, and HTTP/2 made one of them.
    fn is_joined(self, straight: &Reply, through: &Reply) -> bool {
        let lines = String::from_utf8_lossy(&straight.body).replace("\n ", "; ");
        self.exchange.tells_cookies() && self.way == Way::Http2 && lines.as_bytes() == through.body
    }

    /// What is wrong with the cookies of ours: one where an admission is renewed, else none.
    fn cookie_fault(self, ours: &Vec<&str>) -> Option<String> {
        let (prefix, end) = match self.way {
            Way::Plain => ("anteroom-a-derby=ey", ""),
            Way::Tls | Way::Http2 => ("__Host-anteroom-a-derby=ey", "; Secure"),
        };
        let is_right = match (self.place, &ours[..]) {
            (Place::Beside | Place::Inside, ours) => ours.is_empty(),
            (Place::Renewed, [line]) => {
                let life = line
                    .split("; Path=/; HttpOnly; SameSite=Lax; Max-Age=")
                    .nth(1);
                let life = life.and_then(|life| life.strip_suffix(end)?.parse::<u32>().ok());
                line.starts_with(prefix) && life.is_some_and(|life| life > 60)
            }
            (Place::Renewed, _) => false,
        };
        (!is_right).then(|| format!("our cookies: {ours:?}"))
    }
}

/// What is to be said of something that is not what it must be.
fn unlike<M: Debug, I: Debug + PartialEq<M>>(what: &str, must: M, is: I) -> Option<String> {
    (is != must).then(|| format!("{what}: {is:?} instead of {must:?}"))
}

/// One date: the site's own as it said it, or where it says none or says the time, the time.
fn date(straight: &Reply, through: &Reply) -> Option<String> {
    let (said, heard) = (straight.all("date"), through.all("date"));
    let is_right = match (&said[..], &heard[..]) {
        ([said], [heard]) if said == heard => true,
        ([said], [heard]) => is_now(said) && is_now(heard),
        ([], [heard]) => is_now(heard),
        ([], []) => straight.status == 101,
        _ => false,
    };
    (!is_right).then(|| format!("date: {heard:?} where the site says {said:?}"))
}

/// Whether a date in the one form that may be sent is within a minute of the time.
fn is_now(text: &str) -> bool {
    let date = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", text);
    let at = date.ok().and_then(|date| date.to_zoned(TimeZone::UTC).ok());
    let at = at.and_then(|at| u64::try_from(at.timestamp().as_second()).ok());
    text.len() == 29 && at.is_some_and(|at| now().abs_diff(at) < 60)
}

/// Whether a cookie has one of our names.
fn is_ours(line: &str) -> bool {
    let line = line.trim_start_matches(['=', ' ']).to_ascii_lowercase();
    let bare = line
        .strip_prefix("__host-")
        .or(line.strip_prefix("__secure-"));
    bare.unwrap_or(&line).starts_with("anteroom-")
}

fn speaks_to_caches(name: &str) -> bool {
    FOR_CACHES.contains(&name)
        || name == "cdn-cache-control"
        || name.ends_with("-cdn-cache-control")
}

/// Whether the answer's `Connection` names this field.
fn is_nominated(name: &str, straight: &Reply) -> bool {
    let lines = straight.all("connection");
    let mut words = lines.iter().flat_map(|line| line.split(','));
    words.any(|word| word.trim().eq_ignore_ascii_case(name))
}

/// `private` in front, and nothing that lets a shared cache keep the answer.
fn private(said: &[&str]) -> Vec<String> {
    let words: Vec<&str> = said
        .iter()
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .collect();
    let is_shared = |word: &&&str| {
        let word = word.to_ascii_lowercase();
        word == "public" || word.starts_with("s-maxage=") || word.starts_with("private=")
    };
    if words.contains(&"private") && words.iter().find(is_shared).is_none() {
        return said.iter().map(|line| (*line).to_owned()).collect();
    }
    let kept = words
        .iter()
        .filter(|word| !is_shared(word) && **word != "private" && !word.is_empty());
    let whole: Vec<&str> = std::iter::once("private").chain(kept.copied()).collect();
    vec![whole.join(", ")]
}

/// One line that ends in `Cookie`, where the site does not say as much already.
fn by_cookie(said: &[&str]) -> Vec<String> {
    let mut words = said.iter().flat_map(|line| line.split(',')).map(str::trim);
    if words.any(|word| word == "*" || word.eq_ignore_ascii_case("cookie")) {
        return said.iter().map(|line| (*line).to_owned()).collect();
    }
    let whole: Vec<&str> = said.iter().copied().chain(["Cookie"]).collect();
    vec![whole.join(", ")]
}

/// The beginning of a body.
fn sample(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(60).collect()
}
