//! `[listen]`: the addresses of the gateway.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::gateway::ControlToken;
use crate::text::table::{Reader, Table};
use crate::text::value::{Placed, Value};

/// The port of the control API where nothing else is said.
const CONTROL_PORT: u16 = 8701;

/// Where the gateway listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// For visitors over plain HTTP; none where all come over TLS.
    pub public: Vec<SocketAddr>,
    /// For visitors over TLS; one at least here or there.
    pub tls: Vec<SocketAddr>,
    /// For operators; `127.0.0.1:8701`.
    pub control: SocketAddr,
    /// For load balancers: health only.
    pub health: Option<SocketAddr>,
    /// Whether the health listener shows the metrics too.
    pub metrics: bool,
}

/// An address to listen on. Names are not looked up, so that it is clear who can reach it.
struct Address(SocketAddr);

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.parse().map(Self);
        address.map_err(|_| "an address and port, as in `0.0.0.0:8700` or `[::1]:8700`")
    }
}

/// Reads `[listen]`; the tokens say whether the control API may be open to other machines.
pub(super) fn read(mut table: Table<'_>, tokens: &[ControlToken]) -> Option<Listen> {
    let reader = table.reader();
    let public = table.take("public").map(Value::one_or_more::<Address>);
    let tls = table.take("tls").map(Value::one_or_more::<Address>);
    if public.is_none() && tls.is_none() && !reader.is_broken() {
        let message = "missing `public` or `tls` in `[listen]`";
        reader.fault(table.span(), message);
    }
    let control = table.take("control").map(Value::placed::<Address>);
    let health = table.take("health").map(Value::placed::<Address>);
    let metrics = table.take("metrics");
    if let (Some(value), None) = (&metrics, &health) {
        let message = "`metrics` has no effect without `health`";
        reader.warn(value.span(), message);
    }
    let metrics = metrics.map_or(Some(false), Value::flag);
    table.finish();

    let visitors = public.iter().flatten().chain(tls.iter().flatten());
    let written = visitors.chain(control.iter().flatten());
    clashes(reader, written.chain(health.iter().flatten()));
    if let (Some(Some(control)), []) = (&control, tokens) {
        exposure(reader, control);
    }
    let default = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, CONTROL_PORT)));
    Some(Listen {
        public: sockets(public),
        tls: sockets(tls),
        control: control.map_or(default, |read| read.map(|address| address.value.0))?,
        health: health.map_or(Some(None), |read| read.map(|address| Some(address.value.0)))?,
        metrics: metrics?,
    })
}

fn sockets(read: Option<Vec<Placed<Address>>>) -> Vec<SocketAddr> {
    let addresses = read.into_iter().flatten();
    addresses.map(|address| address.value.0).collect()
}

/// Two listeners cannot share a port of one address; port 0 is a free one each time.
fn clashes<'p>(reader: Reader<'_>, addresses: impl Iterator<Item = &'p Placed<Address>>) {
    let mut seen: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        let socket = address.value.0;
        if let Some(first) = seen.iter().find(|first| share(**first, socket)) {
            let message = format!("`{socket}` is taken: the gateway listens on `{first}` already");
            reader.fault(address.at, message);
        }
        seen.push(socket);
    }
}

fn share(one: SocketAddr, other: SocketAddr) -> bool {
    let (first, second) = (one.ip(), other.ip());
    let either_is_any = first.is_unspecified() || second.is_unspecified();
    let same_family = first.is_ipv4() == second.is_ipv4();
    one.port() != 0
        && one.port() == other.port()
        && (first == second || (same_family && either_is_any))
}

fn exposure(reader: Reader<'_>, control: &Placed<Address>) {
    if !control.value.0.ip().is_loopback() {
        let message = "the control API would be open to other machines: without a \
                       `[[control.token]]` or ANTEROOM_CONTROL_TOKEN the gateway does not start";
        reader.warn(control.at, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_all_takes_the_port_of_every_one_of_its_family() {
        let shared = |one: &str, other: &str| share(one.parse().unwrap(), other.parse().unwrap());
        assert!(shared("127.0.0.1:1", "127.0.0.1:1"));
        assert!(shared("0.0.0.0:1", "127.0.0.1:1") && shared("[::1]:1", "[::]:1"));
        assert!(!shared("127.0.0.1:1", "127.0.0.2:1") && !shared("0.0.0.0:1", "[::1]:1"));
        assert!(!shared("127.0.0.1:1", "127.0.0.1:2") && !shared("[::]:0", "[::]:0"));
    }
}
