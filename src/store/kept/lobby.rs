//! The frozen lobby of a room's window: 16 bytes a visitor between a line that says what it is and
//! a digest of it all.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Keeper, KeptError};
use crate::domain::room::RoomName;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;
use crate::store::lobby::Cut;

/// What a file says first.
const FORMAT: &str = "anteroom lobby 1";

/// Bytes of the digest at the end.
const DIGEST: usize = 32;

/// A frozen lobby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLobby {
    /// How it was frozen.
    pub cut: Cut,
    /// Who was in it, in no order.
    pub visitors: Vec<VisitorId>,
}

/// The line at the beginning of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    room: String,
    window: WindowId,
    cut: Cut,
}

impl Keeper {
    /// The lobby of this window, if the last one written is of it. A damaged file is set aside.
    ///
    /// # Errors
    /// [`KeptError`]; the room goes on without.
    pub fn read_lobby(
        &self,
        room: &RoomName,
        window: WindowId,
    ) -> Result<Option<KeptLobby>, KeptError> {
        let path = self.lobby_path(room);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(KeptError::File { path, source }),
        };
        match parse(room, &bytes) {
            Ok((of, kept)) => Ok((of == window).then_some(kept)),
            Err(reason) => Err(self.set_aside(path, reason)),
        }
    }

    /// Writes the lobby of a window in the place of the last one.
    ///
    /// # Errors
    /// [`KeptError::File`]; the old file stays.
    pub fn write_lobby(
        &self,
        room: &RoomName,
        window: WindowId,
        kept: &KeptLobby,
    ) -> Result<(), KeptError> {
        let path = self.lobby_path(room);
        let head = Head {
            format: FORMAT.to_owned(),
            room: room.to_string(),
            window,
            cut: kept.cut,
        };
        let written = || {
            let mut bytes = serde_json::to_vec(&head)?;
            bytes.push(b'\n');
            bytes.extend(kept.visitors.iter().flat_map(|visitor| visitor.as_bytes()));
            let digest = Sha256::digest(&bytes);
            bytes.extend(digest);
            self.put(&path, &bytes)
        };
        written().map_err(|source| KeptError::File {
            path: path.clone(),
            source,
        })
    }

    fn lobby_path(&self, room: &RoomName) -> std::path::PathBuf {
        self.folder.join(format!("{room}.lobby"))
    }
}

fn parse(room: &RoomName, bytes: &[u8]) -> Result<(WindowId, KeptLobby), String> {
    let (whole, digest) = bytes.split_last_chunk::<DIGEST>().ok_or("it is cut off")?;
    if Sha256::digest(whole).as_slice() != digest {
        return Err("its digest does not fit".to_owned());
    }
    let end = whole.iter().position(|byte| *byte == b'\n');
    let (head, rest) = whole.split_at(end.ok_or("its first line has no end")?);
    let head: Head = serde_json::from_slice(head).map_err(|fault| fault.to_string())?;
    if head.format != FORMAT || head.room != room.as_str() {
        return Err(format!(
            "it is `{}` of the room `{}`",
            head.format, head.room
        ));
    }
    let ids = rest.get(1..).unwrap_or_default();
    let (ids, left) = ids.as_chunks::<16>();
    if !left.is_empty() || u32::try_from(ids.len()) != Ok(head.cut.count) {
        return Err("it holds another number of visitors than it says".to_owned());
    }
    let kept = KeptLobby {
        cut: head.cut,
        visitors: ids.iter().copied().map(VisitorId::from_bytes).collect(),
    };
    Ok((head.window, kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::place::Epoch;

    #[test]
    fn a_lobby_is_read_again_for_its_window_and_a_damaged_one_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::new(folder.path().to_owned());
        let (room, window): (RoomName, _) = ("derby".parse().unwrap(), WindowId(9));
        assert_eq!(keeper.read_lobby(&room, window).unwrap(), None);
        for count in [0, 3] {
            // Every byte of an id may be a line's end.
            let visitor = |number: u8| VisitorId::from_bytes([b'\n' + number; 16]);
            let kept = KeptLobby {
                cut: Cut {
                    round: 0,
                    epoch: Epoch(5),
                    base: 2,
                    count: count.into(),
                    placed: 0,
                },
                visitors: (0..count).map(visitor).collect(),
            };
            keeper.write_lobby(&room, window, &kept).unwrap();
            assert_eq!(keeper.read_lobby(&room, window).unwrap(), Some(kept));
            assert_eq!(keeper.read_lobby(&room, WindowId(8)).unwrap(), None);
        }

        let path = folder.path().join("derby.lobby");
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for bad in [&whole[..whole.len() - 1], &flipped, b"", &whole[..DIGEST]] {
            fs::write(&path, bad).unwrap();
            let fault = keeper.read_lobby(&room, window).unwrap_err().to_string();
            assert!(fault.contains("is damaged"), "{fault}");
            assert_eq!(keeper.read_lobby(&room, window).unwrap(), None);
        }
    }
}
