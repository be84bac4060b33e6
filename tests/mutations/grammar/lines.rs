//! Line ends, request lines and hosts.

use super::{HELLO, HIDDEN, HOST, LINE, length_of, parts, request};

/// How a line may end; bars part them.
const ENDS: &str = "\n|\r|\r\r\n|\n\r|\r\n\r|\u{b}\r\n|\0\r\n|\u{85}|\u{2028}| \r\n|\t\r\n|\r \n|\r\0\n|\\r\\n|%0d%0a";

/// Every line of a request ended in every way.
pub fn ends() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for end in parts(ENDS) {
        for body in [
            ("Content-Length: 5", "hello"),
            ("Transfer-Encoding: chunked", HELLO),
        ] {
            let lines = [LINE, HOST, body.0, "X-Last: 1", ""];
            for odd in 0..lines.len() {
                let whole: String = lines
                    .iter()
                    .enumerate()
                    .map(|(at, line)| format!("{line}{}", if at == odd { end } else { "\r\n" }))
                    .collect();
                all.push(format!("{whole}{}", body.1).into_bytes());
            }
            let everywhere: String = lines.iter().map(|line| format!("{line}{end}")).collect();
            all.push(format!("{everywhere}{}", body.1).into_bytes());
            all.push(format!("{end}{}", text(&[LINE, HOST, body.0], body.1)).into_bytes());
        }
        let in_a_value = format!("X-Odd: 1{end}Transfer-Encoding: chunked{end}X-More: 2");
        all.push(request(
            &[LINE, HOST, &in_a_value, "Content-Length: 15"],
            HELLO,
        ));
        let in_a_target = format!("POST /aux/a00000{end}X: HTTP/1.1");
        all.push(request(&[&in_a_target, HOST, "Content-Length: 0"], ""));
    }
    all
}

fn text(lines: &[&str], body: &str) -> String {
    format!("{}\r\n\r\n{body}", lines.join("\r\n"))
}

/// Methods, known and unknown.
pub const METHODS: &str = "GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PROPFIND|MKCOL|LOCK|PURGE|PRI|FOO|get|Post\
    |G|GET,POST|GET;|GET/|\"GET\"|[GET]|G{T|GÉT|GET:|MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM|HTTP/1.1|-|!#$%&'*+-.^_`|~";

/// Targets; the request is the same in all that mean one path of ours.
pub const TARGETS: &str = "/aux/a00000|/AUX/a00000|//aux/a00000|/./aux/a00000|/x/../aux/a00000|/aux//a00000|/%61ux/a00000\
    |/aux/a00000/|/aux/a00000?x|/aux/a00000?|/aux/a00000#x|/aux/a00000;x=1|/aux;/a00000|/aux%2fa00000|/aux%5ca00000\
    |/aux\\a00000|/aux/a00000%00|/aux/a00000%0d%0aX:1|/aux/a00000%20HTTP/1.1|/aux/%2e%2e/aux/a00000|/..;/aux/a00000\
    |/aux/a00000%|/aux/a00000%4|/aux/a00000%zz|/aux/a00000\"|/aux/a00000<x>|/aux/a00000{x}|/aux/a00000`|/aux/a00000^\
    |/aux/ａ00000|aux/a00000|a00000|*|?a00000|#a00000|http://shop.example/aux/a00000|HTTP://SHOP.EXAMPLE/aux/a00000\
    |https://shop.example/aux/a00000|http://shop.example:80/aux/a00000|http://other.example/aux/a00000\
    |http://u@shop.example/aux/a00000|http://shop.example@other.example/aux/a00000|http:///aux/a00000|http:/aux/a00000\
    |ftp://shop.example/aux/a00000|shop.example:80|shop.example/aux/a00000|//shop.example/aux/a00000\
    |http://shop.example?a00000|http://[::1]/aux/a00000|http://127.0.0.1/aux/a00000\
    |/aux/a00000?x=/../../buy|/aux/a00000?x=\\|/aux/a00000?%00|/buy/../aux/a00000|/%2562uy/a00000|/b%75y/a00000|/BUY/a00000";

/// Versions.
const VERSIONS: &str = "HTTP/1.1|HTTP/1.0|HTTP/0.9|HTTP/1.2|HTTP/1.9|HTTP/2.0|HTTP/2|HTTP/3|HTTP/1|HTTP/1.|HTTP/.1|HTTP/1.10\
    |HTTP/1.01|HTTP/01.1|HTTP/11|HTTP/1,1|HTTP/-1.1|HTTP/+1.1|HTTP/1.1.1|http/1.1|Http/1.1|HTTPS/1.1|HTTP 1.1|HTTP//1.1\
    |HTTP/1.1x|xHTTP/1.1|HTTP/ 1.1|HTTP\\1.1|ICY/1.1||RTSP/1.0|HTTP/１.1|HTTP/1.1 HTTP/1.1|HTTP/1.1;x|HTTP/a.b";

/// Request lines of every part.
pub fn requests() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let bodies = [
        (String::new(), String::new()),
        (length_of(HIDDEN), HIDDEN.to_owned()),
        (
            "Transfer-Encoding: chunked".to_owned(),
            super::in_a_chunk(HIDDEN),
        ),
    ];
    for (field, body) in &bodies {
        let fields = if field.is_empty() { "X-None: 1" } else { field };
        let mut with = |line: String| all.push(request(&[&line, HOST, fields], body));
        for method in parts(METHODS) {
            with(format!("{method} /aux/a00000 HTTP/1.1"));
        }
        for target in parts(TARGETS) {
            with(format!("POST {target} HTTP/1.1"));
        }
        for version in parts(VERSIONS) {
            with(format!("POST /aux/a00000 {version}"));
        }
    }
    for blank in ["  ", "\t", " \t", "\u{a0}", "\u{c}", "", "+", "%20", "\0"] {
        all.push(request(
            &[&format!("POST{blank}/aux/a00000 HTTP/1.1"), HOST],
            "",
        ));
        all.push(request(
            &[&format!("POST /aux/a00000{blank}HTTP/1.1"), HOST],
            "",
        ));
        all.push(request(
            &[&format!("{blank}POST /aux/a00000 HTTP/1.1"), HOST],
            "",
        ));
        all.push(request(
            &[&format!("POST /aux/a00000 HTTP/1.1{blank}"), HOST],
            "",
        ));
    }
    for first in [
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        " \r\n",
        "\0",
        "\u{feff}",
        "\r\n \r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    ] {
        all.push(format!("{first}{}", text(&[LINE, HOST], "")).into_bytes());
    }
    all.push(format!("GET /aux/a00000\r\n{HIDDEN}").into_bytes());
    all.push(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec());
    all.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec());
    all.push(b"PROXY TCP4 6.6.6.6 7.7.7.7 1 2\r\nPOST /aux/a00000 HTTP/1.1\r\nHost: shop.example\r\n\r\n".to_vec());
    all
}

/// Host lines.
pub const HOSTS: &str = "shop.example|SHOP.EXAMPLE|shop.example.|shop.example:80|shop.example:8700|shop.example:|shop.example:x\
    |shop.example:99999|shop.example:080|shop.example:-1|shop.example:80:80|shop.example,other.example|shop.example, shop.example\
    |shop.example other.example|other.example|127.0.0.1|[::1]|[::1|::1|[::1]:x|[::1%25lo]|user@shop.example|shop.example@other.example\
    |http://shop.example|shop.example/aux|shop.example?x|shop.example#x|shop.example\\x|.shop.example|shop..example|shop_example\
    |shöp.example|xn--shp-sna.example|shop.example\u{a0}|%73hop.example|shop.example%00|*|*.example|-||\"shop.example\"|shop.example;x";

/// One host, none, two, and hosts that differ from the target's.
pub fn hosts() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for host in parts(HOSTS) {
        let line = format!("Host: {host}");
        all.push(request(&[LINE, &line, "Content-Length: 5"], "hello"));
        all.push(request(&[LINE, HOST, &line, "Content-Length: 0"], ""));
        all.push(request(
            &[LINE, &line, "X-Between: 1", "host: shop.example"],
            "",
        ));
        let absolute = "POST http://shop.example/aux/a00000 HTTP/1.1";
        all.push(request(&[absolute, &line, "Content-Length: 5"], "hello"));
        let old = LINE.replace("1.1", "1.0");
        all.push(request(&[&old, &line, "Content-Length: 5"], "hello"));
    }
    for line in [
        "X: 1",
        "Host",
        "Host : shop.example",
        " Host: shop.example",
        "H0st: shop.example",
        "Host\t: shop.example",
        "X-Forwarded-Host: shop.example",
        ":authority: shop.example",
        "Host: shop.example\r\nHost: shop.example",
    ] {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let first = format!("POST /aux/a00000 {version}");
            all.push(request(&[&first, line, "Content-Length: 5"], "hello"));
        }
    }
    all
}
