//! Whether a Redis may hold a queue, judged by what its `INFO` says.

/// The oldest version whose scripts can be relied on.
const OLDEST: u32 = 7;

/// Says what keeps a Redis from being used, and what to do about it.
///
/// A replica takes no orders, a server that is loading knows only half, and one that drops keys
/// when its memory is full would lose visitors from the line.
pub(super) fn judge(info: &str) -> Result<(), String> {
    let field = |name| field(info, name);
    let version = field("redis_version").unwrap_or("without a number");
    let major = version.split('.').next().and_then(|it| it.parse().ok());
    if major.is_none_or(|major: u32| major < OLDEST) {
        return Err(format!(
            "it is Redis {version}: Anteroom needs version {OLDEST} or newer"
        ));
    }
    if field("loading").is_some_and(|loading| loading != "0") {
        return Err("it is still loading its data".to_owned());
    }
    if field("cluster_enabled") == Some("1") {
        return Err(
            "it is a node of a Redis Cluster, which is not available in this version".to_owned(),
        );
    }
    if field("role") != Some("master") {
        return Err("it is no master: let `[store] url` name the master".to_owned());
    }
    let limited = field("maxmemory") != Some("0");
    match field("maxmemory_policy") {
        Some("noeviction") => Ok(()),
        Some(policy) if !limited && !policy.starts_with("allkeys-") => Ok(()),
        policy => Err(format!(
            "its maxmemory-policy is `{}`, which would drop visitors from the line when memory is \
             short: set maxmemory-policy noeviction",
            policy.unwrap_or("unknown")
        )),
    }
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    info.lines().find_map(value).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIT: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n# Memory\r\n\
        maxmemory:0\r\nmaxmemory_policy:noeviction\r\nloading:0\r\nrole:master\r\ncluster_enabled:0\r\n";

    #[test]
    fn a_redis_is_used_only_if_it_keeps_what_it_is_given() {
        assert_eq!(judge(FIT), Ok(()));
        for (from, to, part) in [
            ("7.0.15", "6.2.7", "Redis 6.2.7: Anteroom needs version 7"),
            ("redis_version", "version", "Redis without a number"),
            ("loading:0", "loading:1", "still loading"),
            ("role:master", "role:slave", "no master"),
            ("role:master", "", "no master"),
            ("cluster_enabled:0", "cluster_enabled:1", "Cluster"),
            (
                "noeviction",
                "allkeys-lru",
                "set maxmemory-policy noeviction",
            ),
            ("maxmemory_policy", "policy", "policy is `unknown`"),
        ] {
            let fault = judge(&FIT.replace(from, to)).unwrap_err();
            assert!(fault.contains(part), "{to}: {fault}");
        }
    }

    #[test]
    fn keys_with_an_expiry_may_go_only_where_memory_has_no_limit() {
        let volatile = FIT.replace("noeviction", "volatile-lru");
        assert_eq!(judge(&volatile), Ok(()), "it never evicts without a limit");
        let limited = volatile.replace("maxmemory:0", "maxmemory:1000000");
        assert!(judge(&limited).is_err());
        assert_eq!(
            judge(&limited.replace("volatile-lru", "noeviction")),
            Ok(())
        );
        assert_eq!(judge(&FIT.replace("7.0.15", "10.1.0")), Ok(()));
    }
}
