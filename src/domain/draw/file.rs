//! A drawn roster as the file that everybody may fetch: compressed once, and nothing else kept.

use std::io::{self, Read, Write as _};

use bytes::{Buf as _, Bytes};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::published::Published;
use super::roster::Roster;
use super::{Draw, Hash};
use crate::domain::room::RoomName;
use crate::domain::window::WindowId;

/// The whole published draw with its roster as JSON, compressed: about 39 bytes a fan.
#[derive(Clone, Debug)]
pub struct RosterFile {
    gzip: Bytes,
    /// Bytes when it is not compressed.
    length: u64,
    digest: Hash,
}

impl RosterFile {
    /// Writes the file of a window that was drawn; work for a thread that may block.
    ///
    /// # Errors
    /// What the compressor says, which never fails on memory of its own.
    pub fn write(
        (room, window): (&RoomName, WindowId),
        draw: &Draw,
        roster: &Roster,
    ) -> io::Result<Self> {
        let mut facts = Published::of(room, window, draw);
        let digest = draw
            .drawn
            .map_or_else(|| facts.digest_of(roster.leaves()), |drawn| drawn.digest);
        facts.digest = Some(digest);
        facts.roster = Some(Vec::new());
        let json = serde_json::to_string(&facts)?;
        // The roster is the last field, and empty so far.
        let head = json.strip_suffix("]}").unwrap_or(&json);
        let mut to = Counted {
            // Digits by chance: the first level, with its fixed codes, leaves half more than the
            // second; those above leave as much as that.
            gzip: GzEncoder::new(Vec::new(), Compression::new(2)),
            length: 0,
        };
        to.write(head)?;
        for (number, leaf) in roster.leaves().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            to.write(&format!("{comma}\"{leaf}\""))?;
        }
        to.write("]}")?;
        Ok(Self {
            gzip: Bytes::from(to.gzip.finish()?),
            length: to.length,
            digest,
        })
    }

    /// The file, compressed with gzip.
    #[must_use]
    pub const fn gzip(&self) -> &Bytes {
        &self.gzip
    }

    /// The file as it is read, piece by piece.
    pub fn plain(&self) -> impl Read + Send + Sync + std::fmt::Debug + use<> {
        GzDecoder::new(self.gzip.clone().reader())
    }

    /// How long the file is when it is not compressed.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// What it is known by.
    #[must_use]
    pub const fn digest(&self) -> Hash {
        self.digest
    }
}

struct Counted {
    gzip: GzEncoder<Vec<u8>>,
    length: u64,
}

impl Counted {
    fn write(&mut self, text: &str) -> io::Result<()> {
        self.length = self.length.saturating_add(text.len() as u64);
        self.gzip.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::draw::check::check;
    use crate::domain::draw::trials::{WINDOW, derby, facts_of, many};

    #[test]
    fn the_file_is_the_published_draw_and_sound() {
        for count in [0, 1, 2_000] {
            let (draw, roster) = facts_of(&many(count, 7), Some("9f"));

            let file = RosterFile::write((&derby(), WINDOW), &draw, &roster).unwrap();

            let mut json = String::new();
            file.plain().read_to_string(&mut json).unwrap();
            assert_eq!(json.len() as u64, file.length());
            let sound = check(serde_json::from_str(&json).unwrap()).unwrap();
            assert_eq!(sound.count, count as u64);
            assert_eq!(sound.draw.digest, Some(file.digest()));
            assert!(
                file.gzip().len() < 1_000 + 40 * count,
                "{}",
                file.gzip().len()
            );
        }
    }
}
