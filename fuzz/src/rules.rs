//! Bot rules: all together say what the first says that holds by itself.

use std::net::IpAddr;

use anteroom::policy::rules::{Action, Judgement, RuleText, Rules, Subject};
use http::{HeaderMap, HeaderName, HeaderValue};

/// More than enough to have them disagree.
const MOST: usize = 6;

/// Lines: `+` or `-` begins a rule that allows or denies; `a`, `p`, `f` and `h` give it agents,
/// paths, networks and a header; `A`, `P`, `I` and `H` say the same of the request.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut texts: Vec<RuleText> = Vec::new();
    let (mut headers, mut path) = (HeaderMap::new(), "/");
    let mut address: IpAddr = [9, 9, 9, 9].into();
    for line in text.lines().filter(|line| line.len() < 120).take(40) {
        let Some((letter, said)) = line.split_at_checked(1) else {
            continue;
        };
        match letter {
            "+" if texts.len() < MOST => texts.push(rule(texts.len(), Action::Allow)),
            "-" if texts.len() < MOST => texts.push(rule(texts.len(), Action::Deny)),
            "A" => say(&mut headers, "user-agent", said),
            "H" => {
                let (name, value) = said.split_once(':').unwrap_or((said, ""));
                say(&mut headers, name, value);
            }
            "P" => path = said,
            "I" => address = said.parse().unwrap_or(address),
            _ => add(&mut texts, letter, said),
        }
    }
    let subject = Subject {
        address,
        path,
        headers: &headers,
    };
    let Ok(together) = Rules::new(texts.clone()) else {
        return;
    };
    let alone = texts.iter().find_map(|text| {
        let rules = Rules::new(vec![text.clone()]).ok()?;
        match rules.judge(&subject) {
            Judgement::NoRule => None,
            Judgement::Rule(name, action) => Some((name.clone(), action)),
        }
    });
    let together = match together.judge(&subject) {
        Judgement::NoRule => None,
        Judgement::Rule(name, action) => Some((name.clone(), action)),
    };
    assert_eq!(together, alone, "{texts:?} {subject:?}");
}

fn rule(number: usize, action: Action) -> RuleText {
    RuleText {
        name: format!("rule-{number}").parse().unwrap(),
        action,
        agents: Vec::new(),
        paths: Vec::new(),
        from: Vec::new(),
        header: None,
    }
}

fn add(texts: &mut [RuleText], letter: &str, said: &str) {
    let Some(rule) = texts.last_mut() else {
        return;
    };
    match letter {
        "a" => rule.agents.extend(said.parse()),
        "p" => rule.paths.extend(said.parse()),
        "f" => rule.from.extend(said.parse::<ipnet::IpNet>()),
        "h" => {
            let (name, value) = said.split_once(':').unwrap_or((said, ""));
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
                rule.header = Some((name, value));
            }
        }
        _ => {}
    }
}

fn say(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
        headers.append(name, value);
    }
}
