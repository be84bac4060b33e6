//! One accepted connection, in the protocol it speaks.

mod counted;
pub(super) mod http1;
#[expect(
    dead_code,
    reason = "no listener speaks it yet: HTTP/2 is chosen by ALPN"
)]
pub(super) mod http2;
