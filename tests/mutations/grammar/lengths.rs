//! Content-Length and Transfer-Encoding: alone, doubled, and side by side.

use super::{HELLO, HIDDEN, HOST, LINE, length_of, parts, request};

/// Lengths that somebody may read as the true one, of a body of five bytes.
const NUMBERS: &str = "5|+5|-5|-0|05|005|5,5|5, 5|5,|,5|5, 6|6, 5|0, 5|5;q=1|5 5|5.0|5e0|0x5|0X5|5h|x5|'5'\
    |\"5\"|(5)|5_|_5|0_5|0b101|0o5|٥|５|₅|five|NaN|null|true||0|00|4|6|18446744073709551615\
    |18446744073709551616|18446744073709551621|9223372036854775808|9223372036854775813\
    |4294967296|4294967301|-18446744073709551611|99999999999999999999999999|5\t|\t5|5%00|%35|&5|5&6|5/6";

/// Names of a length.
const LENGTHS: &str = "Content-Length|content-length|CONTENT-LENGTH|Content_Length|content_length\
    |Content Length|Content-Length-|-Content-Length|ContentLength|Content--Length|X-Content-Length\
    |Content-Length\u{a0}|Content.Length|Content~Length|Cοntent-Length";

/// Values of Transfer-Encoding.
const CODINGS: &str = "chunked|Chunked|CHUNKED|cHuNkEd|chunked,|,chunked|, chunked|chunked, |chunked ,\
    |chunked, chunked|chunked,chunked|chunked chunked|identity|identity, chunked|chunked, identity\
    |chunked,identity|gzip|gzip, chunked|chunked, gzip|deflate, chunked|compress|br, chunked|x-chunked|xchunked\
    |chunkedx|chunke|hunked|chun|ked|chunked;|chunked;x|chunked;x=y|chunked; q=1.0|chunked;q=0|\"chunked\"|'chunked'\
    |`chunked`|<chunked>|(chunked)|chunked(x)|(x)chunked|[chunked]|{chunked}|*|*/*|||0|1|true|none|null|off|trailers\
    |trailers, chunked|chunked, trailers|cow|cow, chunked|cow chunked|chunked cow|=chunked|chunked=|chunked=1|:chunked\
    |: chunked|chunked:|/chunked|chunked/1|chunked\\|\\chunked|chunked%00|%63hunked|&chunked|chunked#|chunKed\u{a0}\
    |\u{a0}chunked|\u{feff}chunked|chunked\u{2028}|ｃｈｕｎｋｅｄ|chunκed|chun\u{212a}ed|chunked\u{200b}|chu\u{ad}nked";

/// Names of an encoding.
const ENCODINGS: &str = "Transfer-Encoding|transfer-encoding|TRANSFER-ENCODING|tRaNsFeR-eNcOdInG|Transfer_Encoding\
    |transfer_encoding|Transfer Encoding|TransferEncoding|Transfer--Encoding|-Transfer-Encoding|Transfer-Encoding-\
    |X-Transfer-Encoding|Transfer-Encodings|Transfer-Encodin|ransfer-Encoding|TE|Content-Transfer-Encoding\
    |Transfer.Encoding|Transfer~Encoding|Transfer+Encoding|Transfer*Encoding|'Transfer-Encoding|Transfer-Encoding'\
    |Тransfer-Encoding|Transfer\u{2010}Encoding|Transfer-Enc\u{f6}ding|Proxy-Transfer-Encoding|Content-Encoding";

/// Every spelling of a length, with an innocent body and with one that holds a request.
pub fn alone() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in parts(NUMBERS) {
        let line = format!("Content-Length: {number}");
        all.push(request(&[LINE, HOST, &line], "hello"));
        all.push(request(&[LINE, &line, HOST], &format!("hello{HIDDEN}")));
        for twice in ["Content-Length: 5", "content-length: 0"] {
            all.push(request(&[LINE, HOST, &line, twice], "hello"));
            all.push(request(&[LINE, twice, HOST, &line], "hello"));
        }
    }
    let whole = length_of(HIDDEN);
    let value = whole.trim_start_matches("Content-Length");
    for name in parts(LENGTHS) {
        all.push(request(&[LINE, HOST, &format!("{name}{value}")], HIDDEN));
        all.push(request(
            &[LINE, HOST, &format!("{name}{value}"), "Content-Length: 0"],
            "",
        ));
        all.push(request(&[LINE, HOST, &format!("{name} {value}")], HIDDEN));
    }
    all
}

/// Every spelling of an encoding, by itself.
pub fn encodings() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for coding in parts(CODINGS) {
        let line = format!("Transfer-Encoding: {coding}");
        all.push(request(&[LINE, HOST, &line], HELLO));
        all.push(request(&[LINE, &line, HOST], HELLO));
        for twice in [
            "Transfer-Encoding: chunked",
            "transfer-encoding: identity",
            "Transfer-Encoding:",
        ] {
            all.push(request(&[LINE, HOST, &line, twice], HELLO));
            all.push(request(&[LINE, HOST, twice, &line], HELLO));
        }
        let old = LINE.replace("1.1", "1.0");
        all.push(request(&[&old, HOST, &line], HELLO));
        all.push(request(
            &[&old, HOST, "Connection: keep-alive", &line],
            HELLO,
        ));
    }
    for name in parts(ENCODINGS) {
        for between in [": ", ":", " : ", ":\t", "\t: "] {
            let line = format!("{name}{between}chunked");
            let whole = length_of(HELLO);
            all.push(request(&[LINE, HOST, &line, &whole], HELLO));
            all.push(request(&[LINE, HOST, &line, "Expect: 100-continue"], HELLO));
        }
    }
    all
}

/// A length and an encoding in one head: each order, apart and together, said by each name.
pub fn beside_encodings() -> Vec<Vec<u8>> {
    let (hello, short) = (length_of(HELLO), "Content-Length: 5".to_owned());
    let early = format!("0\r\n\r\n{HIDDEN}");
    let early_length = length_of(&early);
    let lengths = [
        hello,
        short,
        "Content-Length: 0".into(),
        "content-length: 3".into(),
        "Content-Length: x".into(),
    ];
    let codings = "Transfer-Encoding: chunked|transfer-encoding: CHUNKED|Transfer-Encoding: identity\
        |Transfer-Encoding: gzip, chunked|Transfer-Encoding: xchunked|Transfer-Encoding:|Transfer-Encoding : chunked\
        |Transfer_Encoding: chunked|Transfer-Encoding:\tchunked|Transfer-Encoding: chunked\r\nTransfer-Encoding: identity";
    let mut all = Vec::new();
    for length in lengths.iter().chain([&early_length]) {
        for coding in parts(codings) {
            for line in [
                LINE,
                "GET /aux/a00000 HTTP/1.1",
                "POST /aux/a00000 HTTP/1.0",
            ] {
                let body = if *length == early_length {
                    &early
                } else {
                    HELLO
                };
                all.push(request(&[line, HOST, length, coding], body));
                all.push(request(&[line, HOST, coding, length], body));
                all.push(request(&[line, coding, HOST, "X-Between: 1", length], body));
            }
        }
    }
    all
}
