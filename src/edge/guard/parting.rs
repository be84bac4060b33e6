//! What the last answer on a connection is made of.

use crate::domain::clock::UnixTime;
use crate::edge::framing::Fault;

/// A connection that ends because its next request cannot be read.
#[derive(Clone, Copy, Debug)]
pub struct Parting<'a> {
    /// What is wrong.
    pub fault: Fault,
    /// What has come of the request: by it one may guess who asks, and nothing of it is said back.
    pub came: &'a [u8],
    /// When it is answered.
    pub at: UnixTime,
}
