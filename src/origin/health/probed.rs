//! What an origin's answers to our own questions have led to. Pure.

use crate::origin::Check;

/// Whether an origin is well, as far as it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    unwell: bool,
    /// Answers in a row that speak against the present state.
    against: u32,
}

/// One answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is well.
    Good,
    /// It is not, or gave no answer.
    Bad,
}

impl Probed {
    /// Whether it is thought unwell. Until it was asked it is thought well.
    pub const fn is_unwell(self) -> bool {
        self.unwell
    }

    /// Takes an answer into account. `true` if it is thought otherwise from now on.
    pub const fn hear(&mut self, answer: Answer, check: &Check) -> bool {
        let (contradicts, needed) = match (answer, self.unwell) {
            (Answer::Good, true) => (true, check.healthy_after),
            (Answer::Bad, false) => (true, check.unhealthy_after),
            (Answer::Good, false) | (Answer::Bad, true) => (false, 0),
        };
        if !contradicts {
            self.against = 0;
            return false;
        }
        self.against = self.against.saturating_add(1);
        if self.against < needed {
            return false;
        }
        self.unwell = !self.unwell;
        self.against = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use http::uri::PathAndQuery;

    use super::*;

    #[test]
    fn only_so_many_answers_in_a_row_change_what_is_thought_of_an_origin() {
        let check = Check {
            path: PathAndQuery::from_static("/healthz"),
            host: HeaderValue::from_static("shop"),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            healthy_after: 2,
            unhealthy_after: 3,
        };
        let mut probed = Probed::default();
        let mut after = String::new();
        for answer in "bbgbbbgbggbgb".chars() {
            let answer = match answer {
                'g' => Answer::Good,
                _ => Answer::Bad,
            };
            probed.hear(answer, &check);
            after.push(if probed.is_unwell() { 'u' } else { 'w' });
        }
        assert_eq!(after, "wwwwwuuuuwwww");
    }
}
