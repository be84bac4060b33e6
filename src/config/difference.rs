//! What is different between two checked configurations, setting by setting.

mod encryption;
mod rooms;
mod sites;
mod things;

use std::collections::BTreeSet;

use super::Config;
use super::gateway::Keys;
use crate::control::policies::Change;
use crate::policy::rules::Rules;
use crate::text::wording::shown;
use things::{Set, Thing, lasting, things};

/// What is different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What can take effect while the gateway runs.
    pub changes: Vec<Change>,
    /// What only a restart puts into force: listeners, store, key folder, audit log, limits on connections.
    pub needs_restart: Vec<Change>,
}

impl Config {
    /// What is different in `next`.
    #[must_use]
    pub fn difference(&self, next: &Self) -> Difference {
        let reached = next.clone().as_far_as_it_goes(self);
        let mut needs_restart = changed(lasting(self), lasting(next));
        if self.store.url != next.store.url {
            needs_restart.push(Change::unshown("[store]", "url"));
        }
        needs_restart.extend(changed(things(&reached), things(next)));
        let mut changes = changed(things(self), things(&reached));
        if in_common(&self.rules, &next.rules) != in_common(&next.rules, &self.rules) {
            changes.push(Change::unshown("rules", "order"));
        }
        Difference {
            changes,
            needs_restart,
        }
    }

    /// The same configuration with what only a restart changes as `running` has it. `[tls]` comes
    /// and goes with its listeners.
    #[must_use]
    pub fn as_far_as_it_goes(self, running: &Self) -> Self {
        let tls = match running.listen.tls.as_slice() {
            [] => None,
            [..] => self.tls.or_else(|| running.tls.clone()),
        };
        Self {
            listen: running.listen.clone(),
            tls,
            store: running.store.clone(),
            keys: Keys {
                dir: running.keys.dir.clone(),
                issuer: self.keys.issuer,
            },
            audit: running.audit.clone(),
            connections: running.connections,
            ..self
        }
    }
}

/// Every change from one list of things to another, those that are gone last.
fn changed(before: Vec<Thing>, after: Vec<Thing>) -> Vec<Change> {
    let mut gone: Vec<Thing> = before;
    let mut changes = Vec::new();
    for next in after {
        match gone.iter().position(|last| last.name == next.name) {
            None => changes.push(Change::added(&next.name)),
            Some(at) => settings_changed(&gone.remove(at), &next, &mut changes),
        }
    }
    changes.extend(gone.iter().map(|thing| Change::removed(&thing.name)));
    changes
}

fn settings_changed(before: &Thing, after: &Thing, changes: &mut Vec<Change>) {
    let pairs = before.settings.iter().zip(&after.settings);
    for ((key, last), (_, next)) in pairs.filter(|(last, next)| last.1 != next.1) {
        let change = Change::unshown(&after.name, key);
        changes.push(match (last, next) {
            // What differs only where it is cut off is not shown as if it were the same.
            (Set::Shown(last), Set::Shown(next)) if shown(last) != shown(next) => Change {
                before: Some(shown(last)),
                after: Some(shown(next)),
                ..change
            },
            (Set::Shown(_) | Set::Unshown(_), Set::Shown(_) | Set::Unshown(_)) => change,
        });
    }
}

/// The names of those rules that `other` has too, in order.
fn in_common(rules: &Rules, other: &Rules) -> Vec<String> {
    let known: BTreeSet<&str> = other.names().map(|(name, _)| name.as_str()).collect();
    let names = rules.names().map(|(name, _)| name.as_str());
    let common = names.filter(|name| known.contains(name));
    common.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, read};

    const GATEWAY: &str = "[listen]\npublic = ['127.0.0.1:8700']\n[store]\nurl = 'embedded:./data'\n\
        [keys]\ndir = './keys'\n[proxies]\ntrusted = []\n\
        [[control.token]]\nname = 'alice'\nrole = 'operator'\nsha256 = '{A}'\n\
        [[site]]\nname = 'shop'\nhosts = ['*.example:8443']\norigin = ['http://127.0.0.1:8702']\n";
    const DERBY: &str = "name = 'derby'\nsite = 'shop'\npaths = ['/buy/*']\n\
        [pace]\nper_minute = 600\n[capacity]\nactive = 5000\n\
        [[exempt]]\nheader = 'x-key'\nsha256 = '{A}'\n";
    const LIMITS: &str = "[[limit]]\nname = 'all'\nper = 'address'\nrate = 10\n";
    const BOTS: &str = "[[rule]]\nname = 'one'\naction = 'deny'\nagent = ['a', 'b']\npath = '/x/*'\n\
        [[rule]]\nname = 'two'\naction = 'deny'\npath = '^/y'\n\
        header = { name = 'x-pass', pattern = 'hush' }\n";
    const FILES: [(&str, &str); 4] = [
        ("anteroom.toml", GATEWAY),
        ("rooms/derby.toml", DERBY),
        ("limits.toml", LIMITS),
        ("bots.toml", BOTS),
    ];

    fn config(files: &[(&str, String)]) -> Config {
        let mut sources = Sources::default();
        for (name, text) in files {
            let text = text.replace("{A}", &"a".repeat(64));
            sources
                .add(name, &text.replace("{B}", &"b".repeat(64)))
                .unwrap();
        }
        let checked = read(&sources);
        checked.unwrap_or_else(|faults| panic!("{faults}")).config
    }

    fn files() -> Vec<(&'static str, String)> {
        FILES.map(|(name, text)| (name, text.to_owned())).into()
    }

    /// What changes when a text is replaced by another in every file that has it.
    fn replaced(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
        assert!(FILES.iter().any(|(_, text)| text.contains(old)), "{old}");
        let mut next = files();
        for (_, text) in &mut next {
            *text = text.replace(old, new);
        }
        told(&config(&files()).difference(&config(&next)))
    }

    fn told(difference: &Difference) -> (Vec<String>, Vec<String>) {
        let lines = |changes: &[Change]| changes.iter().map(Change::to_string).collect();
        (lines(&difference.changes), lines(&difference.needs_restart))
    }

    #[test]
    fn tls_needs_its_listener_and_certificates_change_by_their_files() {
        let with = |listen: &str, more: &str| {
            let mut files = files();
            let gateway = &mut files[0].1;
            *gateway = gateway.replacen("[store]", &format!("{listen}[store]"), 1);
            gateway.push_str(more);
            config(&files)
        };
        let first = "[[tls.certificate]]\nchain = 'a.pem'\nkey = 'a.key'\n";
        let second = "[[tls.certificate]]\nchain = 'b.pem'\nkey = 'b.key'\n";
        let plain = with("", "");
        let one = with("tls = '0.0.0.0:443'\n", first);
        let two = with(
            "tls = '0.0.0.0:443'\n",
            &format!("{first}{second}[tls]\nmin_version = '1.3'\n"),
        );
        assert_eq!(
            told(&plain.difference(&one)),
            (
                vec![],
                vec![
                    "[listen]: tls [] → [0.0.0.0:443]".into(),
                    "[tls]: added".into(),
                    "certificate a.pem: added".into()
                ]
            )
        );
        assert_eq!(
            told(&one.difference(&plain)),
            (
                vec![],
                vec![
                    "[listen]: tls [0.0.0.0:443] → []".into(),
                    "[tls]: removed".into(),
                    "certificate a.pem: removed".into()
                ]
            )
        );
        assert_eq!(
            told(&one.difference(&two)).0,
            ["[tls]: min_version 1.2 → 1.3", "certificate b.pem: added"]
        );
        assert_eq!(one.clone().as_far_as_it_goes(&plain).tls, None);
        assert_eq!(plain.clone().as_far_as_it_goes(&one).tls, one.tls);
        assert_eq!(two.clone().as_far_as_it_goes(&one).tls, two.tls);
        let elsewhere = with("tls = '0.0.0.0:8443'\n", first);
        let in_force = elsewhere.clone().as_far_as_it_goes(&one);
        let port = in_force.tls.unwrap().secure_port(&in_force.listen);
        assert_eq!(port.unwrap().get(), 443, "where somebody listens");
        assert_eq!(told(&one.difference(&elsewhere)).0, [""; 0]);
    }

    #[test]
    fn every_setting_that_is_another_is_named_with_both_its_values() {
        for (old, new, line) in [
            (
                "minute = 600",
                "minute = 630",
                "room derby: pace.per_minute 600 → 630",
            ),
            (
                "active = 5000",
                "active = 9",
                "room derby: capacity.active 5000 → 9",
            ),
            (
                "active = 5000",
                "",
                "room derby: capacity.active 5000 → none",
            ),
            (
                "['/buy/*']",
                "['/buy/*', '/a']",
                "room derby: paths [/buy/*] → [/buy/*, /a]",
            ),
            (
                "rate = 10",
                "rate = 10\nburst = 7",
                "limit all: burst 10 → 7",
            ),
            (
                "'*.example:8443'",
                "'*'",
                "site shop: hosts [*.example:8443] → [*]",
            ),
            (
                ":8702']",
                ":8703']",
                "site shop: origin [http://127.0.0.1:8702] → [http://127.0.0.1:8703]",
            ),
            (
                "trusted = []",
                "trusted = ['10.0.0.0/8']",
                "[proxies]: trusted [] → [10.0.0.0/8]",
            ),
            (
                "'operator'",
                "'admin'",
                "control token alice: role operator → admin",
            ),
            ("['a', 'b']", "'c'", "rule one: agent [a, b] → [c]"),
            ("'^/y'", "'/y'", "rule two: path [^/y] → [/y]"),
        ] {
            assert_eq!(replaced(old, new), (vec![line.to_owned()], vec![]), "{old}");
        }
    }

    #[test]
    fn secrets_are_named_and_never_shown() {
        let (changes, _) = replaced("{A}", "{B}");
        assert_eq!(
            changes,
            [
                "control token alice: sha256 changed",
                "room derby: exempt.sha256 changed"
            ]
        );
        let (changes, _) = replaced("'hush'", "'whisper'");
        assert_eq!(changes, ["rule two: header.pattern changed"]);
        let (changes, restart) = replaced("embedded:./data", "embedded:./other");
        assert_eq!(
            (changes.len(), restart),
            (0, vec!["[store]: url changed".into()])
        );
    }

    #[test]
    fn listeners_store_and_key_folder_need_a_restart_and_stay_as_they_are() {
        let mut next = files();
        next[0].1 = GATEWAY
            .replace("127.0.0.1:8700", "127.0.0.1:1")
            .replace("'./keys'", "'./other'\nissuer = 'me'")
            .replace("[proxies]", "[connections]\ndrain_s = 5\n[proxies]");
        let (running, next) = (config(&files()), config(&next));

        let (changes, restart) = told(&running.difference(&next));

        assert_eq!(changes, ["[keys]: issuer anteroom → me"]);
        assert_eq!(
            restart,
            [
                "[listen]: public [127.0.0.1:8700] → [127.0.0.1:1]",
                "[keys]: dir ./keys → ./other",
                "[connections]: drain_s 30 → 5"
            ]
        );
        let in_force = next.clone().as_far_as_it_goes(&running);
        assert_eq!(running.difference(&in_force).needs_restart, []);
        assert_eq!(in_force.keys.issuer, "me");
        let still = in_force.difference(&next);
        assert_eq!((still.changes.len(), still.needs_restart.len()), (0, 3));
    }

    #[test]
    fn what_comes_and_goes_is_named() {
        let mut next = files();
        next[1] = ("rooms/final.toml", DERBY.replace("derby", "final"));
        next[3].1 = BOTS.replace("'one'", "'three'");
        let (changes, _) = told(&config(&files()).difference(&config(&next)));
        assert_eq!(
            changes,
            [
                "room final: added",
                "rule three: added",
                "room derby: removed",
                "rule one: removed"
            ]
        );
    }

    #[test]
    fn the_same_files_differ_in_nothing_but_the_order_of_rules_counts() {
        let same = config(&files()).difference(&config(&files()));
        assert_eq!(same, Difference::default());
        let mut next = files();
        let (one, two) = BOTS.split_once("[[rule]]\nname = 'two'").unwrap();
        next[3].1 = format!("[[rule]]\nname = 'two'{two}{one}");
        let (changes, _) = told(&config(&files()).difference(&config(&next)));
        assert_eq!(changes, ["rules: order changed"]);
    }

    #[test]
    fn a_long_value_that_differs_at_its_end_is_not_shown() {
        let long = |last: &str| format!("['/{}', '/{last}']", "x".repeat(80));
        let mut one = files();
        one[1].1 = DERBY.replace("['/buy/*']", &long("a"));
        let mut other = files();
        other[1].1 = DERBY.replace("['/buy/*']", &long("b"));
        let (changes, _) = told(&config(&one).difference(&config(&other)));
        assert_eq!(changes, ["room derby: paths changed"]);
    }
}
