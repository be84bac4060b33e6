//! Stage 4: bot rules. What they say is pure judgement of `policy`; here it becomes a verdict.

use std::net::IpAddr;

use http::HeaderMap;

use crate::policy::rules::{Action, Judgement, Rules, Subject};

use super::{Refusal, Trace};

/// Judges a request by the rules; the first rule that matches decides.
///
/// # Errors
/// [`Refusal::Denied`] when a rule denies it.
pub fn screen(
    rules: &Rules,
    address: IpAddr,
    asked: (&str, &HeaderMap),
    trace: &mut Trace,
) -> Result<(), Refusal> {
    let (path, headers) = asked;
    let found = rules.judge(&Subject {
        address,
        path,
        headers,
    });
    let Judgement::Rule(rule, action) = found else {
        return Ok(());
    };
    trace.rule = Some((rule.clone(), action));
    match action {
        Action::Allow => Ok(()),
        Action::Deny => Err(Refusal::Denied),
    }
}
