//! Logs: one line an event, as text for people or as JSON for machines, on standard error.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A sentence and its fields.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl FromStr for LogFormat {
    type Err = LogsError;

    fn from_str(word: &str) -> Result<Self, LogsError> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(LogsError::Format(word.to_owned())),
        }
    }
}

/// Why the logs could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// No such format.
    #[error("`{0}` is no log format: write `text` or `json`")]
    Format(String),
    /// The filter cannot be read.
    #[error("the log filter `{filter}` cannot be read: write a level, or `target=level,…`")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody started them before.
    #[error("the logs were started twice")]
    Twice,
}

/// Starts the process's logs. `filter` is a level (`info`) or directives in the grammar that
/// `RUST_LOG` uses; this function does not read the environment.
///
/// # Errors
/// [`LogsError`] for an unreadable filter, or when the logs run already.
pub fn start(format: LogFormat, filter: &str) -> Result<(), LogsError> {
    let lines = lines(format, filter, std::io::stderr)?;
    tracing::subscriber::set_global_default(lines).map_err(|_| LogsError::Twice)
}

type Lines = Box<dyn tracing::Subscriber + Send + Sync>;

fn lines<W>(format: LogFormat, filter: &str, writer: W) -> Result<Lines, LogsError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let wanted = EnvFilter::try_new(filter).map_err(|source| LogsError::Filter {
        filter: filter.to_owned(),
        source,
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(wanted)
        .with_writer(writer);
    Ok(match format {
        LogFormat::Text => Box::new(lines.with_ansi(std::io::stderr().is_terminal()).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat, filter: &str) -> String {
        let paper = Paper::default();
        let sheet = paper.clone();
        let lines = lines(format, filter, move || sheet.clone()).unwrap();
        tracing::subscriber::with_default(lines, || {
            tracing::info!(
                room = "derby",
                note = "a\r\n\u{1b}[31m\"b",
                "the room opened"
            );
            tracing::debug!("a detail");
        });
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_is_one_object_whatever_its_fields_hold_n8() {
        let text = written(LogFormat::Json, "info");
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "the room opened");
        assert_eq!(line["room"], "derby");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["note"], "a\r\n\u{1b}[31m\"b");
    }

    #[test]
    fn a_text_line_stays_one_line_without_control_characters_n8() {
        let text = written(LogFormat::Text, "info");
        assert!(text.contains("the room opened") && text.contains("room=\"derby\""));
        let body = text.strip_suffix('\n').unwrap();
        assert!(!body.contains(char::is_control), "{body:?}");
    }

    #[test]
    fn the_filter_lets_details_through_or_is_refused() {
        assert!(written(LogFormat::Text, "debug").contains("a detail"));
        assert!(!written(LogFormat::Text, "anteroom=info").contains("a detail"));
        let refused = lines(LogFormat::Text, "a=b=c", std::io::stderr);
        assert!(matches!(refused, Err(LogsError::Filter { .. })));
    }

    #[test]
    fn a_format_is_text_or_json() {
        assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
        assert!("yaml".parse::<LogFormat>().is_err());
    }
}
