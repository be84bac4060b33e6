//! A draw as it was read: text where hashes should stand.

use super::{Checked, wrong};
use crate::domain::draw::published::{Hex, Published};

/// Every hash read as one.
pub(super) fn spelled(read: Published<Hex>) -> Checked<Published> {
    let one = |field, hex: Hex| match hex.0 {
        Some(hash) => Ok(hash),
        None => wrong(field, "is not 64 lower-case hexadecimal digits"),
    };
    let maybe = |field, hex: Option<Hex>| hex.map(|hex| one(field, hex)).transpose();
    let roster = read.roster.map(|roster| {
        let leaf = |(number, hex): (u64, Hex)| match hex.0 {
            Some(leaf) => Ok(leaf),
            None => wrong(
                &["roster"],
                format!(
                    "has a leaf, number {number}, that is not 64 lower-case hexadecimal digits"
                ),
            ),
        };
        (1..).zip(roster).map(leaf).collect()
    });
    Ok(Published {
        room: read.room,
        window: read.window,
        commitment: one(&["commitment"], read.commitment)?,
        server_seed: maybe(&["server_seed"], read.server_seed)?,
        seed: maybe(&["seed"], read.seed)?,
        roster_root: maybe(&["roster_root"], read.roster_root)?,
        external_source: read.external_source,
        external_value: read.external_value,
        count: read.count,
        frozen_at: read.frozen_at,
        external_value_at: read.external_value_at,
        digest: maybe(&["digest"], read.digest)?,
        roster: roster.transpose()?,
    })
}
