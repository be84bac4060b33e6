//! Those who cannot be there: stepping away and coming back, more time, and turns nobody takes.

use super::*;
use crate::domain::pace::Correction;

/// Away for so long still.
fn away(left: Duration) -> Standing {
    Standing::Away { left }
}

/// Called, with so many seconds left.
fn released(seconds: u64) -> Standing {
    let left = Duration::from_secs(seconds);
    Standing::Released { left }
}

const ABSENCE: Duration = Duration::from_secs(300);

async fn open(store: &dyn QueueStore) -> Result<Stage<'_>, StoreError> {
    let mut room = Stage::open(store, 1).await?;
    room.terms.absence.step_away = ABSENCE;
    room.terms.session.claim_window = Duration::from_secs(20);
    Ok(room)
}

/// One visitor at the front, who was called before, so that the next turn is no longer than others.
async fn at_the_front(room: &Stage<'_>) -> Result<CheckIn, StoreError> {
    let places = room.crowd(1..=1).await?;
    assert_eq!(room.tick().await?, visitors([1]));
    let token = room.token(1, places[0]);
    room.step_away(token).await?;
    let shown_by = ShownBy::Visitor;
    room.check_in(CheckIn { shown_by, ..token }).await?;
    Ok(token)
}

#[tokio::test]
async fn who_steps_away_is_skipped_and_keeps_the_place_until_it_comes_back() {
    for_every_store(async |store| {
        let room = open(store).await?;
        let places = room.crowd(1..=2).await?;
        let first = room.token(1, places[0]);

        let granted = room.step_away(first).await?;

        assert!(matches!(granted, Granted::Yes(_)), "{granted:?}");
        assert_eq!(granted.stand().standing, away(ABSENCE));
        assert_eq!(granted.stand().place, Some(places[0]));
        assert_eq!(room.counts().await?, (2, 1, 0, 0));
        assert_eq!(
            room.shows(2, places[1]).await?,
            waiting(0),
            "absent at once"
        );
        assert_eq!(room.tick().await?, visitors([2]));
        let polled = room.check_in(first).await?;
        assert_eq!(polled.standing, away(ABSENCE - TICK), "a poll is no return");
        assert_eq!(room.counts().await?, (1, 1, 1, 0));

        let shown_by = ShownBy::Visitor;
        let back = room.check_in(CheckIn { shown_by, ..first }).await?;
        assert_eq!((back.standing, back.place), (waiting(0), Some(places[0])));
        assert_eq!(room.tick().await?, visitors([1]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_join_brings_back_whoever_stepped_away() {
    for_every_store(async |store| {
        let room = open(store).await?;
        let places = room.crowd(1..=2).await?;
        room.step_away(room.token(1, places[0])).await?;

        let stand = room.join(1).await?;

        assert_eq!((stand.standing, stand.place), (waiting(0), Some(places[0])));
        assert_eq!(room.counts().await?, (2, 0, 0, 0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_absence_that_is_over_ends_with_the_next_poll_and_not_before() {
    for_every_store(async |store| {
        let mut room = open(store).await?;
        room.terms.absence.step_away = Duration::from_secs(60);
        let places = room.crowd(1..=1).await?;
        let token = room.token(1, places[0]);
        room.step_away(token).await?;

        assert_eq!(room.pass(61).await?, [], "nobody is called unseen");

        assert_eq!(room.counts().await?, (1, 1, 0, 0));
        assert_eq!(room.check_in(token).await?.standing, waiting(0));
        assert_eq!(room.counts().await?, (1, 0, 0, 0));
        assert_eq!(room.tick().await?, visitors([1]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_was_called_gives_the_turn_back_and_that_is_no_miss() {
    for_every_store(async |store| {
        let room = open(store).await?.holding(1);
        let places = room.crowd(1..=2).await?;
        assert_eq!(room.tick().await?, visitors([1]));
        let token = room.token(1, places[0]);

        let granted = room.step_away(token).await?;

        assert_eq!(granted.stand().standing, away(ABSENCE));
        assert_eq!(room.counts().await?, (2, 1, 0, 0));
        assert_eq!(room.tick().await?, visitors([2]), "the slot is free");
        room.leave(2).await?;
        // The old turn's end comes and goes.
        room.pass(90).await?;
        assert_eq!(room.survey().await?.missed_total, 0);
        let shown_by = ShownBy::Visitor;
        room.check_in(CheckIn { shown_by, ..token }).await?;
        assert_eq!(room.tick().await?, visitors([1]));
        room.pass(21).await?;
        assert_eq!(room.survey().await?.missed_total, 1);
        let polled = room.check_in(token).await?;
        assert_eq!(polled.standing, waiting(0), "the second chance was kept");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_visitor_steps_away_so_often_in_a_stay_and_repeated_asks_are_not_counted() {
    for_every_store(async |store| {
        let mut room = open(store).await?;
        room.terms.absence.step_aways = 2;
        let places = room.crowd(1..=1).await?;
        let token = room.token(1, places[0]);
        let back = CheckIn {
            shown_by: ShownBy::Visitor,
            ..token
        };
        for _ in 0..2 {
            let first = room.step_away(token).await?;
            room.tick().await?;
            for _ in 0..5 {
                let again = room.step_away(token).await?;
                assert_eq!(again.stand().standing, away(ABSENCE - TICK), "not longer");
                assert!(matches!(again, Granted::Yes(_)), "{first:?}");
            }
            room.check_in(back).await?;
        }

        let spent = room.step_away(token).await?;

        assert!(matches!(spent, Granted::Spent(_)), "{spent:?}");
        assert_eq!(spent.stand().standing, waiting(0));
        assert_eq!(room.counts().await?, (1, 0, 0, 0));
        room.terms.absence.step_aways = 0;
        let none = room.step_away(token).await?;
        assert!(matches!(none, Granted::Spent(_)), "{none:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_is_inside_or_over_or_unknown_cannot_step_away_or_get_more_time() {
    for_every_store(async |store| {
        let room = open(store).await?;
        let places = room.crowd(1..=3).await?;
        room.pass(1).await?;
        room.enter(1).await?;
        room.leave(2).await?;
        let unknown = Place::new(EPOCH, 77).unwrap();
        for (token, standing) in [
            (room.token(1, places[0]), Standing::Admitted),
            (room.token(2, places[1]), ended(EndedBy::Left)),
            (room.token(9, unknown), Standing::Unknown),
        ] {
            for granted in [room.step_away(token).await?, room.extend(token).await?] {
                assert!(matches!(granted, Granted::Not(_)), "{granted:?}");
                assert_eq!(granted.stand().standing, standing);
            }
        }
        assert_eq!(room.counts().await?, (0, 0, 1, 1));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn more_time_is_another_claim_window_from_now_on_and_never_less() {
    for_every_store(async |store| {
        let mut room = open(store).await?;
        room.terms.absence.extensions = 2;
        let token = at_the_front(&room).await?;
        assert_eq!(room.tick().await?, visitors([1]));
        assert_eq!(room.check_in(token).await?.standing, released(20));

        let early = room.extend(token).await?;
        assert_eq!(early.stand().standing, released(20), "nothing to add yet");
        room.pass(5).await?;
        let first = room.extend(token).await?;
        assert_eq!(first.stand().standing, released(20));
        room.pass(4).await?;
        let twice = room.extend(token).await?;
        assert_eq!(twice.stand().standing, released(16), "a double click");
        room.pass(15).await?;
        assert_eq!(room.extend(token).await?.stand().standing, released(20));

        room.pass(19).await?;
        let spent = room.extend(token).await?;

        assert!(matches!(spent, Granted::Spent(_)), "{spent:?}");
        assert_eq!(spent.stand().standing, released(1));
        room.enter(1).await?;
        assert_eq!(room.counts().await?, (0, 0, 0, 1));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_extended_turn_that_nobody_takes_is_missed_once_at_its_new_end() {
    for_every_store(async |store| {
        let room = open(store).await?;
        let token = at_the_front(&room).await?;
        assert_eq!(room.tick().await?, visitors([1]));
        room.pass(18).await?;
        room.extend(token).await?;

        room.pass(10).await?;
        assert_eq!(room.counts().await?, (0, 0, 1, 0), "the old end is past");
        room.pass(11).await?;

        assert_eq!(room.counts().await?, (1, 1, 0, 0));
        assert_eq!(room.survey().await?.missed_total, 1);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_waiting_visitor_gets_no_more_time() {
    for_every_store(async |store| {
        let room = open(store).await?;
        let places = room.crowd(1..=1).await?;
        let granted = room.extend(room.token(1, places[0])).await?;
        assert!(matches!(granted, Granted::Not(_)), "{granted:?}");
        assert_eq!(granted.stand().standing, waiting(0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_lost_place_is_put_back_before_its_visitor_steps_away() {
    for_every_store(async |store| {
        let room = open(store).await?;
        room.enters(101).await?;
        let place = Place::new(EPOCH, 5).unwrap();

        let granted = room.step_away(room.token(1, place)).await?;

        assert_eq!(granted.stand().standing, away(ABSENCE));
        assert_eq!(granted.stand().epoch, Epoch(101));
        assert_eq!(room.counts().await?, (1, 1, 0, 0));
        assert_eq!(room.join(1).await?.place, Some(place));
        let late = room
            .extend(room.token(2, Place::new(EPOCH, 6).unwrap()))
            .await?;
        assert!(matches!(late, Granted::Not(_)));
        assert_eq!(late.stand().standing, waiting(1), "back in line at least");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_token_that_saw_more_than_the_store_is_a_loss() {
    for_every_store(async |store| {
        let room = open(store).await?;
        let places = room.crowd(1..=1).await?;
        let token = CheckIn {
            tick: 1_000,
            ..room.token(1, places[0])
        };
        for lost in [room.step_away(token).await, room.extend(token).await] {
            assert!(matches!(lost, Err(StoreError::Lost)), "{lost:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_end_of_the_sale_ends_absences_too() {
    for_every_store(async |store| {
        let mut room = open(store).await?;
        let places = room.crowd(1..=2).await?;
        let token = room.token(1, places[0]);
        room.step_away(token).await?;
        room.turn_to(WindowState::Ended).await?;
        assert_eq!(room.counts().await?, (0, 0, 0, 0));
        assert_eq!(room.check_in(token).await?.standing, Standing::Unknown);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_correction_calls_more_and_capacity_still_holds() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 10).await?;
        room.terms.correction = Correction::thousandths(1_300).unwrap();
        room.tick_of(Duration::ZERO).await?;
        room.crowd(1..=600).await?;
        let called = room.pass(8).await?.len();
        assert_eq!(called, 8 * 52, "forty a second, and three tenths more");
        room.terms.capacity = NonZeroU32::new(450);
        let more = room.pass(3).await?.len();
        let seen = room.survey().await?;
        assert!(
            more > 0 && seen.inside() <= 450,
            "{more}: {}",
            seen.inside()
        );
        Ok(())
    })
    .await;
}
