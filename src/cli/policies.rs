//! The policies directory on disk, read into texts.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::config::Sources;
use crate::text::source::LARGEST_FILE;

/// The folders below the policies directory that hold files of their own.
const FOLDERS: [&str; 2] = ["rooms", "bots"];

/// Reads every `*.toml` of a policies directory, of its `rooms/` and of its `bots/`. Hidden files
/// and everything else are passed over.
///
/// # Errors
/// The directory or a file cannot be read, is too large or no UTF-8 text, or leads outside the
/// directory.
pub fn read_dir(dir: &Path) -> anyhow::Result<Sources> {
    let root = dir.canonicalize().with_context(|| {
        let dir = dir.display();
        format!("no policies directory at `{dir}` (name one with --policies)")
    })?;
    let mut sources = Sources::default();
    add_folder(&mut sources, &root, "")?;
    for folder in FOLDERS {
        if root.join(folder).is_dir() {
            add_folder(&mut sources, &root, &format!("{folder}/"))?;
        }
    }
    Ok(sources)
}

fn add_folder(sources: &mut Sources, root: &Path, prefix: &str) -> anyhow::Result<()> {
    let folder = root.join(prefix);
    let cannot = || format!("cannot list `{}`", folder.display());
    for entry in fs::read_dir(&folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            bail!("the file name `{}` is not UTF-8", path.display());
        };
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{prefix}{name}");
        sources.add(&name, &text(root, &path)?)?;
    }
    Ok(())
}

/// The text of one file, which must lie in the directory: a link out of it could pull in any
/// file that this process may read, and show its lines among the faults.
fn text(root: &Path, path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let target = path
        .canonicalize()
        .with_context(|| format!("cannot read `{shown}`"))?;
    if !target.starts_with(root) {
        bail!("`{shown}` is a link that leads outside the policies directory");
    }
    if !target.is_file() {
        bail!("`{shown}` is not a file");
    }
    let bytes = at_most(&target).with_context(|| format!("cannot read `{shown}`"))?;
    if bytes.len() > LARGEST_FILE {
        bail!("`{shown}` is larger than 1 MiB");
    }
    String::from_utf8(bytes).map_err(|reason| {
        let at = reason.utf8_error().valid_up_to();
        anyhow::anyhow!("`{shown}` is not UTF-8 text (at byte {at})")
    })
}

fn at_most(path: &PathBuf) -> std::io::Result<Vec<u8>> {
    let limit = u64::try_from(LARGEST_FILE).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let sources = read_dir(dir).unwrap();
        sources.iter().map(|s| s.name().to_string()).collect()
    }

    fn refusal(dir: &Path) -> String {
        format!("{:#}", read_dir(dir).unwrap_err())
    }

    #[test]
    fn only_toml_files_of_the_directory_and_its_two_folders_are_read() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["rooms", "bots", "keys"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for file in [
            "anteroom.toml",
            "README.md",
            "rooms/a.toml",
            "rooms/.#a.toml",
            "rooms/a.toml~",
            "bots/b.toml",
            "keys/secret.toml",
        ] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        assert_eq!(
            names(dir.path()),
            ["anteroom.toml", "bots/b.toml", "rooms/a.toml"]
        );
    }

    #[test]
    fn a_missing_directory_names_the_option() {
        let text = refusal(Path::new("/nowhere/at/all"));
        assert!(
            text.contains("no policies directory at `/nowhere/at/all`"),
            "{text}"
        );
        assert!(text.contains("--policies"), "{text}");
    }

    #[test]
    fn odd_files_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("anteroom.toml");

        fs::write(&file, b"a = '\xff'").unwrap();
        assert!(refusal(dir.path()).contains("is not UTF-8 text (at byte 5)"));
        fs::write(&file, "x".repeat(LARGEST_FILE + 1)).unwrap();
        assert!(refusal(dir.path()).contains("is larger than 1 MiB"));
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(refusal(dir.path()).contains("is not a file"));
    }

    #[cfg(unix)]
    #[test]
    fn links_may_lead_around_inside_but_not_outside() {
        use std::os::unix::fs::symlink;
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(dir.path().join("..data")).unwrap();
        fs::write(dir.path().join("..data/anteroom.toml"), "").unwrap();
        symlink("..data/anteroom.toml", dir.path().join("anteroom.toml")).unwrap();
        assert_eq!(names(dir.path()), ["anteroom.toml"]);

        fs::write(other.path().join("secret"), "").unwrap();
        symlink(other.path().join("secret"), dir.path().join("bots.toml")).unwrap();
        assert!(refusal(dir.path()).contains("`") && refusal(dir.path()).contains("leads outside"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_name_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        let name = std::ffi::OsStr::from_bytes(b"\xff.toml");
        fs::write(dir.path().join(name), "").unwrap();
        assert!(refusal(dir.path()).contains("is not UTF-8"));
    }
}
