//! An answer's bytes, read one after another.

/// An answer that is not in the shape its script promises.
#[derive(Debug, thiserror::Error)]
#[error("it is not in the shape that this version of Anteroom writes")]
pub(super) struct Odd;

/// What is left of an answer.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// From its beginning.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Odd> {
        let (first, rest) = self.0.split_first_chunk().ok_or(Odd)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Odd> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    pub(super) fn short(&mut self) -> Result<u16, Odd> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn small(&mut self) -> Result<u32, Odd> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn number(&mut self) -> Result<u64, Odd> {
        self.take().map(u64::from_be_bytes)
    }

    /// As many as there are until the end.
    pub(super) fn all<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T, Odd>,
    ) -> Result<Vec<T>, Odd> {
        let mut all = Vec::new();
        while !self.0.is_empty() {
            all.push(one(self)?);
        }
        Ok(all)
    }
}
