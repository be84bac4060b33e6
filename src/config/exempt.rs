//! `[[exempt]]`: requests that pass a room without queueing.

use std::str::FromStr;

use http::header::HeaderName;

use crate::domain::room::Exempt;
use crate::policy::network;
use crate::text::table::Table;
use crate::text::value::Value;

/// A request method in capitals.
struct HttpMethod(String);

impl FromStr for HttpMethod {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letters = text.bytes().all(|byte| byte.is_ascii_uppercase());
        let fits = letters && (1..=20).contains(&text.len());
        fits.then(|| Self(text.to_owned()))
            .ok_or("a method in capitals, as in `GET`")
    }
}

/// Reads one `[[exempt]]`; `None` when a fault was noted.
pub(super) fn read(mut table: Table<'_>) -> Option<Exempt> {
    let (reader, at) = (table.reader(), table.span());
    let method = table.take("method").map(Value::parse::<HttpMethod>);
    let path = table.take("path").map(Value::parse);
    let from = table.take("from").map(network::list);
    let header = table.take("header").map(Value::parse::<HeaderName>);
    let sha256 = table.take("sha256").map(Value::sha256);
    let absent = method.is_none() && path.is_none() && from.is_none();
    if header.is_some() != sha256.is_some() {
        let message = "`header` and `sha256` (of the header's secret value) belong together";
        reader.fault(at, message);
    } else if absent && header.is_none() {
        let message = "an exemption needs a condition: `method`, `path`, `from`, \
                       or `header` with `sha256`";
        reader.fault(at, message);
    }
    if matches!(&header, Some(Some(name)) if *name == http::header::USER_AGENT) {
        let message = "anybody can send this `User-Agent`: use a header of your own";
        reader.fault(at, message);
    }
    table.finish();
    let secret = header.zip(sha256).map(|(name, digest)| name.zip(digest));
    Some(Exempt {
        method: whole(method)?.map(|method| method.0),
        path: whole(path)?,
        from: from.unwrap_or_default(),
        header: whole(secret)?.map(|(name, digest)| (name.as_str().to_owned(), digest)),
    })
}

/// Turns "given, but unreadable" into `None`.
#[expect(
    clippy::option_option,
    reason = "the outer `None` is a fault already noted"
)]
fn whole<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    given.map_or(Some(None), |read| read.map(Some))
}
