//! One accepted connection, in the protocol it speaks.

mod counted;
pub(super) mod http1;
pub(super) mod http2;
