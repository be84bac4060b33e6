//! Single-use things: used once, by one visitor.

use super::*;
use crate::store::{Spending, Spent};

fn thing(number: u128) -> [u8; 16] {
    number.to_be_bytes()
}

impl Stage<'_> {
    fn spending(&self, thing_number: u128, number: u32) -> Spending {
        Spending {
            key: thing(thing_number),
            visitor: visitor(number),
            window: self.window,
            keep: Duration::from_secs(60),
        }
    }

    async fn spends(&self, thing_number: u128, number: u32) -> Result<Spent, StoreError> {
        let asks = [self.spending(thing_number, number)];
        Ok(self.store.spend(&self.room, &asks).await?[0])
    }
}

#[tokio::test]
async fn q8_a_thing_is_used_once_and_asking_again_costs_nothing() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;

        assert_eq!(room.spends(7, 1).await?, Spent::Now);

        assert_eq!(room.spends(7, 1).await?, Spent::Before);
        assert_eq!(room.spends(7, 2).await?, Spent::ByAnother);
        assert_eq!(room.spends(7, 1).await?, Spent::Before, "still the first's");
        assert_eq!(room.spends(8, 2).await?, Spent::Now);
        assert_eq!(room.counts().await?, (0, 0, 0, 0));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn q8_of_a_crowd_that_brings_one_thing_at_once_one_gets_it() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        let asks: Vec<_> = (1..=600).map(|number| room.spending(7, number)).collect();

        let spent = store.spend(&room.room, &asks).await?;

        assert_eq!(spent[0], Spent::Now);
        assert!(spent[1..].iter().all(|one| *one == Spent::ByAnother));
        let twice = [room.spending(9, 3), room.spending(9, 3)];
        let spent = store.spend(&room.room, &twice).await?;
        assert_eq!(spent, [Spent::Now, Spent::Before]);
        assert!(store.spend(&room.room, &[]).await?.is_empty());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_use_outlasts_windows_and_is_forgotten_after_its_time() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        room.spends(7, 1).await?;
        let next = WindowId(8);
        room.order(|orders| orders.window = next).await?;
        assert_eq!(room.spends(7, 1).await?, Spent::ByAnother, "a new identity");
        room.pass(59).await?;
        store.sweep(&room.room, &room.terms).await?;
        assert_eq!(room.spends(7, 2).await?, Spent::ByAnother);

        room.pass(1).await?;

        assert_eq!(room.spends(7, 2).await?, Spent::Now, "before it is swept");
        room.pass(60).await?;
        let swept = store.sweep(&room.room, &room.terms).await?;
        assert_eq!(swept, 1);
        assert_eq!(store.sweep(&room.room, &room.terms).await?, 0);
        assert_eq!(room.spends(7, 3).await?, Spent::Now);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn asking_again_for_longer_keeps_the_use_for_longer() {
    for_every_store(async |store| {
        let room = Stage::open(store, 1).await?;
        room.spends(7, 1).await?;
        let longer = Spending {
            keep: Duration::from_secs(120),
            ..room.spending(7, 1)
        };
        store.spend(&room.room, &[longer]).await?;
        room.spends(7, 1).await?;

        room.pass(61).await?;
        store.sweep(&room.room, &room.terms).await?;

        assert_eq!(room.spends(7, 2).await?, Spent::ByAnother);
        let for_ever = Spending {
            keep: Duration::MAX,
            ..room.spending(8, 1)
        };
        assert_eq!(
            store.spend(&room.room, &[for_ever]).await?,
            [Spent::Now],
            "no time is too long"
        );
        assert_eq!(room.spends(8, 2).await?, Spent::ByAnother);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_store_that_has_not_heard_of_the_window_uses_nothing() {
    for_every_store(async |store| {
        let mut room = Stage::open(store, 1).await?;
        let ask = Spending {
            window: WindowId(8),
            ..room.spending(7, 1)
        };

        let lost = store.spend(&room.room, &[ask]).await;

        assert!(matches!(lost, Err(StoreError::Lost)), "{lost:?}");
        let next = WindowId(8);
        room.order(|orders| orders.window = next).await?;
        assert_eq!(room.spends(7, 2).await?, Spent::Now);
        Ok(())
    })
    .await;
}
