//! What answering a request needs to know of the connection that it came on.

use std::net::SocketAddr;

use crate::edge::guard::Activity;
use crate::edge::interim::Herald;
use crate::edge::sockets::Switch;
use crate::gate::encrypted::Encrypted;

/// The visitor's end of a connection: the same for all its requests.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address, or the one that a proxy in front announced.
    pub address: SocketAddr,
    /// What was said in the handshake, where the connection is encrypted.
    pub tls: Option<Encrypted>,
}

impl Peer {
    /// Of a connection in the clear.
    #[must_use]
    pub const fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }
}

/// The connection of one request, as its answer may read and change it.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The visitor's end.
    pub peer: &'a Peer,
    /// How many requests of it are being answered.
    pub activity: &'a Activity,
    /// What the connection becomes after an answer.
    pub switch: &'a Switch,
    /// How interim answers reach it.
    pub herald: Herald<'a>,
}
