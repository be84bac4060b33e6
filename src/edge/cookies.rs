//! How our tokens travel on answers: cookies that no script reads and no other site sends.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderValue};

use crate::gate::admit::AdmissionToken;
use crate::gate::identify::{ADMISSION_HEADER, CookieNames, Token};
use crate::gate::notice::{Notice, SetToken};

use super::respond::{Answer, Asking};

/// Sets an admission on the site's answer, which is then this visitor's alone.
pub fn set_admission(
    answer: &mut Answer,
    token: &AdmissionToken,
    names: &CookieNames,
    https: bool,
) {
    set_cookie(
        answer,
        names.name(Token::Admission, https),
        &token.text,
        (token.life, https),
    );
    let private = HeaderValue::from_static("private, no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, private);
}

/// Takes an admission back on the site's answer: its session is over.
pub fn take_admission(answer: &mut Answer, names: &CookieNames, https: bool) {
    let name = names.name(Token::Admission, https);
    set_cookie(answer, name, "", (Duration::ZERO, https));
    let private = HeaderValue::from_static("private, no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, private);
}

/// Tells an app without cookies its admission, in the header it brings it back in.
pub fn tell_admission(answer: &mut Answer, token: &AdmissionToken) {
    if let Ok(text) = HeaderValue::from_str(&token.text) {
        answer.headers_mut().insert(ADMISSION_HEADER, text);
    }
}

/// Gives the browser the pass of a room's crew for its life, or takes it back; an answer to HEAD
/// sets nothing.
pub fn set_crew(answer: &mut Answer, pass: &str, to: (&CookieNames, Asking<'_>), life: Duration) {
    let (names, asking) = to;
    if asking.head.method != Method::HEAD {
        let name = names.name(Token::Crew, asking.https);
        set_cookie(answer, name, pass, (life, asking.https));
    }
}

/// How long a browser keeps a queue token.
const QUEUE_COOKIE: Duration = Duration::from_hours(24);

/// Sets or takes back the tokens a notice gives; an answer to HEAD sets nothing.
pub fn set_tokens(answer: &mut Answer, notice: &Notice, to: (&CookieNames, Asking<'_>)) {
    let (names, asking) = to;
    if asking.head.method == Method::HEAD {
        return;
    }
    let https = asking.https;
    let queue = names.name(Token::Queue, https);
    match &notice.queue {
        SetToken::Give(text) => set_cookie(answer, queue, text, (QUEUE_COOKIE, https)),
        SetToken::Clear => set_cookie(answer, queue, "", (Duration::ZERO, https)),
        SetToken::Keep => {}
    }
    let admission = names.name(Token::Admission, https);
    match &notice.admission {
        SetToken::Give(token) => set_cookie(answer, admission, &token.text, (token.life, https)),
        SetToken::Clear => set_cookie(answer, admission, "", (Duration::ZERO, https)),
        SetToken::Keep => {}
    }
}

/// What every cookie of ours says of itself, up to its life.
const ATTRIBUTES: &str = "; Path=/; HttpOnly; SameSite=Lax; Max-Age=";

fn set_cookie(answer: &mut Answer, name: &str, value: &str, (life, https): (Duration, bool)) {
    let secure = if https { "; Secure" } else { "" };
    let life = life.as_secs().to_string();
    let parts = [name, "=", value, ATTRIBUTES, &life, secure];
    if let Ok(line) = HeaderValue::from_maybe_shared(Bytes::from(parts.concat())) {
        answer.headers_mut().append(header::SET_COOKIE, line);
    }
}
