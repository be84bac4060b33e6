//! The page's own files, in the binary, under names that change with their bytes.

use std::sync::LazyLock;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::texts::EN;

/// How every asset may be kept: its name changes whenever its bytes do.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// One file that the page refers to.
#[derive(Debug)]
pub struct Asset {
    /// Its name below `{prefix}/assets/`, with eight digits of its hash.
    pub name: String,
    /// What is in it.
    pub bytes: Bytes,
    /// Its media type.
    pub content_type: &'static str,
    /// A strong entity tag, with its quotation marks.
    pub etag: String,
}

impl Asset {
    fn new(stem: &str, ending: &str, content_type: &'static str, bytes: Bytes) -> Self {
        let digest = Sha256::digest(&bytes);
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            name: format!("{stem}.{}.{ending}", hash.get(..8).unwrap_or(&hash)),
            etag: format!("\"{}\"", hash.get(..32).unwrap_or(&hash)),
            bytes,
            content_type,
        }
    }
}

/// The files of the queue page.
#[derive(Debug)]
pub struct Assets {
    /// The style sheet.
    pub style: Asset,
    /// The script, with the words it says before it.
    pub script: Asset,
    /// The door: the icon of the tab and of the page.
    pub icon: Asset,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: Asset::new(
        "queue",
        "css",
        "text/css; charset=utf-8",
        Bytes::from_static(include_bytes!("../../static/queue.css")),
    ),
    script: Asset::new("queue", "js", "text/javascript; charset=utf-8", script()),
    icon: Asset::new(
        "door",
        "svg",
        "image/svg+xml",
        Bytes::from_static(include_bytes!("../../static/door.svg")),
    ),
});

/// All assets, made once.
#[must_use]
pub fn all() -> &'static Assets {
    &ASSETS
}

/// The asset of that exact name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Asset> {
    let Assets {
        style,
        script,
        icon,
    } = all();
    [style, script, icon]
        .into_iter()
        .find(|asset| asset.name == name)
}

/// The script, after a line that gives it the same words as the page.
fn script() -> Bytes {
    let words = serde_json::to_string(&EN).unwrap_or_default();
    let code = include_str!("../../static/queue.js");
    Bytes::from(format!("var anteroomTexts={words};\n{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_by_its_hashed_name_only() {
        for asset in [&all().style, &all().script, &all().icon] {
            let found = find(&asset.name).unwrap();
            assert_eq!(found.bytes, asset.bytes);
            let parts: Vec<&str> = asset.name.split('.').collect();
            let [_, hash, _] = parts[..] else {
                panic!("{} has no hash", asset.name)
            };
            assert_eq!(hash.len(), 8);
            assert!(
                asset.etag[1..].starts_with(hash),
                "the tag is the same hash"
            );
        }
        for other in [
            "",
            "queue.js",
            "queue.00000000.js",
            "../queue.js",
            "door.svg",
        ] {
            assert!(find(other).is_none(), "{other}");
        }
    }

    #[test]
    fn other_bytes_get_another_name() {
        let asset =
            |text: &'static str| Asset::new("a", "js", "x", Bytes::from_static(text.as_bytes()));
        assert_ne!(asset("1").name, asset("2").name);
        assert_eq!(asset("1").name, asset("1").name);
    }

    #[test]
    fn assets_are_small() {
        assert!(all().style.bytes.len() < 10 * 1_024);
        let code = include_str!("../../static/queue.js").len();
        assert!(code < 24 * 1_024, "{code}");
        let words = all().script.bytes.len() - code;
        assert!(words < 8 * 1_024, "{words}");
        assert!(all().icon.bytes.len() < 2 * 1_024);
    }

    #[test]
    fn the_script_brings_the_words_it_says() {
        let script = std::str::from_utf8(&all().script.bytes).unwrap();
        let first = script.lines().next().unwrap();
        let json = &first["var anteroomTexts=".len()..first.len() - 1];
        let words: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(words["states"]["waiting"]["head"], EN.states.waiting.head);
        for risky in [
            "innerHTML",
            "outerHTML",
            "document.write",
            "insertAdjacent",
            "eval(",
        ] {
            assert!(!script.contains(risky), "{risky}");
        }
    }
}
