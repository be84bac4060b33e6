//! Seventy real seconds at ten visitors a second: never too many, never too few, in order.

use std::sync::Arc;
use std::time::Duration;

use anteroom::domain::clock::Clock;
use anteroom::domain::place::Epoch;
use anteroom::store::embedded::Embedded;

use crate::kit::crowd::crowd;
use crate::kit::recording::{Recording, Release};
use crate::kit::{House, Plan};

const PER_MINUTE: u32 = 600;
/// One second's worth of burst and two periods' worth, as the API says too.
const EFFECTIVE_BURST: f64 = 15.0;
const VISITORS: usize = 1_500;
const WORKERS: usize = 30;
const MEASURED: Duration = Duration::from_secs(70);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_seventy_seconds_the_pace_is_kept_in_every_window_and_in_order_of_place() {
    let clock = Clock::machine();
    let store = Arc::new(Recording::of(Embedded::in_memory(Epoch(1)), clock.clone()));
    let house = House::of(Plan::per_minute(PER_MINUTE).on(store.clone())).await;
    let burst = &house.room().await["pace"]["effective_burst"];
    assert_eq!(burst.as_f64(), Some(EFFECTIVE_BURST));

    let end = clock.now().mono + MEASURED + Duration::from_secs(6);
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn(crowd(
            vec![house.app().without_cookies()],
            VISITORS / WORKERS,
            clock.clone(),
            end,
        ));
    }
    let served: usize = workers.join_all().await.iter().map(Vec::len).sum();
    tokio::time::sleep(end.saturating_sub(clock.now().mono)).await;

    let releases = store.releases();
    never_above_the_bound(&releases);
    at_the_pace(&releases);
    in_order_of_place(&store);
    let called: usize = releases.iter().map(|one| one.batch.len()).sum();
    println!("{called} released, {served} served");
    // Who is called within the last poll interval of two seconds has not come yet.
    assert!(served + 40 > called, "{served} of {called} were served");
    assert_eq!(house.origin.arrived().len(), served);
}

/// In no window go more than the effective burst and the pace's worth of that window.
fn never_above_the_bound(releases: &[Release]) {
    let a_second = f64::from(PER_MINUTE) / 60.0;
    for (first, from) in releases.iter().enumerate() {
        let mut count = 0;
        for to in &releases[first..] {
            count += to.batch.len();
            let window = (to.after - from.before).as_secs_f64();
            let bound = EFFECTIVE_BURST + a_second * window;
            assert!(
                count as f64 <= bound,
                "{count} in {window} s, at most {bound}"
            );
        }
    }
}

/// Over the seventy seconds from the first release, at least 98.5 of 100 that the pace allows.
fn at_the_pace(releases: &[Release]) {
    let begun = releases
        .iter()
        .find(|one| !one.batch.is_empty())
        .unwrap()
        .after;
    let measured = releases
        .iter()
        .filter(|one| one.after > begun && one.after <= begun + MEASURED);
    let count: usize = measured.map(|one| one.batch.len()).sum();
    let due = f64::from(PER_MINUTE) / 60.0 * MEASURED.as_secs_f64();
    println!("{count} of {due} in {MEASURED:?}");
    assert!(count as f64 >= 0.985 * due, "{count} of {due}");
}

fn in_order_of_place(store: &Recording) {
    let places = store.places();
    let order: Vec<_> = store
        .releases()
        .iter()
        .flat_map(|one| one.batch.clone())
        .map(|visitor| places[&visitor])
        .collect();
    assert!(order.is_sorted(), "{order:?}");
}
