//! Every way to write Transfer-Encoding that has fooled a server, and the ways that are right.

/// Values that end in, hold or resemble `chunked`, parted by bars.
const VALUES: &str = "|,|,chunked|chunked,|chunked, |, chunked|cow, chunked|cow chunked\
    |chunked, identity|identity, chunked|identity|chunked, chunked|chunked chunked|chunked;x\
    |chunked;q=1|chunked; foo=bar|\"chunked\"|'chunked'|x chunked|chunke|chunkedd|xchunked\
    |chunked-1|chu nked|gzip|gzip, chunked|deflate|compress|trailers|tchunked|0|chunked\r\n \
    |\r\n chunked|\r\n\tchunked|chunked\r\n\tx|c\rhunked|(x) chunked|chunked (x)|*\
    |chunked\u{a0}|\u{feff}chunked|\u{ff43}hunked|chun\u{212a}ed";

/// Names that some server reads as this one.
const NAMES: &str = "Transfer_Encoding|transfer_encoding|Transfer.Encoding|Transfer~Encoding\
    |Transfer Encoding|Transfer-Encoding\r|Transfer-Encoding\n";

/// Header lines that must be refused.
pub fn refused() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for byte in (0..=255).filter(|byte| !is_token(*byte) && *byte != b':') {
        all.extend(at_every_joint(byte));
    }
    for value in VALUES.split('|') {
        all.push(format!("Transfer-Encoding: {value}\r\n").into_bytes());
        all.push(format!("Transfer-Encoding:{value}\r\n").into_bytes());
    }
    for two in [
        "chunked|chunked",
        "chunked|identity",
        "identity|chunked",
        "|chunked",
        "chunked|",
    ] {
        for between in ["\r\nTransfer-Encoding: ", "\r\nX: 1\r\ntransfer-encoding: "] {
            let lines = two.replace('|', between);
            all.push(format!("Transfer-Encoding: {lines}\r\n").into_bytes());
        }
    }
    for name in NAMES.split('|') {
        all.push(format!("{name}: chunked\r\n").into_bytes());
    }
    for end in ["\n", "\r", "\r\r\n", "\n\r", "\0\r\n"] {
        all.push(format!("Transfer-Encoding: chunked{end}").into_bytes());
    }
    all
}

/// Header lines that say it plainly.
pub fn accepted() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for name in "Transfer-Encoding|transfer-encoding|TRANSFER-ENCODING|tRANSFER-eNCODING".split('|')
    {
        for value in "chunked| chunked|Chunked|CHUNKED| cHuNkEd|  chunked|\tchunked \t ".split('|')
        {
            all.push(format!("{name}:{value}\r\n").into_bytes());
            all.push(format!("X-Before: 1\r\n{name}:{value}\r\nX-After: 1\r\n").into_bytes());
        }
    }
    all
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// One byte before the name, in it, behind it, before the value, in it, behind it; a blank
/// around the value is no fault.
fn at_every_joint(byte: u8) -> Vec<Vec<u8>> {
    let mut lines = vec![
        "?Transfer-Encoding: chunked\r\n",
        "Transfer?Encoding: chunked\r\n",
        "Transfer-Encoding?: chunked\r\n",
        "Transfer-Encoding: chun?ked\r\n",
    ];
    if byte != b' ' && byte != b'\t' {
        lines.extend([
            "Transfer-Encoding:?chunked\r\n",
            "Transfer-Encoding: chunked?\r\n",
        ]);
    }
    let with = |line: &str| {
        line.bytes()
            .map(|one| if one == b'?' { byte } else { one })
            .collect()
    };
    lines.into_iter().map(with).collect()
}
