//! Interim answers of an origin that speaks HTTP/2.

use std::time::Duration;

use h2::Reason;
use http_body::Body;

use super::stage::{Played, Stage, head};
use super::*;
use crate::origin::OriginBody;
use crate::origin::interim::{Ahead, Interim};

/// Forwards a request, and gives what was laid ready before its outcome.
async fn heard<B>(origin: &Origin, mut request: Request<B>) -> (Vec<u16>, Outcome)
where
    B: Body<Data = Data> + Send + 'static,
    B::Error: Into<crate::origin::BoxError>,
{
    let ahead = Ahead::default();
    request.extensions_mut().insert(ahead.clone());
    let outcome = match origin.forward(request, outside("/")).await {
        Ok(answer) => text(answer).await,
        Err(fault) => Err(fault),
    };
    (laid(&ahead), outcome)
}

type Outcome = Result<String, OriginError>;

fn laid(ahead: &Ahead) -> Vec<u16> {
    let all = std::iter::from_fn(|| ahead.take());
    all.map(|interim| interim.status.as_u16()).collect()
}

fn is_bad(outcome: &Outcome) -> bool {
    matches!(outcome, Err(OriginError::BadAnswer { .. }))
}

#[tokio::test]
async fn h14_interim_answers_come_before_the_answer_and_as_clean() {
    let go_on = Arc::new(tokio::sync::Notify::new());
    let wait = Arc::clone(&go_on);
    let stage = Stage::doing(move |mut played: Played| {
        let wait = Arc::clone(&wait);
        async move {
            played.hints(103, "</a.css>");
            wait.notified().await;
            played.answers("ok");
        }
    })
    .await;
    let origin = stage.origin();
    let ahead = Ahead::default();
    let mut request = bare("GET");
    request.extensions_mut().insert(ahead.clone());
    let first = std::future::poll_fn(|cx| ahead.poll_next(cx));
    let told = async {
        let first: Interim = first.await;
        go_on.notify_one();
        first
    };

    let (first, answer) = tokio::join!(told, origin.forward(request, outside("/")));

    assert_eq!(first.status.as_u16(), 103);
    let names: Vec<_> = first.headers.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["link"]);
    assert_eq!(text(answer.unwrap()).await.unwrap(), "ok");
    assert_eq!(laid(&ahead), [0; 0], "it comes once");
}

#[tokio::test]
async fn h14_several_pass_in_order_and_too_many_or_too_large_ones_do_not() {
    let stage = Stage::doing(async |mut played: Played| {
        played.hints(103, "</a.css>");
        played.hints(100, "</b.css>");
        played.hints(102, "</c.css>");
        played.hints(103, &"x".repeat(9_000));
        for _ in 0..20 {
            played.hints(104, "</d.css>");
        }
        played.answers("ok");
    })
    .await;
    let origin = stage.origin();
    for _ in 0..2 {
        let (laid, outcome) = heard(&origin, bare("GET")).await;

        assert_eq!(laid, [103, 102, 104, 104, 104, 104, 104, 104]);
        assert_eq!(outcome.unwrap(), "ok");
    }
    let nobody = get(&origin).await.unwrap();
    assert_eq!(text(nobody).await.unwrap(), "ok", "who does not listen");
}

#[tokio::test]
async fn h14_no_number_of_interim_answers_puts_off_a_deadline() {
    let stage = Stage::doing(async |mut played: Played| {
        loop {
            played.hints(103, "</a.css>");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    for (response, total) in [(300, None), (20_000, Some(Duration::from_millis(300)))] {
        let origin = origin_of(vec![Settings {
            response: Duration::from_millis(response),
            total,
            ..stage.settings()
        }]);

        let lost = tokio::time::timeout(Duration::from_secs(5), heard(&origin, bare("GET")));

        let (laid, outcome) = lost.await.unwrap();
        assert_eq!(laid, [103; 8]);
        assert!(
            matches!(outcome, Err(OriginError::NoAnswer { .. })),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn h14_hints_pass_while_the_request_is_still_sent() {
    let stage = Stage::doing(async |mut played: Played| {
        played.hints(103, "</a.css>");
        let length = played.length().await;
        assert_eq!(length, 40 * 20_000);
        played.hints(102, "</b.css>");
        played.answers("ok");
    })
    .await;
    let (pen, body) = written();
    let ahead = Ahead::default();
    let mut request = asking("POST", body);
    request.extensions_mut().insert(ahead.clone());
    let writing = async {
        assert!(pen.write(vec![b'x'; 20_000]).await);
        let first = std::future::poll_fn(|cx| ahead.poll_next(cx)).await;
        assert_eq!(first.status.as_u16(), 103);
        for _ in 1..40 {
            assert!(pen.write(vec![b'x'; 20_000]).await);
        }
        drop(pen);
    };
    let origin = stage.origin();

    let ((), answer) = tokio::join!(writing, origin.forward(request, outside("/")));

    assert_eq!(text(answer.unwrap()).await.unwrap(), "ok");
    assert_eq!(laid(&ahead), [102]);
}

#[tokio::test]
async fn h14_h15_an_origin_that_breaks_off_behind_hints_is_not_asked_again() {
    for reason in [
        Reason::INTERNAL_ERROR,
        Reason::REFUSED_STREAM,
        Reason::NO_ERROR,
    ] {
        let stage = Stage::doing(move |mut played: Played| async move {
            if played.warms_up() {
                return;
            }
            played.hints(103, "</a.css>");
            // The library sends nothing of a stream that is reset before.
            tokio::time::sleep(Duration::from_millis(50)).await;
            played.reply.send_reset(reason);
        })
        .await;
        let origin = stage.warm().await;

        let (laid, outcome) = heard(&origin, bare("GET")).await;

        assert_eq!(laid, [103], "{reason}");
        assert!(is_bad(&outcome), "{reason}: {outcome:?}");
        assert_eq!(stage.streams(), 2, "{reason}");
    }
}

#[tokio::test]
async fn h14_a_protocol_switch_over_http_2_is_refused() {
    let stage = Stage::doing(async |mut played: Played| {
        if played.warms_up() {
            return;
        }
        let _ = played.reply.send_informational(head(101));
        played.is_reset().await;
    })
    .await;
    let origin = stage.warm().await;
    let (laid, outcome) = heard(&origin, bare("GET")).await;

    assert!(laid.is_empty() && is_bad(&outcome), "{laid:?} {outcome:?}");
    assert_eq!(stage.streams(), 2, "it is not asked again");
}

#[tokio::test]
async fn an_origin_that_leaves_between_its_hints_and_its_answer_is_heard_out() {
    let site = TicketSite::doing(async |mut caller| {
        greeted(&mut caller).await;
        caller.say(SETTINGS).await;
        let stream = head_of_stream(&mut caller).await.unwrap();
        caller.say(EARLY_HINTS).await;
        caller.say(going_away(stream)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        caller.say([0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88]).await;
        caller.hang_on().await;
    })
    .await;
    let origin = origin_of(vec![Settings {
        protocol: Protocol::Http2Plain,
        ..site.settings()
    }]);

    let (laid, outcome) = heard(&origin, bare("GET")).await;

    assert_eq!((laid, outcome.unwrap().as_str()), (vec![103], ""));
}

#[tokio::test]
async fn a_visitor_who_leaves_after_the_hints_ends_the_stream() {
    let (told, mut tell) = tokio::sync::mpsc::channel(1);
    let stage = Stage::doing(move |mut played: Played| {
        let told = told.clone();
        async move {
            played.hints(103, "</a.css>");
            let _ = told.send(played.is_reset().await).await;
        }
    })
    .await;
    let origin = stage.origin();
    for body in [None, Some(written())] {
        let ahead = Ahead::default();
        let hinted = std::future::poll_fn(|cx| ahead.poll_next(cx));
        let forward = async {
            let (pen, mut request) = match body {
                None => (None, asking("GET", saying(""))),
                Some((pen, body)) => (Some(pen), asking("POST", body)),
            };
            request.extensions_mut().insert(ahead.clone());
            let answer: Result<Response<OriginBody>, _> =
                origin.forward(request, outside("/")).await;
            drop((pen, answer));
        };
        tokio::select! {
            _ = hinted => {}
            () = forward => panic!("nothing is answered"),
        }

        assert_eq!(tell.recv().await, Some(Reason::CANCEL));
    }
}
