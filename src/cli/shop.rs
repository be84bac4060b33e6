//! A small ticket shop to stand behind the demo: static pages, the same bytes for the same path.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a request's head may take, and how long an idle connection is kept.
const PATIENCE: Duration = Duration::from_secs(75);

/// How long to wait before accepting again when the machine is out of sockets.
const BREATHER: Duration = Duration::from_millis(100);

/// Serves the shop on `listener` until `shutdown` is cancelled and every connection is done.
///
/// # Errors
///
/// None for now: a failed accept is waited out, and a failed connection is only its own end.
pub async fn serve(listener: TcpListener, shutdown: CancellationToken) -> std::io::Result<()> {
    let connections = TaskTracker::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(attend(stream, shutdown.clone()));
                }
                Err(fault) => {
                    tracing::warn!(%fault, "the demo shop could not accept a connection");
                    tokio::time::sleep(BREATHER).await;
                }
            },
        }
    }
    connections.close();
    connections.wait().await;
    Ok(())
}

/// Answers one connection's requests; at shutdown the one under way is the last.
async fn attend(stream: TcpStream, shutdown: CancellationToken) {
    let answering = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request: Request<Incoming>| async move {
                Ok::<_, Infallible>(answer(request.method(), request.uri().path()))
            }),
        );
    let mut answering = pin!(answering);
    let ended = tokio::select! {
        ended = answering.as_mut() => ended,
        () = shutdown.cancelled() => {
            answering.as_mut().graceful_shutdown();
            answering.await
        }
    };
    if let Err(fault) = ended {
        tracing::debug!(%fault, "a connection to the demo shop broke off");
    }
}

/// The shop's answer to `method` and `path`; the query never matters.
fn answer(method: &Method, path: &str) -> Response<Full<Bytes>> {
    let checkout = path == "/buy/checkout";
    if checkout && *method == Method::POST {
        return to_done();
    }
    match Page::at(path) {
        _ if *method != Method::GET && *method != Method::HEAD => refusal(path),
        None if checkout => refusal(path),
        None => MISSING.response(StatusCode::NOT_FOUND),
        Some(page) => page.response(StatusCode::OK),
    }
}

/// One file of the shop.
struct Page {
    content_type: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";

const MISSING: Page = Page::html(include_str!("../../static/shop/missing.html"));

impl Page {
    const fn html(text: &'static str) -> Self {
        Self {
            content_type: HTML,
            text,
        }
    }

    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::html(include_str!("../../static/shop/index.html")),
            "/about" => Self::html(include_str!("../../static/shop/about.html")),
            "/buy" | "/buy/" | "/buy/tickets" => {
                Self::html(include_str!("../../static/shop/tickets.html"))
            }
            "/buy/seats" => Self::html(include_str!("../../static/shop/seats.html")),
            "/buy/done" => Self::html(include_str!("../../static/shop/done.html")),
            "/style.css" => Self {
                content_type: "text/css; charset=utf-8",
                text: include_str!("../../static/shop/style.css"),
            },
            "/art.svg" => Self {
                content_type: "image/svg+xml",
                text: include_str!("../../static/shop/art.svg"),
            },
            _ => return None,
        })
    }

    fn response(&self, code: StatusCode) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_static(self.text.as_bytes())));
        *response.status_mut() = code;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            http::HeaderValue::from_static(self.content_type),
        );
        response
    }
}

/// The order is taken; the browser goes on to where a reload orders nothing again.
fn to_done() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(
        header::LOCATION,
        http::HeaderValue::from_static("/buy/done"),
    );
    response
}

/// The method does not fit the path.
fn refusal(path: &str) -> Response<Full<Bytes>> {
    let allowed = if path == "/buy/checkout" {
        "POST"
    } else {
        "GET, HEAD"
    };
    let mut response = MISSING.response(StatusCode::METHOD_NOT_ALLOWED);
    response
        .headers_mut()
        .insert(header::ALLOW, http::HeaderValue::from_static(allowed));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn text(method: Method, path: &str) -> (StatusCode, String) {
        let response = answer(&method, path);
        let code = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_same_path_gives_the_same_bytes_and_other_paths_others() {
        let paths = [
            "/",
            "/about",
            "/buy/tickets",
            "/buy/seats",
            "/buy/done",
            "/style.css",
            "/art.svg",
        ];
        let mut seen = std::collections::BTreeSet::new();
        for path in paths {
            let first = text(Method::GET, path).await;
            assert_eq!(first.0, StatusCode::OK, "{path}");
            assert_eq!(first, text(Method::GET, path).await);
            assert!(seen.insert(first.1), "{path} repeats another page");
        }
    }

    #[tokio::test]
    async fn a_fan_finds_the_way_from_the_start_page_to_the_booking() {
        let (_, home) = text(Method::GET, "/").await;
        assert!(home.contains(r#"href="/buy/tickets""#));
        let (_, tickets) = text(Method::GET, "/buy/tickets").await;
        assert!(tickets.contains(r#"action="/buy/seats" method="get""#));
        let (_, seats) = text(Method::GET, "/buy/seats").await;
        assert!(seats.contains("Choose your seats"));
        assert!(seats.contains(r#"action="/buy/checkout" method="post""#));

        let bought = answer(&Method::POST, "/buy/checkout");

        assert_eq!(bought.status(), StatusCode::SEE_OTHER);
        assert_eq!(bought.headers()[header::LOCATION], "/buy/done");
        let (_, done) = text(Method::GET, "/buy/done").await;
        assert!(done.contains("Your tickets are booked"));
    }

    #[tokio::test]
    async fn what_is_not_there_is_not_found_and_what_cannot_be_done_is_refused() {
        let (code, page) = text(Method::GET, "/nowhere").await;
        assert_eq!(code, StatusCode::NOT_FOUND);
        assert!(page.contains("no such page"));
        for (method, path) in [
            (Method::GET, "/buy/checkout"),
            (Method::POST, "/"),
            (Method::DELETE, "/buy/done"),
        ] {
            let refused = answer(&method, path);
            assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert!(refused.headers().contains_key(header::ALLOW));
        }
    }

    #[tokio::test]
    async fn it_serves_real_connections_and_ends_on_shutdown() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let shop = tokio::spawn(serve(listener, shutdown.clone()));

        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = "POST /buy/checkout HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=1\
                       GET /buy/seats?category=stalls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        assert!(answers.starts_with("HTTP/1.1 303"));
        assert!(answers.contains("Choose your seats"));

        let _idle = TcpStream::connect(address).await.unwrap();
        shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(5), shop)
            .await
            .expect("the shop ends although a connection stands open")
            .unwrap()
            .unwrap();
    }
}
