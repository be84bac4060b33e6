//! Blocks and frames that are odd, whatever they say.

use super::super::super::grammar::HIDDEN;
use super::{Meaning, STREAM, Shape, packed, usual};
use crate::kit::frames::{END_HEADERS, END_STREAM, frame, kinds};

/// Fields that cannot be unpacked, and some that can in odd ways.
pub fn packing() -> Vec<Shape> {
    let block = || packed(&usual());
    let odd: [(Vec<u8>, Meaning); 14] = [
        (vec![0x80], Meaning::Nothing),
        (vec![0xFF, 0x80, 0x01], Meaning::Nothing),
        (vec![0xBE], Meaning::Nothing),
        (
            vec![
                0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            ],
            Meaning::Nothing,
        ),
        (vec![0x00, 0x05, b'x'], Meaning::Nothing),
        (vec![0x00, 0x01, b'x'], Meaning::Nothing),
        (
            vec![0x00, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, b'x'],
            Meaning::Nothing,
        ),
        (vec![0x3F, 0xE1, 0xFF, 0xFF, 0x7F], Meaning::Nothing),
        (vec![0x20], Meaning::Nothing),
        // Huffman: a padding of a whole byte, one of zeros, and the end of strings itself.
        (vec![0x00, 0x01, b'x', 0x82, 0x1F, 0xFF], Meaning::Nothing),
        (vec![0x00, 0x01, b'x', 0x81, 0x00], Meaning::Nothing),
        (
            vec![0x00, 0x01, b'x', 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            Meaning::Nothing,
        ),
        (vec![0x10, 0x01, b'x', 0x01, b'1'], Meaning::AsSaid),
        (
            vec![0x40, 0x01, b'x', 0x01, b'1', 0xBE, 0xBE],
            Meaning::AsSaid,
        ),
    ];
    let whole = |bytes: &[u8]| frame(kinds::HEADERS, END_HEADERS | END_STREAM, STREAM, bytes);
    let behind = odd.iter().map(|(odd, meaning)| {
        Shape::raw("packing", whole(&[block(), odd.clone()].concat()), *meaning)
    });
    let before = odd.iter().map(|(odd, _)| {
        // In front it is no field either, and a field that stands there has a pseudo-header behind it.
        Shape::raw(
            "packing",
            whole(&[odd.clone(), block()].concat()),
            Meaning::Nothing,
        )
    });
    let is_no_update = |shape: &Shape| {
        shape
            .frames
            .as_ref()
            .is_none_or(|bytes| bytes.get(9) != Some(&0x20))
    };
    behind.chain(before.filter(is_no_update)).collect()
}

/// Frames in an order, of a length or on a stream that cannot be.
pub fn frames() -> Vec<Shape> {
    let block = packed(&usual());
    let (half, rest) = block.split_at(block.len() / 2);
    let whole = END_HEADERS | END_STREAM;
    let head = |flags: u8| frame(kinds::HEADERS, flags, STREAM, &block);
    let data = |flags: u8, payload: &[u8]| frame(kinds::DATA, flags, STREAM, payload);
    let padded = |length: u8| {
        let payload = [&[length][..], &block, &[0; 8]].concat();
        frame(kinds::HEADERS, whole | 8, STREAM, &payload)
    };
    let behind = [0, 0, 0, 0, 9];
    let nothing = |frames: Vec<u8>| Shape::raw("frames", frames, Meaning::Nothing);
    let said = |frames: Vec<u8>| Shape::raw("frames", frames, Meaning::AsSaid);
    let of = |kind: u8, flags: u8, stream: u32, payload: &[u8]| frame(kind, flags, stream, payload);
    vec![
        nothing(frame(kinds::HEADERS, whole, 0, &block)),
        nothing(frame(kinds::HEADERS, whole, 2, &block)),
        nothing(padded(255)),
        said(padded(8)),
        nothing(of(kinds::CONTINUATION, END_HEADERS, STREAM, &block)),
        nothing(data(END_STREAM, HIDDEN.as_bytes())),
        nothing(
            [
                frame(kinds::HEADERS, END_STREAM, STREAM, half),
                of(kinds::CONTINUATION, END_HEADERS, 3, rest),
            ]
            .concat(),
        ),
        nothing(
            [
                frame(kinds::HEADERS, END_STREAM, STREAM, half),
                data(0, b"x"),
                of(kinds::CONTINUATION, END_HEADERS, STREAM, rest),
            ]
            .concat(),
        ),
        nothing(
            [
                frame(kinds::HEADERS, END_STREAM, STREAM, half),
                of(6, 0, 0, &[0; 8]),
            ]
            .concat(),
        ),
        said(
            [
                frame(kinds::HEADERS, END_STREAM, STREAM, half),
                of(kinds::CONTINUATION, END_HEADERS, STREAM, rest),
            ]
            .concat(),
        ),
        said(
            [
                frame(kinds::HEADERS, END_STREAM, STREAM, half),
                of(kinds::CONTINUATION, 0, STREAM, &[]),
                of(kinds::CONTINUATION, END_HEADERS, STREAM, rest),
            ]
            .concat(),
        ),
        said([head(whole), data(END_STREAM, HIDDEN.as_bytes())].concat()),
        said([head(whole), head(whole)].concat()),
        nothing([head(END_HEADERS), head(END_HEADERS)].concat()),
        nothing([head(END_HEADERS), data(8, &[200, b'x'])].concat()),
        nothing(of(
            5,
            END_HEADERS,
            STREAM,
            &[&[0, 0, 0, 2][..], &block].concat(),
        )),
        nothing(of(kinds::RST_STREAM, 0, STREAM, &[0, 0, 0, 8])),
        nothing(of(8, 0, 0, &[0, 0, 0, 0])),
        nothing(
            [
                head(END_HEADERS),
                of(8, 0, STREAM, &[0x7F, 0xFF, 0xFF, 0xFF]),
            ]
            .concat(),
        ),
        nothing(of(kinds::DATA, END_STREAM, 0, b"x")),
        nothing(frame(
            kinds::HEADERS,
            whole | 0x20,
            STREAM,
            &[&[0, 0, 0, 1, 9][..], &block].concat(),
        )),
        said(frame(
            kinds::HEADERS,
            whole | 0x20,
            STREAM,
            &[&behind[..], &block].concat(),
        )),
        said([of(0xFA, 0xFF, STREAM, b"unknown"), head(whole)].concat()),
        nothing(
            [
                head(END_HEADERS),
                of(kinds::DATA, END_STREAM, STREAM, &vec![b'x'; 17_000]),
            ]
            .concat(),
        ),
        nothing(b"\0\0\x05\x01\x05\0\0\0\x01\x82\x87".to_vec()),
        nothing(b"GET /pwn/p00000 HTTP/1.1\r\nHost: shop.example\r\n\r\n".to_vec()),
    ]
}

/// Frames that steer a connection, of a length or on a stream that cannot be.
pub fn steering() -> Vec<Shape> {
    let nothing = |frames: Vec<u8>| Shape::raw("steering", frames, Meaning::Nothing);
    vec![
        nothing(frame(kinds::SETTINGS, 1, 0, &[0; 6])),
        nothing(frame(kinds::SETTINGS, 0, STREAM, &[])),
        nothing(frame(kinds::SETTINGS, 0, 0, &[0; 5])),
        nothing(frame(6, 0, 0, &[0; 7])),
    ]
}
