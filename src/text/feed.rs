//! Finding the ends of lines in bytes.

/// Where the first line feed is. Blocks are looked at as a whole first, which compiles to a
/// few wide instructions.
#[must_use]
pub fn position_of_feed(bytes: &[u8]) -> Option<usize> {
    let is_feed = |byte: &u8| *byte == b'\n';
    let (blocks, _) = bytes.as_chunks::<32>();
    let clear = blocks
        .iter()
        .take_while(|block| {
            !block
                .iter()
                .fold(false, |found, byte| found | is_feed(byte))
        })
        .count();
    let start = clear * 32;
    let at = bytes.get(start..)?.iter().position(is_feed)?;
    Some(start + at)
}
