//! How many connections the machine's limit on open files leaves room for.

use std::fs;

/// Where Linux says what this process may have.
const LIMITS: &str = "/proc/self/limits";

/// How many visitors' connections there may be: what the configuration says, or less where open
/// files are few. A quarter of them is left for connections to sites and the store, and for files.
pub(super) fn for_visitors(wanted: u32) -> usize {
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let Some(files) = fs::read_to_string(LIMITS)
        .ok()
        .and_then(|text| open_files(&text))
    else {
        return wanted;
    };
    let room = (files - files / 4).max(1);
    if room < wanted {
        tracing::warn!(
            open_files = files,
            connections = room,
            "the limit on open files leaves room for fewer connections than [connections] max"
        );
    }
    wanted.min(room)
}

/// The limit in force on open files, if there is one.
fn open_files(text: &str) -> Option<usize> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_in_force_is_the_first_of_the_two() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max processes             96310                96310                processes\n\
                    Max open files            256                  20000                files\n";
        assert_eq!(open_files(text), Some(256));
        assert_eq!(open_files("Max open files unlimited unlimited files"), None);
        assert_eq!(open_files(""), None);
    }

    #[test]
    fn no_more_connections_than_wanted() {
        assert_eq!(for_visitors(1), 1);
    }
}
