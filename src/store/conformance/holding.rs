//! Sessions that the site keeps through a payment.

use super::staying::ending;
use super::*;
use crate::store::{Held, Hold};

/// A hold of somebody whose token says so, asked for at second 1,000.
fn hold(number: u32, seconds: u64) -> Hold {
    let at = UnixTime::from_secs(1_000);
    Hold {
        session: jti(number, Turn::FIRST),
        at,
        until: at.after(Duration::from_secs(seconds)),
        longest: Duration::from_secs(35),
        rev: Some(0),
    }
}

fn until(second: u64) -> Held {
    Held::Until(UnixTime::from_secs(second))
}

#[tokio::test]
async fn a_hold_keeps_the_slot_of_somebody_who_does_nothing() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?.holding(1);
        let places = room.crowd(1..=2).await?;
        room.tick().await?;
        room.enter(1).await?;

        let holds = [hold(1, 15), hold(1, 5)];
        let held = store.hold(&room.room, &holds).await?;

        assert_eq!(held, [until(1_015); 2], "a shorter one takes nothing back");
        room.pass(19).await?;
        room.check_in(room.token(2, places[1])).await?;
        assert_eq!(room.counts().await?, (1, 0, 0, 1));
        assert_eq!(
            room.pass(1).await?,
            visitors([2]),
            "hold and leeway are over"
        );
        assert_eq!(room.shows(1, places[0]).await?, ended(EndedBy::Expired));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn holds_together_reach_no_further_than_the_longest_stay() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        room.crowd(1..=1).await?;
        room.tick().await?;
        room.enter(1).await?;
        let later = Hold {
            at: UnixTime::from_secs(1_018),
            until: UnixTime::from_secs(1_048),
            ..hold(1, 0)
        };

        let by_name = Hold { rev: None, ..later };
        let held = store.hold(&room.room, &[by_name, later]).await?;

        assert_eq!(held, [until(1_035); 2]);
        room.pass(21).await?;
        assert_eq!(room.survey().await?.active, 1);
        room.pass(1).await?;
        assert_eq!(room.survey().await?.active, 0);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_is_held_gets_in_again_also_past_the_absolute_end() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        room.crowd(1..=1).await?;
        room.tick().await?;
        room.enter(1).await?;
        store.hold(&room.room, &[hold(1, 30)]).await?;

        let again = room.claim(1, 1_025).await?;

        assert_eq!(
            again,
            Claimed::Admitted {
                since: UnixTime::from_secs(1_000),
                turn: Turn::FIRST,
                rev: 0,
                kept: UnixTime::from_secs(1_030),
            }
        );
        let late = room.claim(1, 1_030).await?;
        assert!(matches!(late, Claimed::Not(stand) if stand.standing == ended(EndedBy::Expired)));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn only_a_token_makes_a_lost_session_again_and_nothing_an_ended_one() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        let by_name = |number| Hold {
            rev: None,
            ..hold(number, 10)
        };
        let over = [ending(3, EndedBy::Completed)];
        store.end(&room.room, &over).await?;

        let holds = [by_name(1), hold(2, 10), by_name(2), hold(3, 10), by_name(3)];
        let held = store.hold(&room.room, &holds).await?;

        let completed = Held::Ended(EndedBy::Completed);
        let kept = until(1_010);
        assert_eq!(held, [Held::Unknown, kept, kept, completed, completed]);
        assert_eq!(room.survey().await?.active, 1);
        room.order(|orders| orders.rev = 1).await?;
        let held = store.hold(&room.room, &[hold(4, 10)]).await?;
        assert_eq!(held, [Held::Ended(EndedBy::Revoked)]);
        assert_eq!(room.survey().await?.active, 0);
        Ok(())
    })
    .await;
}
