//! What the disk must do for the store: nothing acknowledged is ever lost, and damage is never
//! taken for truth.

mod damage;
mod drawn;
mod laned;
mod platter;

use std::path::PathBuf;

use self::platter::Platter;
use super::disk::Opener;
use super::*;
use crate::domain::lane::Lane;
use crate::domain::place::{Place, Turn};
use crate::domain::standing::Stand;
use crate::store::conformance::{EPOCH, Stage, jti, visitor};
use crate::store::survey::Survey;
use crate::store::{CheckIn, Joined, QueueStore as _, Spent};
use crate::store::{Ending, Joining, Touch};

impl Embedded {
    /// A store over a disk made for tests.
    fn on_platter(platter: &Platter) -> Result<Self, OpenError> {
        let of = platter.clone();
        let open: Opener = Box::new(move || disk::builder().create_with_backend(of.clone()));
        if platter.is_empty() {
            disk::begin(&open().unwrap()).unwrap();
        }
        let (database, loaded) = load::read(&PathBuf::from("platter"), &open)?;
        Self::over(database, open, loaded, EPOCH)
    }
}

/// A room with somebody in every state: 1 inside, 2 over, 3 released, 4 over and joined again,
/// 5 to 9 waiting.
async fn busy(store: &Embedded) -> Stage<'_> {
    let room = Stage::open(store, 4).await.unwrap();
    room.crowd(1..=9).await.unwrap();
    room.tick().await.unwrap();
    room.enter(1).await.unwrap();
    room.enter(2).await.unwrap();
    let why = crate::domain::standing::EndedBy::Completed;
    let life = std::time::Duration::from_secs(60);
    let session = jti(2, Turn::FIRST);
    let ending = Ending { session, why, life };
    store.end(&room.room, &[ending]).await.unwrap();
    let session = jti(70, Turn::FIRST);
    store
        .touch(
            &room.room,
            &[Touch {
                session,
                rev: 0,
                life,
            }],
        )
        .await
        .unwrap();
    room.leave(4).await.unwrap();
    room.join(4).await.unwrap();
    room
}

/// Everything that can be seen of a busy room.
async fn sight(store: &Embedded) -> (Survey, Vec<Stand>) {
    let room: RoomName = "derby".parse().unwrap();
    let terms = Stage::open(&Embedded::in_memory(EPOCH), 4)
        .await
        .unwrap()
        .terms;
    let window = crate::domain::window::WindowId(7);
    let tokens: Vec<_> = (1..=9)
        .map(|number| CheckIn {
            visitor: visitor(number),
            window,
            lane: Lane::GENERAL,
            epoch: EPOCH,
            turn: Turn::FIRST,
            place: Place::new(EPOCH, number).unwrap(),
            tick: 0,
            promised: std::time::Duration::from_secs(2),
            shown_by: crate::store::ShownBy::Page,
        })
        .collect();
    let stands = store.check_in(&room, &terms, &tokens).await.unwrap();
    (store.survey(&room, &terms, 0).await.unwrap(), stands)
}

#[tokio::test]
async fn a_reopened_store_shows_the_same_survey_and_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/here");
    let store = Embedded::open(&path, EPOCH).unwrap();
    busy(&store).await;
    let before = sight(&store).await;
    drop(store);

    let store = Embedded::open(&path, Epoch(999)).unwrap();

    let after = sight(&store).await;
    assert_eq!(after, before);
    assert_eq!(
        (after.0.waiting, after.0.released, after.0.active),
        (6, 1, 2)
    );
    let ends = after.0.ends.iter().map(|(session, _)| *session);
    assert!(ends.eq([jti(2, Turn::FIRST)]));
}

#[tokio::test]
async fn what_was_used_is_used_after_a_kill_too() {
    let platter = Platter::default();
    let store = Embedded::on_platter(&platter).unwrap();
    let room = Stage::open(&store, 1).await.unwrap();
    let ask = |number| crate::store::Spending {
        key: [7; 16],
        visitor: visitor(number),
        window: room.window,
        keep: std::time::Duration::from_secs(5),
    };
    let spent = store.spend(&room.room, &[ask(1)]).await.unwrap();
    assert_eq!(spent, [Spent::Now]);

    let killed = Embedded::on_platter(&platter.after_power_loss()).unwrap();

    let asks = [ask(2), ask(1)];
    let spent = killed.spend(&room.room, &asks).await.unwrap();
    assert_eq!(spent, [Spent::ByAnother, Spent::Before]);
    room.pass(5).await.unwrap();
    assert_eq!(store.sweep(&room.room, &room.terms).await.unwrap(), 1);
    let swept = Embedded::on_platter(&platter.after_kill()).unwrap();
    let spent = swept.spend(&room.room, &[ask(2)]).await.unwrap();
    assert_eq!(spent, [Spent::Now], "gone from disk");
}

#[tokio::test]
async fn visitors_of_a_window_gone_by_are_cleared_from_disk_in_steps() {
    let platter = Platter::default();
    let store = Embedded::on_platter(&platter).unwrap();
    let mut room = Stage::open(&store, 1).await.unwrap();
    room.terms.max_waiting = 5_000;
    room.crowd(1..=3_000).await.unwrap();
    let next = crate::domain::window::WindowId(8);
    room.order(|orders| orders.window = next).await.unwrap();
    let (name, terms) = (room.room.clone(), room.terms);
    drop(store);

    let store = Embedded::on_platter(&platter).unwrap();
    let mut cleared = 0;
    loop {
        match store.sweep(&name, &terms).await.unwrap() {
            0 => break,
            step @ 1..=1_024 => cleared += step,
            more => panic!("{more} in one step"),
        }
    }
    drop(store);

    assert_eq!(cleared, 3_000);
    let store = Embedded::on_platter(&platter).unwrap();
    assert_eq!(store.sweep(&name, &terms).await.unwrap(), 0);
    assert_eq!(store.survey(&name, &terms, 0).await.unwrap().waiting, 0);
}

#[test]
fn two_gateways_cannot_use_one_directory() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Embedded::open(folder.path(), EPOCH).unwrap();

    let second = Embedded::open(folder.path(), EPOCH).unwrap_err();

    assert!(matches!(second, OpenError::InUse { .. }));
    assert!(
        second.to_string().contains("another gateway uses"),
        "{second}"
    );
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let fault = Embedded::open(&file.path().join("data"), EPOCH).unwrap_err();
    assert!(fault.to_string().contains("data"), "{fault}");
}

#[test]
fn the_directory_and_the_file_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    drop(Embedded::open(&path, EPOCH).unwrap());

    for (path, mode) in [(path.clone(), 0o700), (path.join("anteroom.redb"), 0o600)] {
        let found = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{}", path.display());
    }
}

#[tokio::test]
async fn while_the_disk_fails_nothing_is_answered_and_afterwards_nothing_is_lost() {
    let platter = Platter::default();
    let store = Embedded::on_platter(&platter).unwrap();
    let room = busy(&store).await;
    let before = room.survey().await.unwrap();

    platter.fail(true);
    let asks: Vec<Joining> = (100..105).map(|number| room.joining(number)).collect();
    for ask in &asks {
        let refused = store.join(&room.room, &room.terms, &[*ask]).await;
        assert!(
            matches!(refused, Err(StoreError::Unreachable(_))),
            "{refused:?}"
        );
    }
    assert!(room.survey().await.is_err(), "what was seen is not durable");

    platter.fail(false);
    let after = loop {
        match room.survey().await {
            Ok(survey) => break survey,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    };
    assert!(
        after.waiting - before.waiting <= 1,
        "refused before memory changed"
    );
    let joined = store.join(&room.room, &room.terms, &asks).await.unwrap();
    let seen = sight(&store).await;
    assert_eq!(seen.0.waiting, before.waiting + 5);

    let store = Embedded::on_platter(&platter.after_kill()).unwrap();
    assert_eq!(sight(&store).await, seen);
    let again = store.join(&room.room, &room.terms, &asks).await.unwrap();
    assert_eq!(again, joined);
}

/// Answers that clients saw, with how the disk stood when each came.
async fn eventful(platter: &Platter, moments: &mut Vec<(Platter, usize)>) -> Vec<(u32, Place)> {
    let store = Arc::new(Embedded::on_platter(platter).unwrap());
    let mut room = Stage::open(&*store, 2).await.unwrap();
    room.terms.max_waiting = 100_000;
    let shown = Arc::new(Mutex::new(Vec::new()));
    let clients = (0..8_u32).map(|client| {
        let (store, shown) = (Arc::clone(&store), Arc::clone(&shown));
        let (name, terms, window) = (room.room.clone(), room.terms, room.window);
        async move {
            for number in 0..25 {
                let number = 1_000 * (client + 1) + number;
                let promised = std::time::Duration::from_secs(2);
                let ask = Joining {
                    visitor: visitor(number),
                    window,
                    lane: Lane::GENERAL,
                    promised,
                };
                let joined = store.join(&name, &terms, &[ask]).await.unwrap();
                let Joined::Stands(stand) = joined[0] else {
                    panic!("{joined:?}");
                };
                shown.lock().unwrap().push((number, stand.place.unwrap()));
            }
        }
    });
    let clients: Vec<_> = clients.map(tokio::spawn).collect();
    while !clients.iter().all(tokio::task::JoinHandle::is_finished) {
        room.tick().await.unwrap();
        let seen_by_now = shown.lock().unwrap().len();
        moments.push((platter.after_kill(), seen_by_now));
        let seen_by_now = shown.lock().unwrap().len();
        moments.push((platter.after_power_loss(), seen_by_now));
    }
    shown.lock().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_shown_before_a_kill_or_a_power_loss_is_there_again() {
    let mut moments = Vec::new();
    let platter = Platter::default();
    let shown = eventful(&platter, &mut moments).await;
    assert_eq!(shown.len(), 200);
    assert!(moments.len() >= 10, "{} moments", moments.len());
    let stage = Embedded::in_memory(EPOCH);
    let stage = Stage::open(&stage, 2).await.unwrap();

    let step = moments.len().div_ceil(60);
    for (image, seen_by_now) in moments.into_iter().step_by(step) {
        let store = Embedded::on_platter(&image).unwrap();
        let tokens: Vec<_> = shown[..seen_by_now]
            .iter()
            .map(|(number, place)| stage.token(*number, *place))
            .collect();
        let stands = store.check_in(&stage.room, &stage.terms, &tokens).await;
        for (stand, (number, place)) in stands.unwrap().iter().zip(&shown) {
            assert_eq!(stand.place, Some(*place), "visitor {number}");
        }
    }
}
