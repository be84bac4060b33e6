//! What was lost, and how gateways put it back.

use super::*;
use crate::store::{Touch, Touched};

fn recovery(epoch: u32, orders: Orders) -> Recovery {
    Recovery {
        epoch: Epoch(epoch),
        orders,
        pause: Duration::from_secs(2),
        rest: Rest::AfterLoss,
        inside: 0,
        inside_for: Duration::ZERO,
    }
}

fn rivals_orders() -> Orders {
    Orders {
        version: 9,
        window: WindowId(12),
        state: WindowState::Open,
        ..Orders::default()
    }
}

#[tokio::test]
async fn who_knows_of_more_than_the_store_is_not_told_that_it_is_over() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let places = room.crowd(1..=2).await?;
        let tick = room.survey().await?.ticks.tick;
        let token = room.token(1, places[0]);

        let later = CheckIn {
            tick: tick + 1,
            ..token
        };
        let newer = CheckIn {
            window: WindowId(8),
            ..token
        };
        for lost in [later, newer] {
            let answer = room.check_in(lost).await;
            assert!(matches!(answer, Err(StoreError::Lost)), "{answer:?}");
        }
        let joining = Joining {
            window: WindowId(8),
            ..room.joining(3)
        };
        let joined = store.join(&room.room, &room.terms, &[joining]).await;
        assert!(matches!(joined, Err(StoreError::Lost)), "{joined:?}");
        let claim = Claim {
            window: WindowId(8),
            ..room.claiming(1, 1_000)
        };
        let claimed = store.claim(&room.room, &room.terms, &[claim]).await;
        assert!(matches!(claimed, Err(StoreError::Lost)), "{claimed:?}");

        let seen = CheckIn { tick, ..token };
        assert_eq!(room.check_in(seen).await?.standing, waiting(0));
        assert_eq!(room.check_in(seen).await?.tick, tick);
        assert_eq!(room.counts().await?, (2, 0, 0, 0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn newer_orders_and_lost_places_are_put_back_before_anybody_is_released() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        room.window = WindowId(12);
        let lost = Place::new(EPOCH, 40).unwrap();

        let entered = store
            .recover(&room.room, &recovery(101, rivals_orders()))
            .await?;

        assert_eq!(entered, Epoch(101));
        let seen = room.survey().await?;
        assert_eq!((seen.orders, seen.epoch), (rivals_orders(), Epoch(101)));
        assert_eq!(seen.recovering, Duration::from_secs(2));
        room.join(2).await?;
        assert_eq!(room.shows(1, lost).await?, waiting(0));
        assert_eq!(room.pass(1).await?, [], "the room rests");
        assert_eq!(room.survey().await?.recovering, Duration::from_secs(1));
        assert_eq!(room.pass(1).await?, []);
        assert_eq!(room.survey().await?.recovering, Duration::ZERO);
        assert_eq!(room.tick().await?, [], "the bucket starts empty");
        assert_eq!(room.tick().await?, visitors([1]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_a_second_gateway_brings_changes_nothing() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let first = recovery(101, rivals_orders());
        store.recover(&room.room, &first).await?;
        room.pass(1).await?;
        let before = room.survey().await?;

        store.recover(&room.room, &first).await?;
        store
            .recover(&room.room, &recovery(100, Orders::default()))
            .await?;

        let after = Survey {
            store_time: before.store_time,
            ..room.survey().await?
        };
        assert_eq!(after, before);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn those_inside_before_a_loss_keep_their_slots_until_they_end_or_time_is_over() {
    for_every_store(async |store| {
        let room = Stage::open(store, 2).await?.holding(3);
        let inside = Recovery {
            pause: Duration::ZERO,
            rest: Rest::AfterLoss,
            inside: 3,
            inside_for: Duration::from_secs(10),
            ..recovery(101, Orders::default())
        };
        store.recover(&room.room, &inside).await?;
        room.crowd(1..=4).await?;
        assert_eq!(room.pass(2).await?, [], "all slots are taken");

        let life = Duration::from_mins(5);
        let again = [71, 72].map(|number| Touch {
            session: jti(number, Turn::FIRST),
            rev: 0,
            life,
        });
        let seen = room.survey().await?;
        assert_eq!((seen.missing, seen.inside()), (3, 3));
        assert_eq!(store.touch(&room.room, &again).await?, [Touched::Held; 2]);
        let seen = room.survey().await?;
        assert_eq!((seen.missing, seen.inside()), (1, 3));
        assert_eq!(room.pass(1).await?, [], "they are among the three");

        let over = crate::store::Ending {
            session: jti(71, Turn::FIRST),
            why: EndedBy::Left,
            life,
        };
        store.end(&room.room, &[over]).await?;
        assert_eq!(room.tick().await?, visitors([1]));
        room.enter(1).await?;
        assert_eq!(room.pass(6).await?, []);
        assert_eq!(room.pass(1).await?, visitors([2]), "the third never came");
        assert_eq!(room.survey().await?.missing, 0);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_end_of_one_who_is_missing_frees_one_slot() {
    for_every_store(async |store| {
        let room = Stage::open(store, 2).await?.holding(2);
        let inside = Recovery {
            pause: Duration::ZERO,
            rest: Rest::AfterLoss,
            inside: 2,
            inside_for: Duration::from_mins(1),
            ..recovery(101, Orders::default())
        };
        store.recover(&room.room, &inside).await?;
        room.crowd(1..=2).await?;
        assert_eq!(room.pass(1).await?, []);

        let over = crate::store::Ending {
            session: jti(71, Turn::FIRST),
            why: EndedBy::Left,
            life: Duration::from_mins(5),
        };
        store.end(&room.room, &[over, over]).await?;

        assert_eq!(room.tick().await?, visitors([1]));
        assert_eq!(room.tick().await?, []);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_higher_rev_ends_every_session_at_once() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 2).await?.holding(2);
        let places = room.crowd(1..=3).await?;
        room.tick().await?;
        room.enter(1).await?;
        room.enter(2).await?;

        room.order(|orders| orders.rev = 1).await?;

        assert_eq!(room.counts().await?, (1, 0, 0, 0));
        assert_eq!(room.shows(1, places[0]).await?, ended(EndedBy::Revoked));
        let claimed = room.claim(2, 1_001).await?;
        assert!(
            matches!(claimed, Claimed::Not(stand) if stand.standing == ended(EndedBy::Revoked))
        );
        let life = Duration::from_mins(5);
        let touch = |rev| {
            [Touch {
                session: jti(1, Turn::FIRST),
                rev,
                life,
            }]
        };
        let late = store.touch(&room.room, &touch(0)).await?;
        assert_eq!(late, [Touched::Ended(EndedBy::Revoked)]);
        assert_eq!(room.pass(1).await?, visitors([3]));
        let admitted = room.claim(3, 1_002).await?;
        assert!(
            matches!(admitted, Claimed::Admitted { rev: 1, .. }),
            "{admitted:?}"
        );
        assert_eq!(
            room.join(1).await?.turn,
            Turn(2),
            "whoever comes again waits again"
        );
        Ok(())
    })
    .await;
}
