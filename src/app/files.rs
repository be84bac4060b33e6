//! Files that policies name: certificates, keys and secrets.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// What others than the owner may never do with a key, and what the owner's group may not.
const TOO_OPEN: u32 = 0o027;

/// What stands in a file.
///
/// # Errors
/// When it cannot be read, or is longer than [`LONGEST`].
pub(super) fn text(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).with_context(cannot)?;
    let mut text = Vec::new();
    file.take(LONGEST + 1)
        .read_to_end(&mut text)
        .with_context(cannot)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST) {
        bail!("{} is larger than 1 MiB", path.display());
    }
    Ok(text)
}

/// What stands in the file of a key. One that everybody on the machine may read is nobody's secret.
/// Its group may, because that is how systems share keys between the services that need them.
///
/// # Errors
/// When it cannot be read, or others may.
pub(super) fn secret(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let shown = path.display();
    let facts = std::fs::metadata(path).with_context(|| format!("cannot read {shown}"))?;
    let mode = facts.permissions().mode() & 0o777;
    if mode & TOO_OPEN != 0 {
        bail!("the key {shown} is open to others (mode {mode:o}): chmod 600 {shown}");
    }
    Ok(Zeroizing::new(text(path)?))
}
