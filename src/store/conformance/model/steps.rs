//! What may happen in a random history.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::domain::window::WindowState;

/// What may happen.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Who, and into which lane, of those there are or not.
    Join(u32, u8),
    CheckIn(u32),
    ComeBack(u32),
    Depart(u32),
    Extend(u32),
    Claim(u32),
    Leave(u32),
    Touch(u32),
    End(u32),
    Tick(u64),
    State(WindowState),
    /// New weights, of so many lanes as these are.
    Reload(Vec<u16>),
    Sweep,
}

/// The weights of one lane, of two or of three.
pub(super) fn weights() -> impl Strategy<Value = Vec<u16>> {
    prop::sample::select(vec![vec![1], vec![3, 1], vec![5, 4, 1]])
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 1_u32..12;
    let state = prop::sample::select(vec![
        WindowState::Open,
        WindowState::Open,
        WindowState::Paused,
        WindowState::Closed,
    ]);
    let step = prop_oneof![
        4 => (who.clone(), 0_u8..4).prop_map(|(who, lane)| Step::Join(who, lane)),
        3 => who.clone().prop_map(Step::CheckIn),
        1 => who.clone().prop_map(Step::ComeBack),
        2 => who.clone().prop_map(Step::Depart),
        2 => who.clone().prop_map(Step::Extend),
        3 => who.clone().prop_map(Step::Claim),
        1 => who.clone().prop_map(Step::Leave),
        1 => who.clone().prop_map(Step::Touch),
        1 => who.prop_map(Step::End),
        6 => prop_oneof![Just(250_u64), Just(1_000), 1_u64..1_400].prop_map(Step::Tick),
        1 => state.prop_map(Step::State),
        1 => weights().prop_map(Step::Reload),
        1 => Just(Step::Sweep),
    ];
    vec(step, 1..120)
}
