//! The one place where random bytes come from.

use crate::domain::visitor::VisitorId;

/// The operating system gave no random bytes. Nothing of ours works without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoChance;

/// Random bytes fit for keys.
///
/// # Errors
/// When the system has none to give, which no healthy machine does.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoChance> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoChance)?;
    Ok(bytes)
}

/// A new visitor's identity: 128 random bits that nobody can guess or count up to.
///
/// # Errors
/// As [`random_bytes`].
pub fn visitor_id() -> Result<VisitorId, NoChance> {
    random_bytes().map(VisitorId::from_bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn t11_no_two_visitors_share_an_identity() {
        let ids: HashSet<VisitorId> = (0..1_000).map(|_| visitor_id().unwrap()).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
