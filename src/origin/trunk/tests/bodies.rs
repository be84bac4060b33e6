//! Bodies on a shared connection: their ends, and who waits for whom.

use std::time::Duration;

use h2::Reason;

use super::stage::{Played, Stage, head};
use super::*;
use crate::origin::pulse::Pulse;
use crate::origin::trunk::driver::dead;
use crate::origin::trunk::{Traffic, driver};

fn is_bad<T>(outcome: &Result<T, OriginError>) -> bool {
    matches!(outcome, Err(OriginError::BadAnswer { .. }))
}

async fn asked(origin: &Origin, method: &str, path: &'static str) -> Result<String, OriginError> {
    text(origin.forward(bare(method), outside(path)).await?).await
}

/// What the first letters of the path say is the status; answers of `long` and `short` have a body of
/// two bytes and say that it is longer or shorter, `cut` resets the stream behind it.
async fn measures(mut played: Played) {
    let path = played.path().to_owned();
    let status = path[1..4].parse().unwrap();
    let mut answer = head(status);
    let says = match &path[4..] {
        "/long" | "/cut" => Some("3"),
        "/short" => Some("1"),
        _ => None,
    };
    if let Some(says) = says {
        answer
            .headers_mut()
            .insert("content-length", says.parse().unwrap());
    }
    let ends = path.ends_with("/none");
    let mut sends = played.reply.send_response(answer, ends).unwrap();
    if ends {
        return;
    }
    let cut = path.ends_with("/cut");
    let _ = sends.send_data(Data::from_static(b"ok"), !cut);
    if cut {
        tokio::time::sleep(Duration::from_millis(50)).await;
        sends.send_reset(Reason::NO_ERROR);
    }
}

#[tokio::test]
async fn h14_a_body_over_http_2_that_is_not_as_long_as_it_says_is_broken_off() {
    let stage = Stage::doing(measures).await;
    let origin = stage.origin();

    assert_eq!(asked(&origin, "GET", "/200/whole").await.unwrap(), "ok");
    for path in ["/200/long", "/200/short", "/200/cut"] {
        let outcome = asked(&origin, "GET", path).await;
        assert!(is_bad(&outcome), "{path}: {outcome:?}");
    }
}

#[tokio::test]
async fn h14_answers_over_http_2_that_have_no_body_have_none() {
    let stage = Stage::doing(measures).await;
    let origin = stage.origin();

    for (method, path) in [("GET", "/204/x"), ("GET", "/304/x"), ("HEAD", "/200/x")] {
        let outcome = asked(&origin, method, path).await;
        assert!(is_bad(&outcome), "{method} {path}: {outcome:?}");
    }
    for (method, path) in [
        ("GET", "/204/none"),
        ("GET", "/304/none"),
        ("HEAD", "/200/none"),
    ] {
        assert_eq!(asked(&origin, method, path).await.unwrap(), "", "{path}");
    }
}

/// `:status: 200`, and one more field.
fn answer_with(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).unwrap();
    let mut block = vec![0x88, 0, length(name)];
    block.extend(name.as_bytes());
    block.push(length(value));
    block.extend(value.as_bytes());
    let mut frame = vec![0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1];
    frame.extend(block);
    frame
}

#[tokio::test]
async fn h14_fields_of_a_connection_in_an_answer_over_http_2_are_refused() {
    for (name, value, is_fit) in [
        ("x-fine", "1", true),
        ("connection", "close", false),
        ("transfer-encoding", "chunked", false),
        ("keep-alive", "timeout=5", false),
        ("upgrade", "h2c", false),
    ] {
        let site = TicketSite::doing(move |mut caller| async move {
            greeted(&mut caller).await;
            caller.say(SETTINGS).await;
            if head_of_stream(&mut caller).await.is_some() {
                caller.say(answer_with(name, value)).await;
                caller.hang_on().await;
            }
        })
        .await;
        let origin = origin_of(vec![Settings {
            protocol: Protocol::Http2Plain,
            ..site.settings()
        }]);

        let outcome = asked(&origin, "POST", "/").await;

        assert_eq!(outcome.is_ok(), is_fit, "{name}: {outcome:?}");
        assert!(is_fit || is_bad(&outcome), "{name}: {outcome:?}");
    }
}

#[tokio::test]
async fn r9_a_request_is_taken_from_the_visitor_no_faster_than_the_origin_takes_it() {
    let go_on = Arc::new(tokio::sync::Notify::new());
    let wait = Arc::clone(&go_on);
    let stage = Stage::doing(move |mut played: Played| {
        let wait = Arc::clone(&wait);
        async move {
            wait.notified().await;
            let length = played.length().await;
            assert_eq!(length, 200 * 20_000);
            played.answers("ok");
        }
    })
    .await;
    let (pen, body) = written();
    let count = Arc::<AtomicUsize>::default();
    let written = Arc::clone(&count);
    tokio::spawn(async move {
        for _ in 0..200 {
            assert!(pen.write(vec![b'x'; 20_000]).await);
            written.fetch_add(1, Ordering::SeqCst);
        }
    });
    let origin = stage.origin();
    let held = async {
        let held = crate::origin::testing::standstill(&count).await;
        go_on.notify_one();
        held
    };

    let (held, answer) = tokio::join!(held, origin.forward(asking("POST", body), outside("/")));

    assert!((2..10).contains(&held), "{held} pieces were taken unread");
    assert_eq!(text(answer.unwrap()).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_request_goes_on_while_nobody_reads_its_answer() {
    let stage = Stage::doing(async |mut played: Played| {
        let mut sends = played.reply.send_response(head(200), false).unwrap();
        let length = played.length().await;
        sends.send_data(length.to_string().into(), true).unwrap();
    })
    .await;
    let (pen, body) = written();
    let origin = stage.origin();
    let first = pen.write("first");
    let (_, answer) = tokio::join!(first, origin.forward(asking("POST", body), outside("/")));
    for _ in 0..50 {
        assert!(pen.write(vec![b'x'; 20_000]).await);
    }
    drop(pen);

    assert_eq!(text(answer.unwrap()).await.unwrap(), "1000005");
}

#[tokio::test]
async fn an_answer_that_nobody_wants_any_more_ends_its_request_too() {
    let (told, mut tell) = tokio::sync::mpsc::channel(1);
    let stage = Stage::doing(move |mut played: Played| {
        let told = told.clone();
        async move {
            let mut sends = played.reply.send_response(head(200), false).unwrap();
            let reset = std::future::poll_fn(|cx| sends.poll_reset(cx)).await;
            let _ = told.send(reset.unwrap()).await;
        }
    })
    .await;
    let (pen, body) = written();
    let origin = stage.origin();
    let first = pen.write("first");
    let (_, answer) = tokio::join!(first, origin.forward(asking("POST", body), outside("/")));

    drop(answer.unwrap());

    assert_eq!(tell.recv().await, Some(Reason::CANCEL));
    assert!(!pen.write("second").await || !pen.write("third").await);
}

#[tokio::test]
async fn a_whole_answer_to_half_a_request_is_whole() {
    let stage = Stage::doing(async |mut played: Played| {
        played.answers("enough");
        tokio::time::sleep(Duration::from_millis(20)).await;
        played.reply.send_reset(Reason::NO_ERROR);
    })
    .await;
    let (pen, body) = written();
    let origin = stage.origin();
    let first = pen.write("first");
    let (_, answer) = tokio::join!(first, origin.forward(asking("POST", body), outside("/")));
    tokio::time::sleep(Duration::from_millis(60)).await;

    assert_eq!(text(answer.unwrap()).await.unwrap(), "enough");
}

#[tokio::test]
async fn who_is_done_with_an_origin_takes_leave_of_it() {
    let (told, mut tell) = tokio::sync::mpsc::channel(1);
    let site = TicketSite::doing(move |mut caller| {
        let told = told.clone();
        async move {
            greeted(&mut caller).await;
            caller.say(SETTINGS).await;
            head_of_stream(&mut caller).await.unwrap();
            caller.say(answer_with("x-fine", "1")).await;
            while let Some((kind, _)) = frame(&mut caller).await {
                if kind == GOAWAY {
                    let _ = told.send(()).await;
                }
            }
        }
    })
    .await;
    let origin = origin_of(vec![Settings {
        protocol: Protocol::Http2Plain,
        max_age: Duration::from_millis(40),
        ..site.settings()
    }]);
    assert!(asked(&origin, "GET", "/").await.is_ok());

    let gone = tokio::time::timeout(Duration::from_secs(5), tell.recv()).await;
    assert_eq!(gone, Ok(Some(())));
}

const GOAWAY: u8 = 7;

/// How long it takes until an origin that says something so often, and answers no question, is
/// given up.
async fn given_up(streams: usize, says_every: Option<Duration>) -> Option<Duration> {
    let (ours, _theirs) = tokio::io::duplex(1 << 20);
    let (sender, mut connection) = h2::client::handshake(ours).await.unwrap();
    let pings = connection.ping_pong();
    tokio::spawn(connection);
    let traffic = Traffic::new(Arc::new(Pulse::new()), sender);
    for _ in 0..streams {
        assert!(traffic.enter());
    }
    let talking = async {
        let Some(every) = says_every else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(every).await;
            traffic.pulse.heard(1);
        }
    };
    let began = tokio::time::sleep(Duration::ZERO).deadline();
    tokio::select! {
        () = dead(pings, &traffic) => {}
        () = talking => {}
        () = tokio::time::sleep(Duration::from_secs(600)) => return None,
    }
    Some(tokio::time::sleep(Duration::ZERO).deadline() - began)
}

#[tokio::test(start_paused = true)]
async fn r9_an_origin_that_gives_no_sign_of_life_is_given_up() {
    let waited = given_up(1, None).await.unwrap();
    let most = driver::PING + driver::PING / driver::LOOKS + driver::PONG;
    assert!((driver::PING..=most).contains(&waited), "{waited:?}");
    assert_eq!(given_up(0, None).await, None, "nothing is awaited of it");
    let slow = Some(Duration::from_secs(25));
    assert_eq!(given_up(1, slow).await, None, "it says something");
}
