//! The tree over a frozen lobby (RFC 6962): one hash that stands for all leaves, and short proofs
//! that a leaf is among them.

use super::Hash;
use super::formula::hash;

/// Leaves a block. A tree keeps one hash a block and what stands above: a byte a leaf. A proof
/// computes one block anew, which takes microseconds.
pub const BLOCK: usize = 64;

/// The upper levels of a tree.
#[derive(Debug, PartialEq, Eq)]
pub struct Tree {
    /// The heads of the blocks, then each level above, the last of one hash.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over these leaves in this order.
    #[must_use]
    pub fn over(leaves: &[Hash]) -> Self {
        let mut level: Vec<Hash> = leaves.chunks(BLOCK).map(head).collect();
        let mut levels = Vec::new();
        while level.len() > 1 {
            let above = paired(&level);
            levels.push(level);
            level = above;
        }
        levels.push(level);
        Self { levels }
    }

    /// The tree head; of no leaves it is SHA-256 of nothing.
    #[must_use]
    pub fn head(&self) -> Hash {
        let top = self.levels.last().and_then(|level| level.first());
        top.copied().unwrap_or_else(|| hash(&[]))
    }

    /// The proof for the leaf at `index`: what its path is paired with, from the bottom up.
    /// `block` holds the leaves from `index - index % BLOCK` on, at most [`BLOCK`].
    #[must_use]
    pub fn proof(&self, index: usize, block: &[Hash]) -> Vec<Hash> {
        let mut proof = Vec::new();
        let mut below = block.to_vec();
        let mut at = index % BLOCK;
        while below.len() > 1 {
            proof.extend(below.get(at ^ 1).copied());
            below = paired(&below);
            at /= 2;
        }
        let mut at = index / BLOCK;
        for level in &self.levels {
            proof.extend(level.get(at ^ 1).copied());
            at /= 2;
        }
        proof
    }
}

/// The head of the tree over these leaves (RFC 6962, 2.1).
#[must_use]
pub fn head(leaves: &[Hash]) -> Hash {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = paired(&level);
    }
    level.first().copied().unwrap_or_else(|| hash(&[]))
}

/// Whether `proof` shows that `leaf` is number `index` of the `count` leaves under `root`
/// (RFC 9162, 2.1.3.2).
#[must_use]
pub fn proves(root: Hash, (leaf, index): (Hash, u64), count: u64, proof: &[Hash]) -> bool {
    if index >= count {
        return false;
    }
    let (mut at, mut last, mut node) = (index, count - 1, leaf);
    for other in proof {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            node = inner(*other, node);
            // A node without a partner stands for itself on the level above.
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            node = inner(node, *other);
        }
        at /= 2;
        last /= 2;
    }
    last == 0 && node == root
}

/// The level above: each two hashes become one, a last one alone stands for itself.
fn paired(level: &[Hash]) -> Vec<Hash> {
    let above = level.chunks(2).map(|pair| match pair {
        [left, right] => inner(*left, *right),
        alone => alone.first().copied().unwrap_or_else(|| hash(&[])),
    });
    above.collect()
}

fn inner(left: Hash, right: Hash) -> Hash {
    hash(&[&[1], &left.0, &right.0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition as RFC 6962 gives it: split at the largest power of two below the count.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => hash(&[]),
            [one] => *one,
            more => {
                let split = more.len().next_power_of_two() / 2;
                inner(by_definition(&more[..split]), by_definition(&more[split..]))
            }
        }
    }

    fn leaves(count: usize) -> Vec<Hash> {
        let leaf = |number: usize| hash(&[b"leaf", &number.to_be_bytes()]);
        (0..count).map(leaf).collect()
    }

    fn proof(tree: &Tree, leaves: &[Hash], index: usize) -> Vec<Hash> {
        let block = leaves.chunks(BLOCK).nth(index / BLOCK).unwrap();
        tree.proof(index, block)
    }

    #[test]
    fn heads_and_proofs_of_every_small_tree_are_right() {
        assert_eq!(
            Tree::over(&[]).head().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for count in 0..=200 {
            let leaves = leaves(count);
            let tree = Tree::over(&leaves);
            assert_eq!(tree.head(), by_definition(&leaves), "{count} leaves");
            assert_eq!(head(&leaves), tree.head());
            for (index, leaf) in leaves.iter().enumerate() {
                let proof = proof(&tree, &leaves, index);
                let holds = proves(tree.head(), (*leaf, index as u64), count as u64, &proof);
                assert!(holds, "leaf {index} of {count}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_proof_with_anything_changed_proves_nothing(
            count in 1usize..600, pick in any::<prop::sample::Index>(),
            byte in any::<prop::sample::Index>(), bit in 0u8..8, other in 0u64..1_000,
        ) {
            let leaves = leaves(count);
            let tree = Tree::over(&leaves);
            let (root, size, index) = (tree.head(), count as u64, pick.index(count));
            let (leaf, at) = (leaves[index], index as u64);
            let proof = proof(&tree, &leaves, index);
            prop_assert!(proves(root, (leaf, at), size, &proof));
            let flipped = |hash: Hash, at: usize| {
                let mut bytes = hash.0;
                bytes[at % 32] ^= 1 << bit;
                Hash(bytes)
            };

            prop_assert!(!proves(flipped(root, byte.index(32)), (leaf, at), size, &proof));
            prop_assert!(!proves(root, (flipped(leaf, byte.index(32)), at), size, &proof));
            if other != at {
                prop_assert!(!proves(root, (leaf, other), size, &proof));
            }
            let mut longer = proof.clone();
            longer.push(root);
            prop_assert!(!proves(root, (leaf, at), size, &longer));
            if !proof.is_empty() {
                let mut bad = proof.clone();
                let which = byte.index(bad.len() * 32);
                bad[which / 32] = flipped(bad[which / 32], which);
                prop_assert!(!proves(root, (leaf, at), size, &bad));
                prop_assert!(!proves(root, (leaf, at), size, &proof[1..]));
            }
        }
    }

    #[test]
    fn an_index_beyond_the_leaves_proves_nothing() {
        let leaf = leaves(1)[0];
        assert!(proves(leaf, (leaf, 0), 1, &[]), "one leaf is its own tree");
        assert!(!proves(leaf, (leaf, 1), 1, &[]));
        assert!(!proves(leaf, (leaf, 0), 0, &[]));
    }
}
