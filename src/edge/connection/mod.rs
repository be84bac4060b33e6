//! One accepted connection, in the protocol it speaks.

pub(super) mod http1;
