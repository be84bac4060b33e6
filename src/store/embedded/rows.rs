//! What one write puts on disk: the present values of rows that changed, or that they are gone.

use redb::{Database, Table};

use super::dirty::Dirty;
use super::disk::{ENDS, LOBBIES, ROOMS, ROSTERS, SESSIONS, USES, VISITORS};
use super::draw::BLOCK;
use super::encode::{self, BlockKey, MemberKey, SessionKey, VisitorKey};
use super::room::Room;
use crate::domain::room::RoomName;
use crate::store::BoxError;

/// Rows to write; a value of `None` takes the row away.
#[derive(Debug, Default)]
pub(super) struct Rows {
    heads: Vec<(String, Result<Vec<u8>, String>)>,
    visitors: Vec<(VisitorKey, Option<Vec<u8>>)>,
    sessions: Vec<(SessionKey, Option<Vec<u8>>)>,
    ends: Vec<(SessionKey, Option<Vec<u8>>)>,
    uses: Vec<(SessionKey, Option<Vec<u8>>)>,
    members: Vec<(MemberKey, Option<Vec<u8>>)>,
    blocks: Vec<(BlockKey, Option<Vec<u8>>)>,
}

impl Rows {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
            && self.visitors.is_empty()
            && self.sessions.is_empty()
            && self.ends.is_empty()
            && self.uses.is_empty()
            && self.members.is_empty()
            && self.blocks.is_empty()
    }

    /// Adds what `dirty` names, as it stands in `room`.
    pub(super) fn add(&mut self, name: &RoomName, number: u32, room: &Room, dirty: &Dirty) {
        if dirty.head {
            let row = encode::head(name.as_str(), number, &room.head);
            let row = row.map_err(|fault| fault.to_string());
            self.heads.push((name.as_str().to_owned(), row));
        }
        for &(place, visitor) in &dirty.visitors {
            let key = encode::visitor_key(number, place, visitor);
            let entry = room.visitors.get(&visitor);
            let row = entry
                .filter(|entry| entry.place == place && !entry.is_plain_lobby())
                .map(|entry| encode::visitor(&key, room.window(), entry));
            self.visitors.push((key, row));
        }
        for &jti in &dirty.sessions {
            let key = encode::session_key(number, jti);
            let row = room.sessions.living(jti);
            self.sessions
                .push((key, row.map(|session| encode::session(&key, session))));
        }
        for &jti in &dirty.ends {
            let key = encode::session_key(number, jti);
            let row = room.sessions.end_of(jti);
            self.ends.push((key, row.map(|end| encode::end(&key, end))));
        }
        for &thing in &dirty.uses {
            let key = encode::use_key(number, thing);
            let row = room.uses.of(&thing);
            self.uses
                .push((key, row.map(|used| encode::used(&key, used))));
        }
        self.add_drawn(number, room, dirty);
    }

    fn add_drawn(&mut self, number: u32, room: &Room, dirty: &Dirty) {
        for &(lobby, visitor) in &dirty.members {
            let key = encode::member_key(number, lobby, visitor);
            let lane = room.lane_in(lobby, visitor);
            let row = lane.map(|lane| encode::member(&key, lane));
            self.members.push((key, row));
        }
        for &block in &dirty.roster {
            let key = encode::block_key(number, block);
            let at = usize::try_from(block).unwrap_or(usize::MAX);
            let drawn = room.roster.chunks(BLOCK).nth(at);
            let row = drawn.map(|visitors| encode::block(&key, visitors));
            self.blocks.push((key, row));
        }
    }

    /// Writes all of it or nothing, and returns once it is on disk.
    pub(super) fn write(&self, database: &Database) -> Result<(), BoxError> {
        let mut write = database.begin_write()?;
        write.set_two_phase_commit(true);
        {
            let mut heads = write.open_table(ROOMS)?;
            for (name, row) in &self.heads {
                let row = row.as_ref().map_err(String::as_str)?;
                heads.insert(name.as_str(), row.as_slice())?;
            }
            put(&mut write.open_table(VISITORS)?, &self.visitors)?;
            put(&mut write.open_table(SESSIONS)?, &self.sessions)?;
            put(&mut write.open_table(ENDS)?, &self.ends)?;
            put(&mut write.open_table(USES)?, &self.uses)?;
            put(&mut write.open_table(LOBBIES)?, &self.members)?;
            put(&mut write.open_table(ROSTERS)?, &self.blocks)?;
        }
        write.commit()?;
        Ok(())
    }
}

fn put<const N: usize>(
    table: &mut Table<'_, &'static [u8; N], &'static [u8]>,
    rows: &[([u8; N], Option<Vec<u8>>)],
) -> Result<(), redb::StorageError> {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    for (key, row) in rows {
        match row {
            Some(row) => drop(table.insert(key, row.as_slice())?),
            None => drop(table.remove(key)?),
        }
    }
    Ok(())
}
