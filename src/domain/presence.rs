//! Who counts as present near the front.
