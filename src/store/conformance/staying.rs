//! Claims, sessions, and their ends.

use super::*;
use crate::domain::session::LEEWAY;
use crate::store::{Ending, Touch, Touched};

fn touch(number: u32, seconds: u64) -> Touch {
    Touch {
        session: jti(number, Turn::FIRST),
        rev: 0,
        life: Duration::from_secs(seconds),
    }
}

pub(super) fn ending(number: u32, why: EndedBy) -> Ending {
    Ending {
        session: jti(number, Turn::FIRST),
        why,
        life: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn claims_are_repeatable_and_give_one_session() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let places = room.crowd(1..=2).await?;
        let early = room.claim(1, 1_000).await?;
        assert!(matches!(early, Claimed::Not(stand) if stand.standing == waiting(0)));
        room.tick().await?;

        let first = room.claim(1, 1_000).await?;

        let since = UnixTime::from_secs(1_000);
        let turn = Turn::FIRST;
        assert_eq!(
            first,
            Claimed::Admitted {
                since,
                turn,
                rev: 0,
                kept: UnixTime::default(),
            }
        );
        assert_eq!(room.claim(1, 1_004).await?, first);
        assert_eq!(room.counts().await?, (1, 0, 0, 1));
        assert_eq!(room.survey().await?.claims_total, 1);
        assert_eq!(room.shows(1, places[0]).await?, Standing::Admitted);
        let stranger = room.claim(9, 1_000).await?;
        assert!(matches!(stranger, Claimed::Not(stand) if stand.standing == Standing::Unknown));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_claim_after_the_absolute_end_gets_nothing() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        room.crowd(1..=1).await?;
        room.tick().await?;
        room.enter(1).await?;

        let late = room.claim(1, 1_020).await?;

        assert!(matches!(late, Claimed::Not(stand) if stand.standing == ended(EndedBy::Expired)));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_slot_is_freed_exactly_when_the_newest_token_and_the_leeway_are_over() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let places = room.crowd(1..=1).await?;
        room.tick().await?;
        room.enter(1).await?;
        let leeway = u32::try_from(LEEWAY.as_secs()).unwrap();

        room.pass(3).await?;
        let held = store.touch(&room.room, &[touch(1, 5)]).await?;
        assert_eq!(held, [Touched::Held]);
        store.touch(&room.room, &[touch(1, 1)]).await?;

        room.pass(5 + leeway - 1).await?;
        room.tick_of(Duration::from_micros(999_999)).await?;
        assert_eq!(room.counts().await?, (0, 0, 0, 1));
        room.tick_of(Duration::from_micros(1)).await?;
        assert_eq!(room.counts().await?, (0, 0, 0, 0));

        assert_eq!(room.shows(1, places[0]).await?, ended(EndedBy::Expired));
        let late = store.touch(&room.room, &[touch(1, 5)]).await?;
        assert_eq!(late, [Touched::Ended(EndedBy::Expired)]);
        assert_eq!(room.survey().await?.ends, [], "its token ran out by itself");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_repeated_claim_holds_the_slot_for_its_own_token() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        room.crowd(1..=1).await?;
        room.tick().await?;
        room.enter(1).await?;

        room.pass(4).await?;
        room.claim(1, 1_004).await?;
        room.pass(9).await?;
        assert_eq!(room.survey().await?.active, 1);
        room.pass(1).await?;

        assert_eq!(room.survey().await?.active, 0);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_touch_makes_a_lost_session_again_but_never_an_ended_one() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?.holding(1);
        room.crowd(1..=1).await?;

        let touched = store.touch(&room.room, &[touch(50, 5)]).await?;

        assert_eq!(touched, [Touched::Held]);
        assert_eq!(
            room.tick().await?,
            [],
            "the lost session takes the only slot"
        );
        let endings = [ending(50, EndedBy::Completed), ending(51, EndedBy::Revoked)];
        store.end(&room.room, &endings).await?;
        let touches = [touch(50, 5), touch(51, 5)];
        let touched = store.touch(&room.room, &touches).await?;
        let over = [EndedBy::Completed, EndedBy::Revoked].map(Touched::Ended);
        assert_eq!(touched, over);
        assert_eq!(room.counts().await?, (1, 0, 0, 0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_lost_session_is_its_visitors_again_once_claimed() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        room.crowd(1..=1).await?;
        store.touch(&room.room, &[touch(1, 15)]).await?;
        room.tick().await?;

        room.enter(1).await?;

        assert_eq!(room.counts().await?, (0, 0, 0, 1));
        room.pass(19).await?;
        assert_eq!(room.survey().await?.active, 1, "the longer life stays");
        room.pass(1).await?;
        assert_eq!(room.survey().await?.active, 0);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_end_is_told_once_as_a_delta_and_forgotten_after_the_token() {
    for_every_store(async |store| {
        let room = Stage::open(store, 3).await?;
        let places = room.crowd(1..=3).await?;
        room.tick().await?;
        for number in 1..=3 {
            room.enter(number).await?;
        }

        let one = [ending(1, EndedBy::Completed)];
        store.end(&room.room, &one).await?;
        store.end(&room.room, &one).await?;
        let seen = room.survey().await?;
        assert_eq!((seen.ends_seq, seen.active), (1, 2));
        let over = (jti(1, Turn::FIRST), EndedBy::Completed);
        assert_eq!(seen.ends, [over]);
        assert_eq!(room.shows(1, places[0]).await?, ended(EndedBy::Completed));
        let claimed = room.claim(1, 1_001).await?;
        assert!(
            matches!(claimed, Claimed::Not(stand) if stand.standing == ended(EndedBy::Completed))
        );

        room.leave(2).await?;
        let delta = store.survey(&room.room, &room.terms, 1).await?;
        let left = (jti(2, Turn::FIRST), EndedBy::Left);
        assert_eq!((delta.ends_seq, delta.ends), (2, vec![left]));

        room.pass(10).await?;
        while store.sweep(&room.room, &room.terms).await? > 0 {}
        let seen = room.survey().await?;
        assert_eq!((seen.ends_seq, seen.ends), (2, vec![]));
        assert_eq!(room.shows(1, places[0]).await?, ended(EndedBy::Completed));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_session_that_ended_before_it_was_claimed_cannot_be_claimed() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let places = room.crowd(1..=1).await?;
        room.tick().await?;
        store
            .end(&room.room, &[ending(1, EndedBy::Revoked)])
            .await?;

        let claimed = room.claim(1, 1_000).await?;

        assert!(
            matches!(claimed, Claimed::Not(stand) if stand.standing == ended(EndedBy::Revoked))
        );
        assert_eq!(room.counts().await?, (0, 0, 0, 0));
        assert_eq!(room.shows(1, places[0]).await?, ended(EndedBy::Revoked));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn leaving_ends_a_turn_wherever_it_stands() {
    for_every_store(async |store| {
        let room = Stage::open(store, 2).await?;
        let places = room.crowd(1..=3).await?;
        room.tick().await?;
        room.enter(1).await?;
        assert_eq!(room.counts().await?, (1, 0, 1, 1));

        for (number, place) in (1..=3).zip(&places) {
            room.leave(number).await?;
            room.leave(number).await?;
            assert_eq!(room.shows(number, *place).await?, ended(EndedBy::Left));
        }
        room.leave(99).await?;

        assert_eq!(room.counts().await?, (0, 0, 0, 0));
        let left = (jti(1, Turn::FIRST), EndedBy::Left);
        assert_eq!(room.survey().await?.ends, [left]);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_session_lives_to_its_own_end_in_every_state() {
    for_every_store(async |store| {
        for state in [WindowState::Paused, WindowState::Closed, WindowState::Ended] {
            let mut room = Stage::open(store, 1).await?;
            room.room = state.word().parse().unwrap();
            room.turn_to(WindowState::Open).await?;
            room.crowd(1..=1).await?;
            room.tick().await?;
            room.enter(1).await?;
            room.turn_to(state).await?;

            room.pass(9).await?;
            assert_eq!(room.survey().await?.active, 1, "{state:?}");
            room.pass(1).await?;
            assert_eq!(room.survey().await?.active, 0, "{state:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn those_inside_never_grow_until_they_are_fewer_than_a_lowered_capacity() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 2).await?.holding(4);
        room.crowd(1..=8).await?;
        room.tick().await?;
        room.tick().await?;
        for number in 1..=3 {
            room.enter(number).await?;
        }
        let two = Some(NonZeroU32::new(2));

        room.order(|orders| orders.capacity = two).await?;

        assert_eq!(room.pass(1).await?, [], "four are inside, two may be");
        room.leave(4).await?;
        assert_eq!(room.tick().await?, [], "three are");
        store
            .end(&room.room, &[ending(1, EndedBy::Completed)])
            .await?;
        assert_eq!(room.tick().await?, [], "two are");
        room.leave(2).await?;
        assert_eq!(room.tick().await?, visitors([5]));
        assert_eq!(room.tick().await?, []);
        Ok(())
    })
    .await;
}
