//! A disk made of memory that can fail, be killed, and lose power.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

/// What a write did, until it is synced.
#[derive(Clone, Debug)]
enum Pending {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

#[derive(Clone, Debug, Default)]
struct State {
    /// As the running system sees it.
    seen: Vec<u8>,
    /// As the metal has it.
    synced: Vec<u8>,
    /// What the metal may or may not have.
    pending: Vec<Pending>,
    failing: bool,
    /// Decides which pending writes a power loss keeps.
    chance: u64,
}

/// A disk shared by whoever holds a copy.
#[derive(Clone, Debug, Default)]
pub(super) struct Platter(Arc<Mutex<State>>);

impl Platter {
    pub(super) fn is_empty(&self) -> bool {
        self.state().seen.is_empty()
    }

    /// From now on every write and sync fails, or works again.
    pub(super) fn fail(&self, failing: bool) {
        self.state().failing = failing;
    }

    /// What another process would find if this one died now: every write, synced or not.
    pub(super) fn after_kill(&self) -> Self {
        let bytes = self.state().seen.clone();
        Self::holding(bytes)
    }

    /// What would be found after the power went: what was synced, and any part of the rest.
    pub(super) fn after_power_loss(&self) -> Self {
        let mut state = self.state();
        let mut bytes = state.synced.clone();
        for pending in state.pending.clone() {
            state.chance = state.chance.wrapping_mul(6_364_136_223_846_793_005) + 1;
            if state.chance >> 63 == 1 {
                apply(&mut bytes, &pending);
            }
        }
        Self::holding(bytes)
    }

    fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State {
            seen: bytes.clone(),
            synced: bytes,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn change(&self, pending: Pending) -> io::Result<()> {
        let mut state = self.state();
        if state.failing {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        apply(&mut state.seen, &pending);
        state.pending.push(pending);
        Ok(())
    }
}

fn apply(bytes: &mut Vec<u8>, pending: &Pending) {
    match pending {
        Pending::Length(length) => bytes.resize(*length, 0),
        Pending::Bytes(at, data) => {
            let end = at + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(data);
        }
    }
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl StorageBackend for Platter {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let from = position(offset);
        let bytes = state.seen.get(from..from + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Pending::Length(position(length)))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.failing {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        for pending in std::mem::take(&mut state.pending) {
            apply(&mut state.synced, &pending);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Pending::Bytes(position(offset), data.to_vec()))
    }
}
