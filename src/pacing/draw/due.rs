//! What is next about a room's draw: decided from what the store shows and this gateway keeps.

use crate::domain::draw::Draw;
use crate::domain::window::{WindowId, WindowState};
use crate::store::drawn::KeptDraw;
use crate::store::lobby::Cut;
use crate::store::survey::Survey;

/// What is to be done next about a room's draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing, or nothing before somebody else has done something.
    Nothing,
    /// What is kept is not of what the room has frozen.
    Forget,
    /// Look for the frozen lobby on this gateway's disk.
    Recall,
    /// Read the frozen lobby.
    Read,
    /// The frozen lobby was lost before anybody had read it: let its members come back, and
    /// freeze again.
    Gather,
    /// Publish what was frozen.
    Freeze,
    /// Compute the order.
    Draw,
    /// Write the places.
    Place,
    /// Open the room.
    Open,
    /// Read an order that others drew.
    Restore,
    /// Write the file that everybody may fetch.
    Publish,
    /// Draw a later round.
    Round,
}

/// What this gateway has looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tried {
    /// A lobby of this window on its own disk.
    pub(super) disk: Option<WindowId>,
    /// The order of this window in the store, which is not the one that was published.
    pub(super) no_order: Option<WindowId>,
}

/// What is next, given what the store shows and what this gateway keeps.
pub(super) fn next(survey: &Survey, kept: Option<&KeptDraw>, tried: Tried) -> Next {
    let orders = &survey.orders;
    if kept.is_some_and(|kept| kept.window != orders.window) {
        return Next::Forget;
    }
    let Some(draw) = &orders.draw else {
        return later_round(survey);
    };
    match (orders.state, kept) {
        (WindowState::Prequeue, _) => Next::Nothing,
        (_, None) if tried.disk != Some(orders.window) => Next::Recall,
        (_, Some(kept)) if !kept.is_of(draw) => Next::Forget,
        (WindowState::Drawing, kept) => while_drawing(survey, draw, kept),
        (_, _) if draw.drawn.is_none() => Next::Nothing,
        (_, None) if survey.roster < frozen(draw) || tried.no_order == Some(orders.window) => {
            later_round(survey)
        }
        (_, None) => Next::Restore,
        (_, Some(kept)) => once_drawn(survey, draw, kept),
    }
}

/// How many were frozen.
fn frozen(draw: &Draw) -> u64 {
    draw.frozen.map_or(0, |frozen| frozen.count.into())
}

fn while_drawing(survey: &Survey, draw: &Draw, kept: Option<&KeptDraw>) -> Next {
    let cut = survey.frozen.filter(|cut| cut.round == 0);
    let Some(kept) = kept else {
        return match (cut, draw.frozen) {
            (Some(_), _) => Next::Read,
            (None, None) => Next::Gather,
            (None, Some(_)) => Next::Nothing,
        };
    };
    if draw.frozen.is_none() {
        return Next::Freeze;
    }
    match (draw.value(), &kept.roster) {
        (None, _) => Next::Nothing,
        (Some(_), None) => Next::Draw,
        (Some(_), Some(_)) if survey.roster >= frozen(draw) => Next::Open,
        (Some(_), Some(_)) => Next::Place,
    }
}

fn once_drawn(survey: &Survey, draw: &Draw, kept: &KeptDraw) -> Next {
    let lives = survey.orders.state != WindowState::Ended;
    match (&kept.roster, &kept.file) {
        (None, _) => Next::Draw,
        (Some(_), _) if lives && survey.roster < frozen(draw) => Next::Place,
        (Some(_), None) => Next::Publish,
        (Some(_), Some(_)) => later_round(survey),
    }
}

fn later_round(survey: &Survey) -> Next {
    let waits = |cut: &Cut| cut.round > 0 && !cut.is_complete();
    match survey.frozen {
        Some(cut) if waits(&cut) && survey.orders.state.joins() => Next::Round,
        Some(_) | None => Next::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::domain::draw::roster::Lobby;
    use crate::domain::draw::{Draw, Drawn, External, Frozen, Hash};
    use crate::domain::place::Epoch;
    use crate::domain::room::RoomName;
    use crate::domain::window::Orders;

    const WINDOW: WindowId = WindowId(7);

    fn lobby() -> Arc<Lobby> {
        let room: RoomName = "sale".parse().unwrap();
        Arc::new(Lobby::freeze(&room, WINDOW, &[]))
    }

    fn cut(round: u32, placed: u32) -> Cut {
        Cut {
            round,
            epoch: Epoch(1),
            base: 0,
            count: 5,
            placed,
        }
    }

    fn kept() -> KeptDraw {
        KeptDraw::frozen(WINDOW, cut(0, 0), lobby())
    }

    fn ordered() -> KeptDraw {
        KeptDraw {
            roster: Some(Arc::new(lobby().draw(Hash([3; 32])))),
            ..kept()
        }
    }

    fn promised(source: Option<&str>) -> Draw {
        Draw::promised(Hash([1; 32]), source.map(str::to_owned))
    }

    fn frozen(source: Option<&str>) -> Draw {
        Draw {
            frozen: Some(Frozen {
                root: lobby().root(),
                count: 5,
                at: 0,
                epoch: Epoch(1),
                base: 0,
            }),
            ..promised(source)
        }
    }

    fn drawn() -> Draw {
        Draw {
            drawn: Some(Drawn {
                server_seed: Hash([1; 32]),
                seed: Hash([3; 32]),
                digest: Hash([4; 32]),
            }),
            ..frozen(None)
        }
    }

    fn survey(state: WindowState, draw: Option<Draw>) -> Survey {
        Survey {
            orders: Orders {
                window: WINDOW,
                state,
                draw,
                ..Orders::default()
            },
            ..Survey::default()
        }
    }

    /// What is next where this gateway has looked at its disk.
    fn after_disk(survey: &Survey, kept: Option<&KeptDraw>) -> Next {
        let tried = Tried {
            disk: Some(WINDOW),
            no_order: None,
        };
        next(survey, kept, tried)
    }

    #[test]
    fn each_step_follows_from_what_is_there() {
        use WindowState::{Drawing, Open, Prequeue};
        let given = Draw {
            external: Some(External {
                value: "9f".to_owned(),
                at: 0,
            }),
            ..frozen(Some("beacon"))
        };
        let (kept, ordered) = (kept(), ordered());
        let (some, done) = (Some(&kept), Some(&ordered));
        let full = |survey: Survey| Survey {
            roster: 5,
            ..survey
        };
        let cut_off = |survey: Survey, round| Survey {
            frozen: Some(cut(round, 0)),
            ..survey
        };
        let drawing = |draw| survey(Drawing, Some(draw));
        let open = || survey(Open, Some(drawn()));
        for (survey, kept, expected) in [
            (survey(Prequeue, Some(promised(None))), None, Next::Nothing),
            (survey(Open, None), None, Next::Nothing),
            (survey(Open, None), some, Next::Nothing),
            (cut_off(survey(Open, None), 2), None, Next::Round),
            (cut_off(drawing(promised(None)), 0), None, Next::Read),
            (drawing(promised(None)), None, Next::Gather),
            (drawing(frozen(None)), None, Next::Nothing),
            (drawing(promised(None)), some, Next::Freeze),
            (drawing(frozen(None)), some, Next::Draw),
            (drawing(frozen(Some("beacon"))), some, Next::Nothing),
            (drawing(given), some, Next::Draw),
            (drawing(frozen(None)), done, Next::Place),
            (full(drawing(frozen(None))), done, Next::Open),
            (full(open()), None, Next::Restore),
            (open(), None, Next::Nothing),
            (open(), some, Next::Draw),
            (open(), done, Next::Place),
            (full(open()), done, Next::Publish),
        ] {
            assert_eq!(after_disk(&survey, kept), expected, "{survey:?}");
        }
        let elsewhere = next(&open(), None, Tried::default());
        assert_eq!(elsewhere, Next::Recall, "the disk first");
    }

    #[test]
    fn what_is_kept_of_something_else_is_dropped() {
        let other = Draw {
            frozen: frozen(None).frozen.map(|frozen| Frozen {
                root: Hash([9; 32]),
                ..frozen
            }),
            ..promised(None)
        };
        let newer = Survey {
            orders: Orders {
                window: WindowId(8),
                ..survey(WindowState::Prequeue, None).orders
            },
            ..Survey::default()
        };
        let drawing = survey(WindowState::Drawing, Some(other));
        for survey in [newer, drawing] {
            assert_eq!(after_disk(&survey, Some(&kept())), Next::Forget);
        }
        let reseeded = Draw {
            drawn: drawn().drawn.map(|drawn| Drawn {
                seed: Hash([8; 32]),
                ..drawn
            }),
            ..drawn()
        };
        let open = survey(WindowState::Open, Some(reseeded));
        assert_eq!(after_disk(&open, Some(&ordered())), Next::Forget);
    }
}
