//! The laws of ticks: on simulated time, and step by step.

use proptest::prelude::*;

use super::super::pace::{Correction, Pace};
use super::sim::{Dice, Run, SECOND, World, play};
use super::*;

const ROUND_TRIPS: [u64; 3] = [300, 20_000, 250_000];

fn per_minute(rate: u32) -> Pace {
    Pace::per_minute(rate).unwrap()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn by(thousandths: u16) -> Correction {
    Correction::thousandths(thousandths).unwrap()
}

/// Ten seconds of nobody to release in every thirty, and calls held up for up to five seconds.
fn rough(world: World) -> World {
    let stalls = vec![(50_000, 900_000), (2_000, 5_000_000)];
    let lulls = (0..20).map(|i| ((10 + 30 * i) * SECOND, (20 + 30 * i) * SECOND));
    World {
        stalls,
        lulls: lulls.collect(),
        ..world
    }
}

fn keeps_the_bound(world: World) -> Run {
    let run = play(world);
    let excess = run.worst_excess();
    assert!(
        excess <= 0,
        "{} too many at once in {:?}",
        excess as f64 / (1_000 * VISITOR) as f64,
        run.world
    );
    run
}

/// Every mix of gateways and round trips at one pace, with somebody always waiting: 99.8 % of
/// the pace less one visitor on average, and no unlucky run below 99.7 %.
fn keeps_the_pace(rate: u32) {
    for gateways in [1, 2, 20] {
        for round_trip in ROUND_TRIPS {
            let runs = (0..3).map(|seed| {
                let mut world = World::new(seed, gateways, per_minute(rate));
                world.round_trip = round_trip;
                world.runs_for = 602 * SECOND;
                keeps_the_bound(world).released_within(600 * SECOND) + 1
            });
            let runs: Vec<u64> = runs.collect();
            let (mean, least) = (runs.iter().sum::<u64>() / 3, *runs.iter().min().unwrap());
            let parts_of = |released: u64| released as f64 / f64::from(10 * rate);
            assert!(
                parts_of(mean) >= 0.998 && parts_of(least) >= 0.997,
                "{runs:?} by {gateways} gateways at {round_trip} µs"
            );
        }
    }
}

#[test]
fn seven_a_minute_is_kept_by_any_number_of_gateways() {
    keeps_the_pace(7);
}

#[test]
fn six_hundred_a_minute_is_kept_by_any_number_of_gateways() {
    keeps_the_pace(600);
}

#[test]
fn a_hundred_thousand_a_minute_is_kept_by_any_number_of_gateways() {
    keeps_the_pace(100_000);
}

#[test]
fn a_rush_after_a_lull_never_exceeds_the_bound_however_calls_are_held_up() {
    for seed in 0..4 {
        for (rate, gateways) in [(7, 20), (600, 1), (600, 2), (600, 20), (100_000, 3)] {
            let mut world = rough(World::new(seed, gateways, per_minute(rate)));
            world.round_trip = ROUND_TRIPS[seed as usize % 3];
            keeps_the_bound(world);
        }
    }
}

#[test]
fn those_who_pass_between_ticks_never_exceed_the_bound_however_calls_are_held_up() {
    for seed in 0..6 {
        for (rate, gateways) in [(7, 20), (600, 1), (600, 2), (600, 20), (100_000, 3)] {
            let mut world = rough(World::new(seed, gateways, per_minute(rate)));
            world.round_trip = ROUND_TRIPS[seed as usize % 3];
            world.passes = true;
            keeps_the_bound(world);
        }
    }
}

#[test]
fn a_steady_stream_of_those_who_pass_has_the_whole_pace() {
    for rate in [7, 600, 100_000] {
        let mut world = World::new(1, 2, per_minute(rate));
        world.passes = true;
        world.runs_for = 602 * SECOND;

        let passed = keeps_the_bound(world).released_within(600 * SECOND) + 1;

        let share = (passed + 1) as f64 / f64::from(10 * rate);
        assert!(share >= 0.99, "{passed} at {rate} a minute");
    }
}

#[test]
fn a_change_of_pace_never_lets_a_window_exceed_what_both_paces_allow() {
    let (slow, fast) = (per_minute(60).with_burst(30).unwrap(), per_minute(6_000));
    for seed in 0..6 {
        let mut world = rough(World::new(seed, 1 + seed as usize % 3, slow));
        let mut dice = Dice(seed);
        let changes = (1..60).map(|i| {
            let pace = if i % 2 == 0 { slow } else { fast };
            (i * 10 * SECOND + dice.below(5 * SECOND), pace.into())
        });
        world.paces.extend(changes);
        world.round_trip = 250_000;
        keeps_the_bound(world);
    }
}

#[test]
fn a_correction_is_kept_to_and_its_change_never_lets_a_window_exceed_both() {
    let seven = per_minute(7).corrected(by(1_150));
    let mut world = World::new(1, 3, seven);
    world.runs_for = 3_600 * SECOND;
    let released = keeps_the_bound(world).released_within(3_590 * SECOND);
    assert!((480..=484).contains(&released), "8.05 a minute: {released}");

    let pace = per_minute(600).with_burst(40).unwrap();
    for seed in 0..4 {
        let mut world = rough(World::new(seed, 1 + seed as usize, pace));
        let mut dice = Dice(seed);
        let changes = (1..60).map(|i| {
            let correction = if i % 2 == 0 { 1_000 } else { 1_300 };
            let at = i * 10 * SECOND + dice.below(5 * SECOND);
            (at, pace.corrected(by(correction)))
        });
        world.paces.extend(changes);
        keeps_the_bound(world);
    }
}

#[test]
fn nobody_is_released_while_paused_and_there_is_no_burst_at_the_end_of_it() {
    let mut world = World::new(3, 2, per_minute(600));
    world.runs_for = 60 * SECOND;
    world.pauses = vec![(20 * SECOND, 40 * SECOND)];

    let run = keeps_the_bound(world);

    let inside = |from: u64, to: u64| {
        let within = run.commits.iter().filter(|c| (from..to).contains(&c.at));
        within.map(|commit| commit.released).sum::<u64>()
    };
    assert_eq!(inside(20 * SECOND, 40 * SECOND), 0);
    assert!(inside(40 * SECOND, 41 * SECOND) <= 10, "one second's worth");
    assert!(inside(41 * SECOND, 60 * SECOND) >= 185);
}

#[test]
fn room_time_never_runs_fast_and_goes_on_while_paused() {
    let mut world = World::new(5, 20, per_minute(600));
    world.runs_for = 120 * SECOND;
    world.pauses = vec![(30 * SECOND, 90 * SECOND)];
    let run = play(world);
    let lost = run.room_time_lost();
    assert!(
        (0..SECOND / 2).contains(&u64::try_from(lost).unwrap()),
        "{lost} µs"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases((48 * ProptestConfig::default().cases).div_ceil(256)))]

    #[test]
    fn no_window_exceeds_the_bound(
        seed: u64,
        gateways in 1usize..6,
        rate in 1u32..300_000,
        burst in 1u32..3_000,
        round_trip in 0u64..400_000,
        held_up in 0u64..200_000,
        correction in 1_000u16..=1_300,
    ) {
        let pace = per_minute(rate).with_burst(burst).unwrap().corrected(by(correction));
        let mut world = rough(World::new(seed, gateways, pace));
        world.round_trip = round_trip;
        world.stalls.push((held_up, 2_000_000));
        world.runs_for = 90 * SECOND;
        prop_assert!(play(world).worst_excess() <= 0);
    }
}

/// A room at `pace` that has ticked until its bucket was full, and the gateway that won.
fn full_bucket(pace: Pace) -> (TickState, Pacer, Duration) {
    let (mut state, mut pacer, mut now) = (TickState::default(), Pacer::default(), secs(100));
    pacer.observe(now, state.seen(), Sight::Told);
    for _ in 0..40 {
        now += TICK;
        let step = state.accept(pacer.propose(now).unwrap(), pace, Door::Open);
        state = step.unwrap().state;
        pacer.observe(now, state.seen(), Sight::Won { sent: now });
    }
    (state, pacer, now)
}

#[test]
fn what_a_tick_spent_in_flight_is_not_added_to_a_full_bucket() {
    let pace = per_minute(600);
    let (mut state, mut pacer, sent) = full_bucket(pace);
    let late = state.accept(pacer.propose(sent + TICK).unwrap(), pace, Door::Open);
    let late = late.unwrap();
    state = late.state;
    state.spend(late.batch);
    // The tick was sent in time and reached the store 0.9 s later; the answer is there at once.
    let seen_at = sent + TICK + Duration::from_millis(900);
    pacer.observe(seen_at, state.seen(), Sight::Won { sent: sent + TICK });

    let next = pacer.propose(seen_at + TICK).unwrap();
    let step = state.accept(next, pace, Door::Open).unwrap();

    assert_eq!(late.batch, 15);
    assert_eq!(next.elapsed, 1_150_000, "room time catches up");
    assert_eq!(step.state.earned - state.earned, 1_150_000);
    assert_eq!(
        step.batch, 2,
        "but a quarter of a second earns 2.5, not 11.5"
    );
}

#[test]
fn what_a_tick_spent_in_flight_is_earned_where_the_bucket_has_room() {
    let pace = per_minute(600);
    let (mut state, mut pacer, sent) = full_bucket(pace);
    state.spend(15);
    for i in 1..=2 {
        let step = state.accept(pacer.propose(sent + i * TICK).unwrap(), pace, Door::Open);
        let step = step.unwrap();
        state = step.state;
        state.spend(step.batch);
        let held_up = if i == 2 { 900 } else { 0 };
        let seen_at = sent + i * TICK + Duration::from_millis(held_up);
        pacer.observe(
            seen_at,
            state.seen(),
            Sight::Won {
                sent: sent + i * TICK,
            },
        );
    }

    let next = pacer.propose(sent + 3 * TICK + Duration::from_millis(900));
    let step = state.accept(next.unwrap(), pace, Door::Open).unwrap();

    assert_eq!(step.batch, 11, "1.15 s at ten a second");
}

#[test]
fn one_proposal_is_accepted_for_each_tick_number() {
    let pace = per_minute(600);
    let (state, pacer, now) = full_bucket(pace);
    let proposal = pacer.propose(now + TICK).unwrap();
    let step = state.accept(proposal, pace, Door::Open).unwrap();

    assert_eq!(step.state.accept(proposal, pace, Door::Open), None);
}

#[test]
fn the_first_tick_only_starts_the_room_time() {
    let mut pacer = Pacer::default();
    assert_eq!((pacer.due(TICK), pacer.propose(secs(1))), (None, None));
    pacer.observe(secs(5), TickState::default().seen(), Sight::Told);
    let proposal = pacer.propose(secs(3_600)).unwrap();

    let step = TickState::default().accept(proposal, per_minute(600), Door::Open);

    let step = step.unwrap();
    assert_eq!((step.batch, step.state.credit), (0, 0));
    assert_eq!(step.state.earned, 1_500_000, "an hour is cut to one bucket");
}

#[test]
fn after_a_cut_all_gateways_anchor_anew_and_the_time_is_lost() {
    let pace = per_minute(600);
    let (state, mut winner, now) = full_bucket(pace);
    let mut other = Pacer::default();
    other.observe(now, state.seen(), Sight::Told);
    let sent = now + secs(60);
    let step = state.accept(winner.propose(sent).unwrap(), pace, Door::Open);
    let state = step.unwrap().state;

    winner.observe(sent, state.seen(), Sight::Won { sent });
    other.observe(sent, state.seen(), Sight::Told);

    for pacer in [winner, other] {
        assert_eq!(pacer.propose(sent + TICK).unwrap().elapsed, 250_000);
    }
}

#[test]
fn the_winner_goes_on_and_the_others_wait_three_periods_and_a_jitter() {
    let (state, mut winner, now) = full_bucket(per_minute(600));
    let mut other = Pacer::default();
    other.observe(now, state.seen(), Sight::Told);

    assert_eq!(winner.due(TICK), Some(now + TICK));
    assert_eq!(other.due(Duration::ZERO), Some(now + 3 * TICK));
    assert_eq!(other.due(secs(9)), Some(now + 4 * TICK));

    let newer = Seen {
        tick: state.tick + 1,
        ..state.seen()
    };
    winner.observe(now + TICK, newer, Sight::Told);
    assert_eq!(winner.due(Duration::ZERO), Some(now + 4 * TICK));
}

#[test]
fn an_answer_that_was_overtaken_changes_nothing() {
    let (state, mut pacer, now) = full_bucket(per_minute(600));
    let before = pacer.propose(now + TICK);

    pacer.observe(now + TICK, TickState::default().seen(), Sight::Told);
    pacer.observe(now + TICK, state.seen(), Sight::Told);

    assert_eq!(pacer.propose(now + TICK), before);
}

#[test]
fn a_win_whose_answer_came_after_a_survey_or_never_loses_no_room_time() {
    let pace = per_minute(600);
    let (state, pacer, now) = full_bucket(pace);
    let sent = now + TICK;
    let step = state.accept(pacer.propose(sent).unwrap(), pace, Door::Open);
    let state = step.unwrap().state;
    let surveyed = sent + Duration::from_millis(80);
    let (mut told, mut won) = (pacer, pacer);
    told.observe(surveyed, state.seen(), Sight::Told);
    won.observe(surveyed, state.seen(), Sight::Told);
    won.observe(sent + TICK, state.seen(), Sight::Won { sent });

    let later = sent + 2 * TICK;
    assert_eq!(told.propose(later).unwrap().elapsed, 500_000);
    assert_eq!(told.propose(later).unwrap().lead, Lead::Taken);
    assert_eq!(won.propose(later).unwrap().elapsed, 500_000);
    assert_eq!(won.propose(later).unwrap().waited, 420_000);
    assert_eq!(won.due(TICK), Some(surveyed + TICK));
}

#[test]
fn what_the_store_keeps_survives_being_written_down() {
    let (state, ..) = full_bucket(per_minute(600));
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<TickState>(&text).unwrap(), state);
}
