//! How much of a request's framing we are willing to read.

/// Bounds on one request's head and chunk framing. The body itself is not bounded here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole head with its request line and last empty line; 64 KiB.
    pub head: usize,
    /// Header fields in a head; 100, which is also what hyper reads.
    pub fields: usize,
    /// Bytes of one field line with its CR LF; 16 KiB.
    pub field: usize,
    /// Bytes of a method; 32.
    pub method: usize,
    /// Bytes of a target; 8 KiB.
    pub target: usize,
    /// Bytes of one chunk's extensions; 1 KiB.
    pub chunk_extension: usize,
    /// Bytes of all chunk extensions of a body; 16 KiB, which is also what hyper reads.
    pub body_extensions: usize,
    /// Bytes of a trailer section; 8 KiB.
    pub trailers: usize,
    /// Fields in a trailer section; 32.
    pub trailer_fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 << 10,
            fields: 100,
            field: 16 << 10,
            method: 32,
            target: 8 << 10,
            chunk_extension: 1 << 10,
            body_extensions: 16 << 10,
            trailers: 8 << 10,
            trailer_fields: 32,
        }
    }
}
