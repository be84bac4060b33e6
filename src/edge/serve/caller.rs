//! Who is at the other end of a connection.

use std::net::SocketAddr;

use crate::edge::guard::Activity;
use crate::edge::interim::Herald;
use crate::edge::sockets::Switch;
use crate::gate::encrypted::Encrypted;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address, or the one that a proxy in front announced.
    pub address: SocketAddr,
    /// What was said in the handshake, where the connection is encrypted.
    pub tls: Option<Encrypted>,
}

impl Peer {
    /// One that nothing is encrypted with.
    #[must_use]
    pub const fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// Where, and how encrypted.
    pub peer: &'a Peer,
    /// How many requests of it are being answered.
    pub activity: &'a Activity,
    /// What the connection becomes after an answer.
    pub switch: &'a Switch,
    /// How interim answers reach it.
    pub herald: Herald<'a>,
}
