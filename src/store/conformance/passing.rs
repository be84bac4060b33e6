//! Rooms that queue only under overload: who passes at once, and who joins.

use super::*;
use crate::store::{Passed, Passing};

impl Stage<'_> {
    pub(crate) async fn passes(&self, number: u32) -> Result<Passed, StoreError> {
        let ask = Passing {
            joining: self.joining(number),
            session: jti(number, Turn::FIRST),
            at: UnixTime::from_secs(1_000),
        };
        let passed = self.store.pass(&self.room, &self.terms, &[ask]).await?;
        Ok(passed[0])
    }

    /// Whether this visitor passes at once; otherwise it must have joined.
    async fn gets_through(&self, number: u32) -> Result<bool, StoreError> {
        match self.passes(number).await? {
            Passed::Admitted { stand, .. } => {
                assert_eq!(stand.standing, Standing::Admitted);
                Ok(true)
            }
            Passed::Joined(Joined::Stands(stand)) => {
                assert!(
                    matches!(stand.standing, Standing::Waiting { .. }),
                    "{stand:?}"
                );
                Ok(false)
            }
            turned_away => panic!("{turned_away:?}"),
        }
    }
}

#[tokio::test]
async fn visitors_pass_while_the_bucket_holds_and_then_queue() {
    for_every_store(async |store| {
        let room = Stage::open(store, 2).await?;
        assert!(!room.gets_through(90).await?, "the bucket starts empty");
        assert_eq!(room.tick().await?, visitors([90]));
        room.leave(90).await?;
        room.tick().await?;

        let through = [
            room.gets_through(1).await?,
            room.gets_through(2).await?,
            room.gets_through(3).await?,
            room.gets_through(4).await?,
        ];

        assert_eq!(
            through,
            [true, true, true, false],
            "one and two ticks' worth"
        );
        assert_eq!(room.counts().await?, (1, 0, 0, 3));
        assert!(!room.gets_through(5).await?, "nobody overtakes");
        assert_eq!(room.tick().await?, visitors(4..=5));
        let survey = room.survey().await?;
        assert_eq!((survey.joins_total, survey.releases_total), (6, 6));
        assert_eq!(survey.claims_total, 3);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_passes_between_ticks_is_paid_for_at_the_next() {
    for_every_store(async |store| {
        let room = Stage::open(store, 2).await?;
        let burst = room.terms.pace.effective_burst(TICK);
        room.pass(60).await?;
        let mut number = 0;
        while room.gets_through(number).await? {
            number += 1;
        }
        assert_eq!(u64::from(number), burst);
        room.leave(number).await?;

        room.tick_of(Duration::from_secs(60)).await?;
        let mut after = 100;
        while room.gets_through(after).await? {
            after += 1;
        }

        assert_eq!(
            after - 100,
            0,
            "a full bucket earns nothing while it is spent"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_pass_asked_for_again_is_the_same_admission() {
    for_every_store(async |store| {
        let room = Stage::open(store, 2).await?;
        room.pass(1).await?;
        assert!(room.gets_through(1).await?);

        let again = room.passes(1).await?;

        let Passed::Joined(Joined::Stands(stand)) = again else {
            panic!("{again:?}");
        };
        assert_eq!(stand.standing, Standing::Admitted);
        room.enter(1).await?;
        assert_eq!(room.counts().await?, (0, 0, 0, 1));
        assert_eq!(room.survey().await?.joins_total, 1);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn nobody_passes_beyond_the_capacity_or_while_the_room_is_not_open() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 4).await?.holding(2);
        room.pass(2).await?;
        assert!(room.gets_through(1).await? && room.gets_through(2).await?);
        assert!(!room.gets_through(3).await?, "two are inside");
        room.leave(3).await?;
        room.leave(1).await?;
        assert!(room.gets_through(4).await?, "one has left");

        room.terms.capacity = None;
        room.turn_to(WindowState::Paused).await?;
        assert!(!room.gets_through(5).await?, "paused: joins");
        room.leave(5).await?;
        room.turn_to(WindowState::Closed).await?;
        assert_eq!(room.passes(6).await?, Passed::Joined(Joined::Shut));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_full_room_lets_pass_and_takes_no_more_into_the_line() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        room.terms.max_waiting = 1;
        room.pass(2).await?;
        while room
            .gets_through(room.survey().await?.joins_total as u32)
            .await?
        {}
        assert_eq!(room.passes(77).await?, Passed::Joined(Joined::Full));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn somebody_back_for_another_turn_is_released_and_claims_it() {
    for_every_store(async |store| {
        let room = Stage::open(store, 2).await?;
        room.pass(2).await?;
        assert!(room.gets_through(1).await?);
        room.leave(1).await?;

        let back = room.passes(1).await?;

        let Passed::Joined(Joined::Stands(stand)) = back else {
            panic!("{back:?}");
        };
        assert!(
            matches!(stand.standing, Standing::Released { .. }),
            "{stand:?}"
        );
        assert_eq!(stand.turn, Turn(2));
        let claim = Claim {
            turn: stand.turn,
            session: jti(1, stand.turn),
            ..room.claiming(1, 1_000)
        };
        let claimed = store.claim(&room.room, &room.terms, &[claim]).await?;
        assert!(
            matches!(claimed[0], Claimed::Admitted { .. }),
            "{claimed:?}"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_room_rests_where_a_gateway_let_visitors_in_on_its_own() {
    for_every_store(async |store| {
        let room = Stage::open(store, 2).await?;
        room.pass(2).await?;
        let survey = room.survey().await?;
        let recovery = Recovery {
            epoch: survey.epoch,
            orders: survey.orders,
            pause: Duration::from_secs(60),
            rest: Rest::Always,
            inside: 0,
            inside_for: Duration::ZERO,
        };

        store.recover(&room.room, &recovery).await?;

        assert!(!room.gets_through(1).await?);
        assert_eq!(room.pass(59).await?, []);
        assert_eq!(room.pass(3).await?, visitors([1]));
        assert!(room.gets_through(2).await?);
        Ok(())
    })
    .await;
}
