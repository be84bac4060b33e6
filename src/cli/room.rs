//! `anteroom room`: shows and steers rooms through the control API.

mod ask;
mod request;

use std::process::ExitCode;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::Value;

use super::args::{Output, Reach, Shared};
use super::client::{Client, wait_for};
use super::ended;
use super::table::{lines, list, sheet};
use super::typed::{Cap, SessionOrder, cap, number, session, time};
use crate::domain::stock::MOST_STOCK;

/// What to do with rooms.
#[derive(Debug, Args)]
pub struct RoomArgs {
    #[command(flatten)]
    pub(super) reach: Reach,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the rooms.
    List,
    /// Shows one room.
    Show {
        /// The room's name
        name: String,
    },
    /// Opens a sale window, now or at a time; in the prequeue, draws the lobby.
    Open {
        /// The room's name
        name: String,
        /// When to open the lobby before it, e.g. 2026-12-01T09:30:00+01:00
        #[arg(long, value_name = "TIME", value_parser = time, requires = "opens_at", alias = "prequeue-opens-at")]
        prequeue_at: Option<String>,
        /// When to open, e.g. 2026-12-01T10:00:00+01:00; now unless given
        #[arg(long, value_name = "TIME", value_parser = time)]
        opens_at: Option<String>,
        /// When to end
        #[arg(long, value_name = "TIME", value_parser = time)]
        ends_at: Option<String>,
        /// Where the external value of the draw will come from, e.g. a beacon's round to come
        #[arg(long, value_name = "TEXT", requires = "prequeue_at")]
        external_source: Option<String>,
    },
    /// Stops releases; joining and claiming go on.
    Pause {
        /// The room's name
        name: String,
    },
    /// Goes on after a pause.
    Resume {
        /// The room's name
        name: String,
    },
    /// Closes and keeps the places.
    Close {
        /// The room's name
        name: String,
        /// End the window and dismiss the queue
        #[arg(long)]
        end: bool,
    },
    /// Sets how many are released a minute.
    Pace {
        /// The room's name
        name: String,
        /// Visitors a minute, 1 to 10,000,000
        #[arg(value_parser = number(), allow_negative_numbers = true)]
        per_minute: u32,
        /// How many may go at once; one second's worth unless given
        #[arg(long, value_name = "N", value_parser = number(), allow_negative_numbers = true)]
        burst: Option<u32>,
    },
    /// Sets how many may be inside at once.
    Capacity {
        /// The room's name
        name: String,
        /// A number, or `none` for no cap
        #[arg(value_name = "N|none", value_parser = cap, allow_negative_numbers = true)]
        active: Cap,
    },
    /// Shows a message to those waiting, or takes it down.
    #[command(
        group(ArgGroup::new("words").required(true)),
        override_usage = "anteroom room message [OPTIONS] <NAME> <TEXT|--clear>"
    )]
    Message {
        /// The room's name
        name: String,
        /// At most 500 characters
        #[arg(group = "words")]
        text: Option<String>,
        /// Take the message down
        #[arg(long, group = "words")]
        clear: bool,
    },
    /// Lets the next so many in now, within capacity.
    Release {
        /// The room's name
        name: String,
        /// How many
        #[arg(value_parser = number(), allow_negative_numbers = true)]
        count: u32,
    },
    /// Says how much is left to be sold; 0 ends the window.
    Stock {
        /// The room's name
        name: String,
        /// How many are left
        #[arg(value_name = "N", value_parser = clap::value_parser!(u64).range(0..=MOST_STOCK), allow_negative_numbers = true)]
        remaining: u64,
    },
    /// Completes, revokes or holds one session, as the site itself can on its answers.
    Session {
        /// The room's name
        name: String,
        /// The session: what the site finds in `Anteroom-Session-Id`
        #[arg(value_name = "JTI", value_parser = session)]
        session: String,
        /// What is to be done to it
        #[arg(value_enum)]
        order: SessionOrder,
        /// How long to hold it
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_592_000), required_if_eq("order", "hold"), allow_negative_numbers = true)]
        seconds: Option<u32>,
    },
    /// Makes single-use codes that lead into a lane, and prints them: they are shown only now.
    Codes {
        /// The room's name
        name: String,
        /// The lane they lead into
        #[arg(long)]
        lane: String,
        /// How many, 1 to 10,000
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
        /// When they lapse; never unless given
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires_at: Option<String>,
    },
    /// Makes a link with which the crew walks past the line and looks at its pages, or withdraws all.
    Preview {
        /// The room's name
        name: String,
        /// How long the link works, in seconds, at most 30 days; a day unless given
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_592_000), conflicts_with = "withdraw")]
        valid_s: Option<u32>,
        /// Make every link that was given out void
        #[arg(long)]
        withdraw: bool,
    },
    /// Gives the promised external value to the draw, once the lobby is frozen.
    Draw {
        /// The room's name
        name: String,
        /// The value, exactly as its source published it
        #[arg(long, value_name = "VALUE")]
        external_value: String,
    },
    /// Ends one session, or all: who it was is told so and waits at the back.
    #[command(group(ArgGroup::new("which").required(true)))]
    Revoke {
        /// The room's name
        name: String,
        /// The session: the `jti` of its admission token
        #[arg(long, value_name = "JTI", value_parser = session, group = "which")]
        session: Option<String>,
        /// Every session of the room
        #[arg(long, group = "which")]
        all: bool,
    },
}

/// Asks the control API and prints what it answers.
#[must_use]
pub fn run(args: &RoomArgs, shared: &Shared) -> ExitCode {
    let asked = Client::open(&args.reach.or(shared))
        .and_then(|client| wait_for(exchange(&client, &args.verb, shared.output)));
    ended(asked)
}

/// One request, and its answer as it is to be printed.
async fn exchange(client: &Client, verb: &Verb, output: Output) -> anyhow::Result<String> {
    let request = verb.request();
    let answer = client
        .ask(request.method, &request.path, request.body.as_ref())
        .await?;
    let answer = answer.fine()?;
    Ok(match (output, &answer) {
        (Output::Json, _) => format!("{answer:#}\n"),
        (Output::Table, Value::Array(rooms)) => list(rooms),
        (Output::Table, answer) => match (answer.get("codes"), answer.get("link")) {
            (Some(Value::Array(codes)), _) => lines(codes),
            (_, Some(link)) => lines(std::slice::from_ref(link)),
            (_, None) => sheet(answer),
        },
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Arc;

    use clap::Parser;
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio_util::sync::{CancellationToken, DropGuard};

    use crate::control::auth::Role;
    use crate::control::kit::{OrderBook, control, token};
    use crate::control::{Control, serve};

    /// A control listener that stops when this is dropped.
    pub(crate) struct Gateway {
        pub(crate) client: Client,
        pub(crate) url: String,
        _stop: DropGuard,
    }

    pub(crate) async fn running(control: Control) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, control, stop.clone()));
        Gateway {
            client: Client::new(&url, Some(&token(Role::Operator))).unwrap(),
            url,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) fn said(outcome: anyhow::Result<String>) -> String {
        outcome.unwrap_err().to_string()
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        room: RoomArgs,
    }

    async fn typed(gateway: &Gateway, line: &str, output: Output) -> anyhow::Result<String> {
        let words = std::iter::once("room").chain(line.split(' '));
        let line = Line::try_parse_from(words).unwrap();
        exchange(&gateway.client, &line.room.verb, output).await
    }

    #[tokio::test]
    async fn every_verb_reaches_its_room() {
        let gateway = running(control(Arc::new(OrderBook::default()))).await;
        for (line, field, expected) in [
            (
                "open derby --ends-at 2099-01-01T00:00:00Z",
                "/state",
                json!("open"),
            ),
            ("show derby", "/ends_at", json!("2099-01-01T00:00:00Z")),
            ("pause derby", "/state", json!("paused")),
            ("resume derby", "/state", json!("open")),
            ("pace derby 60 --burst 7", "/pace/burst", json!(7)),
            ("pace derby 120", "/pace/burst", json!(2)),
            ("capacity derby 9", "/capacity/active", json!(9)),
            ("capacity derby none", "/capacity/active", Value::Null),
            ("message derby Soon", "/message", json!("Soon")),
            ("message derby --clear", "/message", Value::Null),
            ("release derby 4", "/version", json!(10)),
            (
                "revoke derby --session 0123456789abcdef0123456789abcdef",
                "/version",
                json!(10),
            ),
            ("revoke derby --all", "/version", json!(11)),
            ("close derby", "/state", json!("closed")),
            ("close derby --end", "/state", json!("ended")),
            (
                "open derby --prequeue-at 2001-01-01T00:00:00Z --opens-at 2099-01-01T00:00:00Z --external-source beacon",
                "/state",
                json!("prequeue"),
            ),
            ("open derby", "/held_by", json!("external_value")),
        ] {
            let text = typed(&gateway, line, Output::Json).await.unwrap();
            let room: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(room.pointer(field), Some(&expected), "{line}");
        }
    }

    #[tokio::test]
    async fn an_unknown_room_names_those_there_are() {
        let gateway = running(control(Arc::default())).await;
        let error = said(typed(&gateway, "show darby", Output::Table).await);
        let expected = "no room is called `darby`; did you mean `derby`? (rooms: derby, final)";
        assert_eq!(error, expected);
        for odd in ["../livez", "a%2Fb", "é", "..", "?"] {
            let error = said(typed(&gateway, &format!("pause {odd}"), Output::Table).await);
            assert!(error.contains("(rooms: derby, final)"), "{odd}: {error}");
        }
        let none = Verb::Show {
            name: String::new(),
        };
        let error = said(exchange(&gateway.client, &none, Output::Table).await);
        assert!(error.contains("(rooms: derby, final)"), "{error}");
    }

    #[tokio::test]
    async fn the_answer_says_what_is_missing_or_not_allowed() {
        let gateway = running(control(Arc::default())).await;
        let closed = said(typed(&gateway, "resume derby", Output::Table).await);
        assert!(closed.contains("open it first"), "{closed}");
        for wrong in [None, Some("wrong")] {
            let bare = Client::new(&gateway.url, wrong).unwrap();
            let error = said(exchange(&bare, &Verb::List, Output::Table).await);
            assert!(error.contains("set ANTEROOM_CONTROL_TOKEN"), "{error}");
        }
        let viewer = Client::new(&gateway.url, Some(&token(Role::Viewer))).unwrap();
        let pause = Verb::Pause {
            name: "derby".into(),
        };
        let error = said(exchange(&viewer, &pause, Output::Table).await);
        assert!(error.contains("needs the role `operator`"), "{error}");
    }

    #[tokio::test]
    async fn tables_are_for_people() {
        let gateway = running(control(Arc::default())).await;
        let text = typed(&gateway, "list", Output::Table).await.unwrap();
        assert!(text.starts_with("NAME   STATE   WAITING"), "{text}");
        let text = typed(&gateway, "show derby", Output::Table).await.unwrap();
        assert!(text.contains("waiting   40"), "{text}");
        let line = "codes derby --lane members --count 2";
        let text = typed(&gateway, line, Output::Table).await.unwrap();
        let codes: Vec<&str> = text.lines().collect();
        assert_eq!(codes.len(), 2, "{text}");
        assert!(codes.iter().all(|code| code.len() == 29), "{text}");
        let line = "preview derby --valid-s 60";
        let text = typed(&gateway, line, Output::Table).await.unwrap();
        let link = "https://tickets.example/_anteroom/rooms/derby/crew?pass=";
        assert!(
            text.starts_with(link) && text.lines().count() == 1,
            "{text}"
        );
        let line = "preview derby --withdraw";
        let text = typed(&gateway, line, Output::Table).await.unwrap();
        assert!(text.contains("waiting   40"), "{text}");
        let line = "codes derby --lane vip --count 2";
        let error = said(typed(&gateway, line, Output::Table).await);
        assert!(error.contains("a lane of the room (members)"), "{error}");
    }
}
