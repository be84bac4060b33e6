//! The warm connections that each worker thread keeps for itself, so that taking one needs no
//! lock.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use tokio::sync::Semaphore;

use super::line::{Fitness, Line};
use super::pool::Pool;
use super::trunk::{Stream, Trunk};

thread_local! {
    /// This thread's warm connections.
    static SHELVES: RefCell<Vec<Shelf>> = const { RefCell::new(Vec::new()) };
}

/// One thread's warm connections to one origin, last used on top.
struct Shelf {
    pool: Weak<Pool>,
    lines: Vec<Line>,
    trunks: Vec<Arc<Trunk>>,
    /// Held while this thread makes a shared connection: who needs one too waits for it.
    making: Arc<Semaphore>,
}

/// Takes the connection that this thread used last, if one is warm.
pub(super) fn take_line(pool: &Arc<Pool>) -> Option<Line> {
    with_shelf(pool, |shelf| take_warm(&mut shelf.lines)).flatten()
}

/// Keeps a connection warm, or closes it if this thread has `most` of them.
pub(super) fn keep_line(pool: &Arc<Pool>, line: Line, most: usize) {
    if line.is_closed() {
        return;
    }
    with_shelf(pool, move |shelf| {
        let lines = &mut shelf.lines;
        if lines.len() >= most {
            lines.retain(|line| !line.is_closed());
        }
        if lines.len() < most {
            line.rest();
            lines.push(line);
        }
    });
}

/// Begins a stream on a shared connection of this thread that has room.
pub(super) fn take_stream(pool: &Arc<Pool>) -> Option<Stream> {
    with_shelf(pool, |shelf| {
        let begun = shelf.trunks.iter().find_map(Trunk::begin);
        if begun.is_none() {
            shelf.trunks.retain(|trunk| !trunk.is_closed());
        }
        begun
    })
    .flatten()
}

/// Shares a connection with the other requests of this thread.
pub(super) fn share(pool: &Arc<Pool>, trunk: Arc<Trunk>) {
    with_shelf(pool, move |shelf| shelf.trunks.push(trunk));
}

/// What is held while this thread makes a shared connection.
pub(super) fn making(pool: &Arc<Pool>) -> Arc<Semaphore> {
    with_shelf(pool, |shelf| Arc::clone(&shelf.making))
        .unwrap_or_else(|| Arc::new(Semaphore::new(1)))
}

/// Lends this thread's warm connections to `pool`. `None` while the thread ends.
fn with_shelf<T>(pool: &Arc<Pool>, act: impl FnOnce(&mut Shelf) -> T) -> Option<T> {
    SHELVES
        .try_with(|shelves| {
            let mut shelves = shelves.try_borrow_mut().ok()?;
            let of_pool = |shelf: &Shelf| std::ptr::eq(shelf.pool.as_ptr(), Arc::as_ptr(pool));
            let at = shelves.iter().position(of_pool).unwrap_or_else(|| {
                shelves.retain(|shelf| shelf.pool.strong_count() > 0);
                shelves.push(Shelf {
                    pool: Arc::downgrade(pool),
                    lines: Vec::new(),
                    trunks: Vec::new(),
                    making: Arc::new(Semaphore::new(1)),
                });
                shelves.len() - 1
            });
            shelves.get_mut(at).map(act)
        })
        .ok()
        .flatten()
}

fn take_warm(lines: &mut Vec<Line>) -> Option<Line> {
    let mut at = lines.len();
    while at > 0 {
        at -= 1;
        match lines.get(at)?.rouse() {
            Fitness::Roused => return Some(lines.remove(at)),
            Fitness::Gone => drop(lines.remove(at)),
            Fitness::Settling => {}
        }
    }
    None
}
