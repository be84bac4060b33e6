//! The same where the site speaks HTTP/2.

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;

use super::*;

/// The site of [`super::Hinting`] over HTTP/2.
async fn open() -> Hinting {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let go_on = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&go_on);
    let open = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let gate = Arc::clone(&gate);
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(tcp).await.unwrap();
                while let Some(Ok((request, reply))) = connection.accept().await {
                    tokio::spawn(answer((request, reply), Arc::clone(&gate)));
                }
            });
        }
    });
    Hinting {
        address,
        go_on,
        _open: AbortOnDropHandle::new(open),
    }
}

fn early(status: u16, link: &str) -> http::Response<()> {
    let early = http::Response::builder().status(status);
    let early = early.header("link", link).header("set-cookie", "a=b");
    early.body(()).unwrap()
}

async fn answer(
    (request, mut reply): (Request<RecvStream>, SendResponse<Bytes>),
    gate: Arc<Semaphore>,
) {
    let path = request.uri().path().to_owned();
    let mut body = request.into_body();
    while let Some(data) = body.data().await {
        let length = data.unwrap().len();
        body.flow_control().release_capacity(length).unwrap();
    }
    let style = "</a.css>; rel=preload";
    let large = format!("<{}>", "x".repeat(9_000));
    let says: &[(u16, &str)] = match path.as_str() {
        "/wait" | "/gone" => &[(103, style)],
        "/three" => &[(103, style), (102, style), (103, style)],
        "/many" => &[(103, style); 20],
        "/large" => &[(103, large.as_str())],
        "/continue" => &[(100, style)],
        "/switch" => &[(103, style), (101, style)],
        _ => &[],
    };
    for (status, link) in says {
        reply.send_informational(early(*status, link)).unwrap();
    }
    match path.as_str() {
        "/wait" => gate.acquire().await.unwrap().forget(),
        "/switch" => std::future::poll_fn(|cx| reply.poll_reset(cx).map(drop)).await,
        "/gone" => {
            // What is reset at once is never sent.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            return reply.send_reset(h2::Reason::INTERNAL_ERROR);
        }
        _ => {}
    }
    let answer = http::Response::builder().header("content-length", "2");
    if let Ok(mut sends) = reply.send_response(answer.body(()).unwrap(), false) {
        let _ = sends.send_data(Bytes::from_static(b"ok"), true);
    }
}

fn plan() -> Plan {
    Plan {
        site: "protocol = \"h2c\"\n".to_owned(),
        ..Plan::default()
    }
}

#[tokio::test]
async fn h14_interim_answers_of_a_site_over_http_2_reach_visitors_over_either_protocol() {
    let site = open().await;
    let asked = [
        ("/three", &[103, 102, 103][..], 200),
        ("/", &[], 200),
        ("/many", &[103; 8], 200),
        ("/large", &[], 200),
        ("/continue", &[], 200),
        ("/switch", &[103], 502),
        ("/gone", &[103], 502),
        ("/three", &[103, 102, 103], 200),
    ];
    let pipelined: String = asked.iter().map(|(path, ..)| get(path, "1", "")).collect();
    let wanted: Vec<u16> = asked
        .iter()
        .flat_map(|(_, hints, status)| [hints, &[*status][..]].concat())
        .collect();
    let house = House::in_front_of(plan(), site.address).await;
    assert_eq!(heads(&whole(&house, pipelined).await), wanted);
    house.drain().await;

    let (house, mut sends) = secure(&site, plan()).await;
    for (path, hints, status) in asked {
        let mut asked = ask(&mut sends, over_http2(path).body(()).unwrap()).await;
        for hint in hints {
            assert_eq!(asked.next().await.unwrap().status(), *hint, "{path}");
        }
        assert_eq!(asked.end().await.0, status, "{path}");
    }
    house.drain().await;
}

#[tokio::test]
async fn h14_early_hints_of_a_site_over_http_2_come_before_it_has_answered() {
    let site = open().await;
    let plain = House::in_front_of(plan(), site.address).await;
    let (house, mut sends) = secure(&site, plan()).await;
    let mut wire = Wire::to(plain.address).await;
    wire.send(get("/wait", "1", "")).await.unwrap();
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
    let heard = wire.exactly(hint.len()).await;
    assert_eq!(String::from_utf8(heard).unwrap(), hint);
    let mut waiting = ask(&mut sends, over_http2("/wait").body(()).unwrap()).await;
    let hint = waiting.next().await.unwrap();
    assert_eq!(hint.status(), 103);
    assert_eq!(hint.headers().keys().collect::<Vec<_>>(), ["link"]);

    site.go_on.add_permits(2);
    assert_eq!(waiting.end().await, (StatusCode::OK, b"ok".to_vec()));
    let mut heard = String::new();
    while !heard.ends_with("ok") {
        heard.push_str(std::str::from_utf8(&wire.some().await).unwrap());
    }
    assert_eq!(heads(&heard), [200]);
    for house in [plain, house] {
        let passed = house
            .metric("anteroom_interim_answers_total", "result=\"passed\"")
            .await;
        assert!((passed - 1.0).abs() < 0.1, "{passed}");
        house.drain().await;
    }
}
