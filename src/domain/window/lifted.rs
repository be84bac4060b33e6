//! How a lifted cap is written down: JSON knows no `Some(None)`, so it is an absent, zero or
//! positive number.

use std::num::NonZeroU32;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[expect(clippy::option_option, clippy::ref_option, reason = "serde's shape")]
pub fn serialize<S: Serializer>(
    value: &Option<Option<NonZeroU32>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    value
        .map(|cap| cap.map_or(0, NonZeroU32::get))
        .serialize(to)
}

#[expect(clippy::option_option, reason = "serde's shape")]
pub fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<NonZeroU32>>, D::Error> {
    Ok(Option::<u32>::deserialize(from)?.map(NonZeroU32::new))
}
