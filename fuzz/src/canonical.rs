//! The canonical request: what is decided on is what is forwarded, and reading it once more
//! changes nothing, even for a site that decodes on its own.

use anteroom::domain::pattern::PathPattern;
use anteroom::gate::canonical;
use http::Request;

/// A target, and after a line feed a host.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (target, host) = text.split_once('\n').unwrap_or((text, "shop.example"));
    let Some(once) = judged(target, host) else {
        return;
    };
    let again = judged(once.target.as_str(), host).expect("a canonical target is clear");
    assert_eq!(
        again.target, once.target,
        "canonical once is canonical for good"
    );
    assert_eq!((again.key, again.plain), (once.key.clone(), once.plain));

    let served = served(once.target.path());
    for segment in served.split('/').skip(1) {
        let bare = segment.split(';').next().unwrap_or_default();
        assert!(!matches!(bare, "." | ".."), "{served:?} climbs");
    }
    let odd = |one: char| one == '\\' || one.is_ascii_control();
    assert!(
        !served.contains("//") && !served.contains(odd),
        "{served:?}"
    );
    assert_eq!(
        decoded(&served),
        served.as_bytes(),
        "nothing is left to decode"
    );
    for room in ["/buy/*", "/buy/now", "/café/*"] {
        let pattern: PathPattern = room.parse().unwrap();
        if covers(room, &served) {
            assert!(
                pattern.covers(&once.key),
                "{room}: {served:?} as {:?}",
                once.key
            );
        }
    }
}

fn judged(target: &str, host: &str) -> Option<canonical::Canonical> {
    let request = Request::builder().uri(target).header("host", host).body(());
    canonical::parse(&request.ok()?.into_parts().0).ok()
}

/// The path as a site sees it that decodes once.
fn served(path: &str) -> String {
    String::from_utf8(decoded(path)).expect("what is forwarded is UTF-8")
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let pair = behind
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        let pair = pair.filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
}

/// Whether a site that regards no case and cuts off what follows `;` serves this room's pages.
fn covers(room: &str, served: &str) -> bool {
    let plain: Vec<String> = served
        .split('/')
        .skip(1)
        .map(|segment| segment.split(';').next().unwrap_or_default().to_lowercase())
        .collect();
    let plain = format!("/{}", plain.join("/"));
    match room.strip_suffix("/*") {
        Some(below) => plain == below || plain.starts_with(&format!("{below}/")),
        None => plain == room,
    }
}
