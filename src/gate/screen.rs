//! Stage 4: bot rules. What they say is pure judgement of `policy`; here it becomes a verdict.

use std::net::IpAddr;

use http::{HeaderMap, Method};

use crate::policy::rules::{Action, Rules, Subject};

use super::{Refusal, RuleMatch, Trace};

/// Judges a request by the rules; the first rule that matches decides.
///
/// # Errors
/// [`Refusal::Denied`] when a rule denies it.
pub fn screen(
    rules: &Rules,
    address: IpAddr,
    asked: (&Method, &str, &HeaderMap),
    trace: &mut Trace,
) -> Result<(), Refusal> {
    let (method, path, headers) = asked;
    let Some(found) = rules.judge(&Subject {
        address,
        method: method.as_str(),
        path,
        headers,
    }) else {
        return Ok(());
    };
    trace.rule = Some(RuleMatch {
        rule: found.rule,
        action: found.action,
    });
    match found.action {
        Action::Allow => Ok(()),
        Action::Deny => Err(Refusal::Denied),
    }
}
