//! Bot rules as data, and the pure judgement of one request by them.

use std::net::IpAddr;
use std::ops::Range;

use http::header::{HeaderMap, HeaderName, USER_AGENT};
use ipnet::IpNet;
use regex::bytes::{Regex, RegexSet, RegexSetBuilder, SetMatches};

use super::expression::{Expression, PathTest};
use crate::domain::pattern::PathPattern;
use crate::domain::room::RoomName;

/// The most memory all expressions of one kind may take together.
const LARGEST_SET: usize = 16 << 20;

/// What a rule does with the requests it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ends the screening; limits and the room still apply.
    Allow,
    /// Turns the request away.
    Deny,
}

impl Action {
    /// The word in files and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// One rule as it is written. Every condition given must hold; an empty list is no condition.
#[derive(Clone, Debug)]
pub struct RuleText {
    /// Its name, unique among the rules.
    pub name: RoomName,
    /// What it does.
    pub action: Action,
    /// One of these must match a `User-Agent`.
    pub agents: Vec<Expression>,
    /// One of these must hold for the path.
    pub paths: Vec<PathTest>,
    /// The client address must be in one of these.
    pub from: Vec<IpNet>,
    /// A header of this name must have a value that matches.
    pub header: Option<(HeaderName, Expression)>,
}

/// What a rule may look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The client's address, found through the trusted proxies.
    pub address: IpAddr,
    /// The path in [`crate::domain::pattern::match_key`] form.
    pub path: &'a str,
    /// The request's header fields.
    pub headers: &'a HeaderMap,
}

/// What the rules make of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement<'r> {
    /// No rule matched.
    NoRule,
    /// The rule of this name, the first to match, did this.
    Rule(&'r RoomName, Action),
}

/// All rules, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    agents: RegexSet,
    paths: RegexSet,
}

/// A rule whose expressions are in the sets of [`Rules`], at these places.
#[derive(Clone, Debug)]
struct Rule {
    name: RoomName,
    action: Action,
    agents: Range<usize>,
    paths: Vec<PathPattern>,
    path_expressions: Range<usize>,
    from: Vec<IpNet>,
    header: Option<(HeaderName, Regex)>,
}

/// What one rule says.
#[derive(Clone, Debug)]
pub struct Saying<'r> {
    /// Its name.
    pub name: &'r RoomName,
    /// What it does.
    pub action: Action,
    /// Its expressions for a `User-Agent`.
    pub agents: Vec<String>,
    /// Its patterns and expressions for the path.
    pub paths: Vec<String>,
    /// Its networks.
    pub from: &'r [IpNet],
    /// Its header: the name, and the expression, which may be a secret.
    pub header: Option<(&'r str, &'r str)>,
}

/// The expressions of all rules together are too large.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the expressions of all rules together are too large")]
pub struct TooLarge;

impl Default for Rules {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            agents: RegexSet::empty(),
            paths: RegexSet::empty(),
        }
    }
}

impl Rules {
    /// Puts the expressions of `texts` into one set a kind, so that a request is searched once
    /// however many rules there are.
    ///
    /// # Errors
    /// [`TooLarge`] beyond 16 MiB of compiled expressions of one kind.
    pub fn new(texts: Vec<RuleText>) -> Result<Self, TooLarge> {
        let (mut agents, mut paths) = (Gathered::default(), Gathered::default());
        let rules = texts
            .into_iter()
            .map(|text| {
                let (patterns, expressions) = parted(text.paths);
                Rule {
                    name: text.name,
                    action: text.action,
                    agents: agents.add(text.agents),
                    paths: patterns,
                    path_expressions: paths.add(expressions),
                    from: text.from,
                    header: text.header.map(|(name, value)| (name, value.compiled)),
                }
            })
            .collect();
        Ok(Self {
            rules,
            agents: agents.compiled()?,
            paths: paths.compiled()?,
        })
    }

    /// Every rule's name and action, in order: the labels of its metric.
    pub fn names(&self) -> impl Iterator<Item = (&RoomName, Action)> {
        self.rules.iter().map(|rule| (&rule.name, rule.action))
    }

    /// What each rule says, in order, as texts to compare and to show.
    pub fn sayings(&self) -> impl Iterator<Item = Saying<'_>> {
        self.rules.iter().map(|rule| {
            let within = |set: &RegexSet, range: &Range<usize>| {
                set.patterns()
                    .get(range.clone())
                    .unwrap_or_default()
                    .to_vec()
            };
            let mut paths: Vec<String> = rule.paths.iter().map(PathPattern::to_string).collect();
            paths.extend(within(&self.paths, &rule.path_expressions));
            Saying {
                name: &rule.name,
                action: rule.action,
                agents: within(&self.agents, &rule.agents),
                paths,
                from: &rule.from,
                header: rule
                    .header
                    .as_ref()
                    .map(|(name, pattern)| (name.as_str(), pattern.as_str())),
            }
        })
    }

    /// Judges one request: the first rule whose conditions all hold decides.
    #[must_use]
    pub fn judge(&self, subject: &Subject<'_>) -> Judgement<'_> {
        if self.rules.is_empty() {
            return Judgement::NoRule;
        }
        let seen = Seen::of(self, subject);
        self.rules
            .iter()
            .find(|rule| rule.matches(&seen))
            .map_or(Judgement::NoRule, |rule| {
                Judgement::Rule(&rule.name, rule.action)
            })
    }
}

fn parted(tests: Vec<PathTest>) -> (Vec<PathPattern>, Vec<Expression>) {
    let (mut patterns, mut expressions) = (Vec::new(), Vec::new());
    for test in tests {
        match test {
            PathTest::Pattern(pattern) => patterns.push(pattern),
            PathTest::Expression(expression) => expressions.push(expression),
        }
    }
    (patterns, expressions)
}

/// The expressions of one kind, of all rules.
#[derive(Default)]
struct Gathered(Vec<String>);

impl Gathered {
    fn add(&mut self, expressions: Vec<Expression>) -> Range<usize> {
        let start = self.0.len();
        self.0.extend(expressions.into_iter().map(|one| one.source));
        start..self.0.len()
    }

    fn compiled(&self) -> Result<RegexSet, TooLarge> {
        RegexSetBuilder::new(&self.0)
            .case_insensitive(true)
            .unicode(false)
            .size_limit(LARGEST_SET)
            .build()
            .map_err(|_| TooLarge)
    }
}

/// A request, searched.
struct Seen<'a> {
    address: IpAddr,
    path: &'a str,
    headers: &'a HeaderMap,
    /// The agent expressions that match, one set for each `User-Agent` there is.
    agents: Vec<SetMatches>,
    paths: SetMatches,
}

impl<'a> Seen<'a> {
    fn of(rules: &Rules, subject: &Subject<'a>) -> Self {
        let agents = subject.headers.get_all(USER_AGENT).iter();
        Self {
            address: subject.address.to_canonical(),
            path: subject.path,
            headers: subject.headers,
            agents: agents
                .map(|agent| rules.agents.matches(agent.as_bytes()))
                .collect(),
            paths: rules.paths.matches(subject.path.as_bytes()),
        }
    }
}

impl Rule {
    fn matches(&self, seen: &Seen<'_>) -> bool {
        self.address_fits(seen)
            && self.path_fits(seen)
            && self.agent_fits(seen)
            && self.header_fits(seen)
    }

    fn address_fits(&self, seen: &Seen<'_>) -> bool {
        self.from.is_empty() || self.from.iter().any(|net| net.contains(&seen.address))
    }

    fn path_fits(&self, seen: &Seen<'_>) -> bool {
        if self.paths.is_empty() && self.path_expressions.is_empty() {
            return true;
        }
        self.paths.iter().any(|pattern| pattern.covers(seen.path))
            || any_within(&self.path_expressions, &seen.paths)
    }

    fn agent_fits(&self, seen: &Seen<'_>) -> bool {
        let fits = |agent| any_within(&self.agents, agent);
        self.agents.is_empty() || seen.agents.iter().any(fits)
    }

    fn header_fits(&self, seen: &Seen<'_>) -> bool {
        self.header.as_ref().is_none_or(|(name, value)| {
            let mut values = seen.headers.get_all(name).iter();
            values.any(|given| value.is_match(given.as_bytes()))
        })
    }
}

fn any_within(range: &Range<usize>, matches: &SetMatches) -> bool {
    matches.iter().any(|index| range.contains(&index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;
    use std::str::FromStr;

    fn rule(name: &str, action: Action) -> RuleText {
        RuleText {
            name: name.parse().unwrap(),
            action,
            agents: Vec::new(),
            paths: Vec::new(),
            from: Vec::new(),
            header: None,
        }
    }

    fn all<T: FromStr<Err: std::fmt::Debug>>(sources: &[&str]) -> Vec<T> {
        sources.iter().map(|one| one.parse().unwrap()).collect()
    }

    fn agent(agent: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_bytes(agent).unwrap());
        headers
    }

    fn judged(rules: &Rules, address: &str, path: &str, headers: &HeaderMap) -> String {
        let subject = Subject {
            address: address.parse().unwrap(),
            path,
            headers,
        };
        match rules.judge(&subject) {
            Judgement::NoRule => "no rule".to_owned(),
            Judgement::Rule(name, action) => format!("{} {name}", action.word()),
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = Rules::new(vec![
            RuleText {
                from: vec!["192.0.2.0/24".parse().unwrap()],
                ..rule("office", Action::Allow)
            },
            RuleText {
                agents: all(&["\\bsqlmap\\b", "\\bnikto\\b"]),
                ..rule("scanners", Action::Deny)
            },
        ])
        .unwrap();
        let scanner = agent(b"Nikto/2.5");

        assert_eq!(judged(&rules, "192.0.2.7", "/", &scanner), "allow office");
        assert_eq!(
            judged(&rules, "198.51.100.7", "/", &scanner),
            "deny scanners"
        );
        assert_eq!(
            judged(&rules, "198.51.100.7", "/", &agent(b"curl/8")),
            "no rule"
        );
        assert_eq!(
            judged(&rules, "::ffff:192.0.2.7", "/", &scanner),
            "allow office",
            "a mapped IPv4 address is that IPv4 address"
        );
    }

    #[test]
    fn every_condition_of_a_rule_must_hold() {
        let rules = Rules::new(vec![RuleText {
            agents: all(&["bot"]),
            paths: all(&["/buy/*"]),
            from: vec!["2001:db8::/32".parse().unwrap()],
            header: Some((HeaderName::from_static("x-key"), "^k$".parse().unwrap())),
            ..rule("narrow", Action::Deny)
        }])
        .unwrap();
        let mut headers = agent(b"a bot");
        headers.append("x-key", HeaderValue::from_static("other"));
        assert_eq!(judged(&rules, "2001:db8::1", "/buy/1", &headers), "no rule");
        headers.append("x-key", HeaderValue::from_static("k"));

        assert_eq!(
            judged(&rules, "2001:db8::1", "/buy/1", &headers),
            "deny narrow"
        );
        assert_eq!(judged(&rules, "2001:db9::1", "/buy/1", &headers), "no rule");
        assert_eq!(judged(&rules, "2001:db8::1", "/buyer", &headers), "no rule");
        headers.insert(USER_AGENT, HeaderValue::from_static("browser"));
        assert_eq!(judged(&rules, "2001:db8::1", "/buy/1", &headers), "no rule");
    }

    #[test]
    fn a_path_is_covered_by_a_pattern_or_by_an_expression() {
        let rules = Rules::new(vec![RuleText {
            paths: all(&["/.git/*", "^.*\\.PHP$"]),
            ..rule("probes", Action::Deny)
        }])
        .unwrap();
        let none = HeaderMap::new();
        for path in ["/.git/config", "/.git", "/x/y.php"] {
            assert_eq!(judged(&rules, "::1", path, &none), "deny probes", "{path}");
        }
        assert_eq!(judged(&rules, "::1", "/x.php5", &none), "no rule");
    }

    #[test]
    fn an_agent_is_not_hidden_by_odd_bytes_or_by_a_second_one() {
        let rules = Rules::new(vec![RuleText {
            agents: all(&["sqlmap"]),
            ..rule("scanners", Action::Deny)
        }])
        .unwrap();
        assert_eq!(
            judged(&rules, "::1", "/", &agent(b"\xff sqlmap")),
            "deny scanners"
        );
        let mut two = agent(b"Mozilla");
        two.append(USER_AGENT, HeaderValue::from_static("sqlmap"));
        assert_eq!(judged(&rules, "::1", "/", &two), "deny scanners");
        assert_eq!(judged(&rules, "::1", "/", &HeaderMap::new()), "no rule");
    }

    proptest! {
        #[test]
        fn any_agent_can_be_judged(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let rules = Rules::new(vec![RuleText {
                agents: all(&["(a|aa)+$", "\\w+x"]),
                ..rule("r", Action::Deny)
            }]).unwrap();
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                headers.insert(USER_AGENT, value);
            }
            judged(&rules, "::1", "/", &headers);
        }
    }
}
