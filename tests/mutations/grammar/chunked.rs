//! Chunked bodies: sizes, extensions, ends and trailers.

use super::{HIDDEN, HOST, LINE, TAIL, parts, request};

const SIZES: &str = "5|05|0000000000000005|00000000000000005|0x5|0X5|x5|5x|5h|h5|$5|#5|+5|-5|-0|5.|5.0|5,|5,5|5e0|5_|_5|5'\
    |\"5\"|(5)| 5|5 |\t5|5\t| 5 |5 5||\u{a0}5|5\u{a0}|٥|５|g|5g|six|4|6|ff|fffffffffffffff|ffffffffffffffff|10000000000000005\
    |100000005|7fffffffffffffff|8000000000000000|8000000000000005|-fffffffffffffffb|\0|5\0|5\u{b}|5\u{c}|\r5|5\r|\n5";

const EXTENSIONS: &str = ";|;x|;x=y|; x=y|;x =y|;x= y|;x=\"y\"|;x=\"\r\n\"|;x=\"|;;|;x;|;=|;x=y;z|;\0|;\t|;\u{7f}|;\u{a0}|;x\r|;x\n|;\n\
    |;x\ny|;x\ry|;\r\n|\n;x|\r;x|,x|:x|=x| x| ;x|\t;x|;x\u{b}|;x\u{85}|;0\r\n\r\n|;\r\n0\r\n";

const ENDS: &str =
    "|\r|\n|\r\r\n|\n\r|\r\n\r\n|x|x\r\n| \r\n|\t\r\n|\0\r\n|\r \n|;\r\n|\u{85}|0|5\r\n";

const LASTS: &str = "0\r\n\r\n|0\n\n|0\r\n\n|0\n\r\n|0\r\r|00\r\n\r\n|000\r\n\r\n|0;x\r\n\r\n|0;x=y\r\n\r\n|0 \r\n\r\n|-0\r\n\r\n|+0\r\n\r\n\
    |0x0\r\n\r\n|\r\n\r\n|0\r\n|0\r\n\r|0\r\n \r\n|0\r\n\t\r\n|0\r\nX: 1\r\n\r\n|0\r\nX: 1\n\r\n|0\r\nX: 1\r\n\n|0\r\nX\r\n\r\n|0\r\n: 1\r\n\r\n\
    |0\r\nX : 1\r\n\r\n|0\r\n X: 1\r\n\r\n|0\r\nX: 1\r\n y\r\n\r\n|0\r\nX: \0\r\n\r\n|0\r\nX: a\rb\r\n\r\n|0\r\nContent-Length: 5\r\n\r\n\
    |0\r\nTransfer-Encoding: chunked\r\n\r\n|0\r\nHost: other.example\r\n\r\n|0\r\nTrailer: X\r\n\r\n|0\r\nCookie: a=b\r\n\r\n\
    |0\r\nContent_Length: 5\r\n\r\n|0\r\nGET /pwn/p00000 HTTP/1.1\r\n\r\n|0\r\nX: 1\r\nY: 2\r\nX: 3\r\n\r\n|0\r\nX:1\r\n\r\r\n|g\r\n\r\n|0\0\r\n\r\n";

/// Every part of a chunked body in every form.
pub fn bodies() -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for size in parts(SIZES) {
        bodies.push(format!("{size}\r\nhello\r\n0\r\n\r\n"));
        bodies.push(format!("2\r\nhe\r\n{size}\r\nhello\r\n0\r\n\r\n"));
        bodies.push(format!("{size}\nhello\r\n0\r\n\r\n"));
    }
    for extension in parts(EXTENSIONS) {
        bodies.push(format!("5{extension}\r\nhello\r\n0\r\n\r\n"));
        bodies.push(format!("5\r\nhello\r\n0{extension}\r\n\r\n"));
        bodies.push(format!("5;ok\r\nhello\r\n2{extension}\r\nhi\r\n0\r\n\r\n"));
        bodies.push(format!("2{extension}\r\n{HIDDEN}0\r\n\r\n"));
    }
    for end in parts(ENDS) {
        bodies.push(format!("5\r\nhello{end}0\r\n\r\n"));
        bodies.push(format!("5\r\nhello\r\n1\r\n!{end}0\r\n\r\n"));
        bodies.push(format!("5\r\nhello{end}{HIDDEN}"));
    }
    for last in parts(LASTS) {
        bodies.push(last.to_owned());
        bodies.push(format!("5\r\nhello\r\n{last}"));
        bodies.push(format!("5\r\nhello\r\n{last}{TAIL}"));
    }
    for long in [1_000, 1_025, 17_000] {
        bodies.push(format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(long)));
        bodies.push(format!(
            "5\r\nhello\r\n0\r\nX: {}\r\n\r\n",
            "x".repeat(long)
        ));
        bodies.push(format!("{}0\r\n\r\n", "1;x\r\na\r\n".repeat(long / 3)));
    }
    let chunked = "Transfer-Encoding: chunked";
    let posts = bodies
        .iter()
        .map(|body| request(&[LINE, HOST, chunked], body));
    let gets = bodies.iter().step_by(3).map(|body| {
        let fields = [HOST, "TE: trailers", "Trailer: X", chunked];
        request(&[&["GET /aux/a00000 HTTP/1.1"], &fields[..]].concat(), body)
    });
    posts.chain(gets).collect()
}
