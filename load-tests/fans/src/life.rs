//! One fan's visit, as it is written down.

use std::fmt::Write as _;

use crate::check::Sight;
use crate::mind::End;
use crate::seen::{Seen, State};

/// One fan's visit; moments are seconds since the beginning.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// When it came.
    pub arrived_s: Option<f64>,
    /// When it had its first token.
    pub token_s: Option<f64>,
    /// When it first saw its position.
    pub joined_s: Option<f64>,
    /// The position it saw then.
    pub first_position: Option<u64>,
    /// The number of its place.
    pub place: Option<u64>,
    /// When it saw that it was called.
    pub called_s: Option<f64>,
    /// When it was in.
    pub admitted_s: Option<f64>,
    /// When it was gone.
    pub gone_s: Option<f64>,
    /// How its visit ended; nothing while it was there when the run ended.
    pub end: Option<End>,
}

impl Life {
    /// Writes down what an answer told.
    pub fn learns(&mut self, sight: &Sight<'_>) {
        let at = sight.at.as_secs_f64();
        let Seen::Line(standing) = sight.seen else {
            if *sight.seen == Seen::Site {
                self.called_s.get_or_insert(at);
                self.admitted_s.get_or_insert(at);
            }
            return;
        };
        self.token_s.get_or_insert(at);
        if let Some(position) = standing.position {
            self.joined_s.get_or_insert(at);
            self.first_position.get_or_insert(position);
        }
        self.place = self.place.or(sight.place);
        match standing.state {
            State::Released => _ = self.called_s.get_or_insert(at),
            State::Admitted => {
                self.called_s.get_or_insert(at);
                self.admitted_s.get_or_insert(at);
            }
            State::Waits | State::Shut => {}
        }
    }
}

/// One row a fan, as comma-separated values.
#[must_use]
pub fn rows(lives: &[Life]) -> String {
    let mut text =
        "fan,arrived_s,token_s,joined_s,first_position,place,called_s,admitted_s,gone_s,end\n"
            .to_owned();
    for (life, fan) in lives.iter().zip(0_u32..) {
        let seconds = |moment: Option<f64>| moment.map(|at| format!("{at:.3}")).unwrap_or_default();
        let number =
            |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let _ = writeln!(
            text,
            "{fan},{},{},{},{},{},{},{},{},{}",
            seconds(life.arrived_s),
            seconds(life.token_s),
            seconds(life.joined_s),
            number(life.first_position),
            number(life.place),
            seconds(life.called_s),
            seconds(life.admitted_s),
            seconds(life.gone_s),
            life.end.map(End::word).unwrap_or_default()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fan_is_one_row() {
        let life = Life {
            arrived_s: Some(1.5),
            end: Some(End::Vanished),
            ..Life::default()
        };
        let text = rows(&[Life::default(), life]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1..], ["0,,,,,,,,,", "1,1.500,,,,,,,,vanished"]);
    }
}
