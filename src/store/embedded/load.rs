//! Reads a whole store file into rooms, or says what is wrong with it.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableError};

use super::disk::{self, ENDS, LOBBIES, OpenError, Opener, ROOMS, ROSTERS, SESSIONS};
use super::disk::{USES, VISITORS, damaged};
use super::draw::BLOCK;
use super::encode::{self, BadRow};
use super::room::Room;
use crate::domain::room::RoomName;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{WindowId, WindowState};

/// A room as loaded: its name, its number on disk and its state.
pub(super) type Loaded = (RoomName, u32, Room);

/// Opens the file and reads every row of it.
pub(super) fn load(file: &Path, open: &Opener) -> Result<(Database, Vec<Loaded>), OpenError> {
    let length = std::fs::metadata(file).map_or(0, |about| about.len());
    if length == 0 {
        return Err(damaged(file, "it is empty"));
    }
    read(file, open)
}

/// As [`load`], whatever the database stands on.
pub(super) fn read(file: &Path, open: &Opener) -> Result<(Database, Vec<Loaded>), OpenError> {
    // The database may panic over damage that it does not look for.
    catch_unwind(AssertUnwindSafe(|| {
        let database = open().map_err(|fault| disk::open_fault(file, &fault))?;
        let read = database
            .begin_read()
            .map_err(|fault| damaged(file, &fault))?;
        disk::check_format(&read, file)?;
        let rooms = Rows { file, read }.rooms()?;
        Ok((database, rooms))
    }))
    .unwrap_or_else(|_| Err(damaged(file, "its pages contradict each other")))
}

/// A file's rows, while they are read.
struct Rows<'a> {
    file: &'a Path,
    read: ReadTransaction,
}

impl Rows<'_> {
    fn rooms(&self) -> Result<Vec<Loaded>, OpenError> {
        let mut rooms = self.heads()?;
        self.visitors(&mut rooms)?;
        self.sessions(&mut rooms)?;
        self.ends(&mut rooms)?;
        self.uses(&mut rooms)?;
        self.lobbies(&mut rooms)?;
        self.rosters(&mut rooms)?;
        let named = rooms.into_iter().map(|(number, (name, mut room))| {
            room.settle();
            (name, number, room)
        });
        Ok(named.collect())
    }

    fn heads(&self) -> Result<HashMap<u32, (RoomName, Room)>, OpenError> {
        let table = self
            .read
            .open_table(ROOMS)
            .map_err(|fault| self.bad(&fault))?;
        let mut rooms = HashMap::new();
        for row in table.iter().map_err(|fault| self.bad(&fault))? {
            let (name, row) = row.map_err(|fault| self.bad(&fault))?;
            let name = name.value();
            let (number, head) =
                encode::read_head(name, row.value()).map_err(|fault| self.bad_row(fault))?;
            let room = name.parse().ok().zip(Some(Room::with_head(head)));
            let room = room.ok_or_else(|| self.bad_row(BadRow::Nonsense))?;
            if rooms.insert(number, room).is_some() {
                return Err(self.bad("two rooms have one number"));
            }
        }
        Ok(rooms)
    }

    fn visitors(&self, rooms: &mut HashMap<u32, (RoomName, Room)>) -> Result<(), OpenError> {
        let table = self
            .read
            .open_table(VISITORS)
            .map_err(|fault| self.bad(&fault))?;
        let mut old: HashMap<u32, HashMap<VisitorId, _>> = HashMap::new();
        for row in table.iter().map_err(|fault| self.bad(&fault))? {
            let (key, row) = row.map_err(|fault| self.bad(&fault))?;
            let key = key.value();
            let read = encode::read_visitor_key(key);
            let (number, place, visitor) = read.ok_or_else(|| self.bad_row(BadRow::Nonsense))?;
            let (window, entry) = encode::read_visitor(key, place, row.value())
                .map_err(|fault| self.bad_row(fault))?;
            let room = self.room(rooms, number)?;
            if !room.keeps(window) {
                old.entry(number).or_default().insert(visitor, entry);
            } else if room.visitors.contains_key(&visitor) {
                return Err(self.bad("a visitor has two places"));
            } else {
                room.put(visitor, entry);
            }
        }
        for (number, visitors) in old {
            let room = self.room(rooms, number)?;
            room.leftovers.push_back(visitors.into_iter());
        }
        Ok(())
    }

    fn sessions(&self, rooms: &mut HashMap<u32, (RoomName, Room)>) -> Result<(), OpenError> {
        let table = self
            .read
            .open_table(SESSIONS)
            .map_err(|fault| self.bad(&fault))?;
        for row in table.iter().map_err(|fault| self.bad(&fault))? {
            let (key, row) = row.map_err(|fault| self.bad(&fault))?;
            let key = key.value();
            let read = encode::read_session_key(key);
            let (number, jti) = read.ok_or_else(|| self.bad_row(BadRow::Nonsense))?;
            let session =
                encode::read_session(key, row.value()).map_err(|fault| self.bad_row(fault))?;
            self.room(rooms, number)?.sessions.put(jti, session);
        }
        Ok(())
    }

    fn ends(&self, rooms: &mut HashMap<u32, (RoomName, Room)>) -> Result<(), OpenError> {
        let table = self
            .read
            .open_table(ENDS)
            .map_err(|fault| self.bad(&fault))?;
        for row in table.iter().map_err(|fault| self.bad(&fault))? {
            let (key, row) = row.map_err(|fault| self.bad(&fault))?;
            let key = key.value();
            let read = encode::read_session_key(key);
            let (number, jti) = read.ok_or_else(|| self.bad_row(BadRow::Nonsense))?;
            let end = encode::read_end(key, row.value()).map_err(|fault| self.bad_row(fault))?;
            self.room(rooms, number)?.sessions.put_end(jti, end);
        }
        Ok(())
    }

    /// A file that was made before anything could be used has no table of uses.
    fn uses(&self, rooms: &mut HashMap<u32, (RoomName, Room)>) -> Result<(), OpenError> {
        let table = match self.read.open_table(USES) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            table => table.map_err(|fault| self.bad(&fault))?,
        };
        for row in table.iter().map_err(|fault| self.bad(&fault))? {
            let (key, row) = row.map_err(|fault| self.bad(&fault))?;
            let key = key.value();
            let read = encode::read_session_key(key);
            let (number, thing) = read.ok_or_else(|| self.bad_row(BadRow::Nonsense))?;
            let used = encode::read_used(key, row.value()).map_err(|fault| self.bad_row(fault))?;
            self.room(rooms, number)?.uses.put(thing.0, used);
        }
        Ok(())
    }

    fn lobbies(&self, rooms: &mut HashMap<u32, (RoomName, Room)>) -> Result<(), OpenError> {
        let table = self
            .read
            .open_table(LOBBIES)
            .map_err(|fault| self.bad(&fault))?;
        let mut old: BTreeMap<(u32, u32), Vec<_>> = BTreeMap::new();
        for row in table.iter().map_err(|fault| self.bad(&fault))? {
            let (key, row) = row.map_err(|fault| self.bad(&fault))?;
            let key = key.value();
            let read = encode::read_member_key(key);
            let (number, lobby, visitor) = read.ok_or_else(|| self.bad_row(BadRow::Nonsense))?;
            let lane =
                encode::read_member(key, row.value()).map_err(|fault| self.bad_row(fault))?;
            let room = self.room(rooms, number)?;
            if !room.read_member(lobby, visitor, lane) {
                old.entry((number, lobby))
                    .or_default()
                    .push((visitor, lane));
            }
        }
        for ((number, lobby), members) in old {
            self.room(rooms, number)?.lobby.leave_over(lobby, members);
        }
        Ok(())
    }

    fn rosters(&self, rooms: &mut HashMap<u32, (RoomName, Room)>) -> Result<(), OpenError> {
        let table = self
            .read
            .open_table(ROSTERS)
            .map_err(|fault| self.bad(&fault))?;
        for row in table.iter().map_err(|fault| self.bad(&fault))? {
            let (key, row) = row.map_err(|fault| self.bad(&fault))?;
            let key = key.value();
            let read = encode::read_block_key(*key);
            let (number, block) = read.ok_or_else(|| self.bad_row(BadRow::Nonsense))?;
            let visitors =
                encode::read_block(key, row.value()).map_err(|fault| self.bad_row(fault))?;
            let room = self.room(rooms, number)?;
            if usize::try_from(block).ok().map(|block| block * BLOCK) != Some(room.roster.len()) {
                return Err(self.bad("a part of a drawn order is missing"));
            }
            room.roster.extend(visitors);
        }
        Ok(())
    }

    fn room<'r>(
        &self,
        rooms: &'r mut HashMap<u32, (RoomName, Room)>,
        number: u32,
    ) -> Result<&'r mut Room, OpenError> {
        let room = rooms.get_mut(&number).map(|(_, room)| room);
        room.ok_or_else(|| self.bad("a row belongs to no room"))
    }

    fn bad(&self, reason: &(impl ToString + ?Sized)) -> OpenError {
        damaged(self.file, reason)
    }

    fn bad_row(&self, fault: BadRow) -> OpenError {
        match fault {
            BadRow::Foreign(version) => OpenError::Foreign {
                path: self.file.to_owned(),
                format: format!("row format {version}"),
            },
            BadRow::Damaged | BadRow::Nonsense => self.bad(&format!("in one row, {fault}")),
        }
    }
}

impl Room {
    /// A room of which only the head has been read.
    fn with_head(head: super::entry::Head) -> Self {
        let mut room = Self {
            head,
            ..Self::default()
        };
        room.sessions.newest_end = room.head.newest_end;
        room
    }

    /// Whether visitors of `window` still wait or stand in this room.
    fn keeps(&self, window: WindowId) -> bool {
        window == self.window() && self.head.orders.state != WindowState::Ended
    }

    /// All is read: nothing of it needs writing.
    fn settle(&mut self) {
        self.dirty = super::dirty::Dirty::default();
        self.version = 0;
    }
}
