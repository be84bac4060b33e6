//! The link against real servers that are killed, stopped, full, replicas, or set up wrongly.

use std::future::Future;
use std::sync::LazyLock;

use super::*;
use crate::domain::clock::Clock;
use crate::store::redis::server::Server;

/// Counts how often it ran, at its one key.
static COUNT: LazyLock<Script> =
    LazyLock::new(|| Script::new("count", "return redis.call('INCR', KEYS[1])"));

static READ: LazyLock<Script> =
    LazyLock::new(|| Script::new("read", "return redis.call('EXISTS', KEYS[1])"));

static ECHO: LazyLock<Script> =
    LazyLock::new(|| Script::new("echo", "return {KEYS[1], ARGV[1], ARGV[2], #KEYS, #ARGV}"));

async fn count(link: &Link) -> Result<Value, StoreError> {
    link.call(&COUNT, &["n".to_owned()], &[]).await
}

fn why(answer: Result<Value, StoreError>) -> String {
    match answer {
        Err(StoreError::Unreachable(source)) => source.to_string(),
        other => panic!("not unreachable: {other:?}"),
    }
}

/// Asks until `look` finds something, for at most `most`.
async fn within<T, F: Future<Output = Option<T>>>(
    most: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let search = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let found = tokio::time::timeout(most, search).await;
    found.unwrap_or_else(|_| panic!("{what}: not within {most:?}"))
}

const SOON: Duration = Duration::from_secs(5);

/// Waits until calls are answered.
async fn works(link: &Link) {
    let look = || async { count(link).await.ok() };
    within(SOON, "the link works", look).await;
}

/// Waits until calls are refused with a sentence that holds `part`.
async fn says(link: &Link, part: &str) {
    let look = || async {
        let refused = count(link).await.err();
        let source = match refused {
            Some(StoreError::Unreachable(source)) => source.to_string(),
            _ => return None,
        };
        source.contains(part).then_some(())
    };
    within(SOON, part, look).await;
}

#[tokio::test]
async fn keys_and_arguments_arrive_whole_and_in_order() {
    let server = Server::start(&[]);
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
    let link = Link::new(client.get_multiplexed_async_connection().await.unwrap());
    for round in ["by its text", "by its digest"] {
        let every_byte: Vec<u8> = (0..=255).collect();
        let args = [every_byte.clone(), Vec::new()];
        let answer = link.call(&ECHO, &["a{b}".to_owned()], &args).await.unwrap();
        let expected = vec![
            Value::BulkString(b"a{b}".to_vec()),
            Value::BulkString(every_byte),
            Value::BulkString(Vec::new()),
            Value::Int(1),
            Value::Int(2),
        ];
        assert_eq!(answer, Value::Array(expected), "{round}");
    }
}

#[tokio::test]
async fn a_link_opens_without_a_server_and_works_once_there_is_one() {
    let mut server = Server::start(&[]);
    server.kill();
    let link = Link::open(server.address());
    assert_eq!(why(count(&link).await), "Redis has not answered yet");
    says(&link, "cannot be reached").await;
    server.restart();
    works(&link).await;
}

#[tokio::test]
async fn a_killed_server_fails_calls_at_once_and_one_that_is_back_is_used_again() {
    let mut server = Server::start(&[]);
    let link = Link::open(server.address());
    works(&link).await;
    server.kill();
    says(&link, "cannot be reached").await;
    let clock = Clock::machine();
    for _ in 0..100 {
        assert!(count(&link).await.is_err());
    }
    let took = clock.now().mono;
    assert!(took < DEADLINE / 2, "a hundred calls waited {took:?}");
    // Long enough for the longest pause between two attempts.
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.restart();
    works(&link).await;
}

#[tokio::test]
async fn a_flushed_script_cache_is_not_noticed() {
    let server = Server::start(&[]);
    let link = Link::open(server.address());
    works(&link).await;
    let before = server.number("n");
    for _ in 0..3 {
        server.run(&["SCRIPT", "FLUSH"]);
        count(&link).await.unwrap();
        count(&link).await.unwrap();
    }
    assert_eq!(server.number("n"), before + 6);
}

#[tokio::test]
async fn a_call_that_failed_on_its_way_through_is_not_sent_again() {
    static HALF: LazyLock<Script> = LazyLock::new(|| {
        let text = "redis.call('INCR', KEYS[1]) return redis.error_reply('HALF done')";
        Script::new("half", text)
    });
    let server = Server::start(&[]);
    let link = Link::open(server.address());
    works(&link).await;
    let before = server.number("n");
    for _ in 0..2 {
        let half = link.call(&HALF, &["n".to_owned()], &[]).await;
        assert!(why(half).contains("HALF"));
    }
    assert_eq!(server.number("n"), before + 2);
}

#[tokio::test]
async fn a_call_whose_connection_is_cut_is_not_sent_again() {
    let server = Server::start(&[]);
    let link = Arc::new(Link::open(server.address()));
    works(&link).await;
    let before = server.number("n");
    server.run(&["CLIENT", "PAUSE", "20000", "WRITE"]);
    let calling = Arc::clone(&link);
    let call = tokio::spawn(async move { count(&calling).await });
    let arrived = || async {
        let blocked = server.run(&["INFO", "clients"]);
        let blocked: String = redis::from_redis_value(blocked).unwrap();
        blocked.contains("blocked_clients:1").then_some(())
    };
    within(SOON, "the call is held up", arrived).await;
    server.run(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert!(why(call.await.unwrap()).contains("was lost"));
    server.run(&["CLIENT", "UNPAUSE"]);
    let read = || async { link.call(&READ, &["n".to_owned()], &[]).await.ok() };
    within(SOON, "the link is back", read).await;
    assert_eq!(server.number("n"), before);
}

#[tokio::test]
async fn a_server_that_stands_still_gets_no_more_than_fits_and_nothing_twice() {
    let server = Server::start(&[]);
    let link = Arc::new(Link::open(server.address()));
    works(&link).await;
    let before = server.number("n");
    server.stop();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..3 * MOST_IN_FLIGHT {
        let link = Arc::clone(&link);
        calls.spawn(async move { count(&link).await });
    }
    for answer in calls.join_all().await {
        assert!(
            matches!(answer, Err(StoreError::Timeout { waited }) if waited == DEADLINE),
            "{answer:?}"
        );
    }
    let late = count(&link).await;
    assert!(
        late.is_err(),
        "their callers went, but not the calls: {late:?}"
    );
    server.go_on();
    works(&link).await;
    let sent = u64::try_from(MOST_IN_FLIGHT).unwrap();
    let done = server.number("n") - before;
    assert_eq!(
        done,
        sent + 1,
        "each that was sent was done once, and no other"
    );
}

#[tokio::test]
async fn a_silent_server_is_given_up_and_found_again() {
    let server = Server::start(&[]);
    let link = Link::open(server.address());
    works(&link).await;
    server.stop();
    says(&link, "no answer within 2s").await;
    server.go_on();
    works(&link).await;
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_no_answer_from_others() {
    let server = Server::start(&[]);
    let link = Link::open(server.address());
    works(&link).await;
    for round in 0..50 {
        tokio::select! {
            biased;
            early = count(&link) => panic!("round {round}: answered before it was sent: {early:?}"),
            () = std::future::ready(()) => {}
        }
        let read = link.call(&READ, &["no".to_owned()], &[]).await.unwrap();
        assert_eq!(read, Value::Int(0));
    }
}

#[tokio::test]
async fn a_wrong_or_missing_password_is_told_and_a_right_one_works() {
    let server = Server::start(&["--requirepass", "hush"]);
    let missing = Link::open(server.address());
    says(&missing, "`[store] password_file`").await;
    let wrong = Link::open(server.address().with_password("loud"));
    says(&wrong, "refuses the user or the password").await;
    let right = Link::open(server.address().with_password("hush"));
    works(&right).await;
    server.run_with(":hush@", &["CONFIG", "SET", "requirepass", "loud"]);
    works(&wrong).await;
}

#[tokio::test]
async fn a_user_who_may_not_is_told_what_to_allow() {
    let server = Server::start(&[]);
    let user = ["ACL", "SETUSER", "ann", "on", ">hush", "~anteroom:*"];
    server.run(&[&user[..], &["+@all", "-@dangerous"]].concat());
    let url = format!("redis://ann:hush@127.0.0.1:{}", server.port);
    let link = Link::open(url.parse().unwrap());
    says(&link, "allow it INFO, PING").await;
    server.run(&["ACL", "SETUSER", "ann", "+info"]);
    let ours = ["anteroom:{derby}:queue".to_owned()];
    let look = || async { link.call(&COUNT, &ours, &[]).await.ok() };
    within(SOON, "what was allowed works", look).await;
    assert!(why(count(&link).await).contains("keys `anteroom:*`"));
}

#[tokio::test]
async fn a_server_that_may_drop_keys_is_refused_until_it_is_set_right() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-lru"]);
    let link = Link::open(server.address());
    says(&link, "set maxmemory-policy noeviction").await;
    assert_eq!(server.number("n"), 0, "no script was run");
    server.run(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    works(&link).await;
}

#[tokio::test]
async fn a_full_server_says_so_and_still_answers_what_needs_no_room() {
    let server = Server::start(&[]);
    let link = Link::open(server.address());
    works(&link).await;
    server.run(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(why(count(&link).await).contains("raise its maxmemory"));
    let read = link.call(&READ, &["n".to_owned()], &[]).await.unwrap();
    assert_eq!(read, Value::Int(1));
    server.run(&["CONFIG", "SET", "maxmemory", "0"]);
    count(&link).await.unwrap();
}

#[tokio::test]
async fn a_master_that_becomes_a_replica_is_left_alone_until_it_is_one_again() {
    let server = Server::start(&["--replica-serve-stale-data", "yes"]);
    let link = Link::open(server.address());
    works(&link).await;
    server.run(&["REPLICAOF", "127.0.0.1", "1"]);
    assert!(why(count(&link).await).contains("read-only replica"));
    says(&link, "it is no master").await;
    server.run(&["REPLICAOF", "NO", "ONE"]);
    works(&link).await;
}

#[tokio::test]
async fn a_key_of_another_kind_is_unreadable_and_named() {
    let server = Server::start(&[]);
    let link = Link::open(server.address());
    works(&link).await;
    server.run(&["DEL", "n"]);
    server.run(&["HSET", "n", "a", "b"]);
    let answer = count(&link).await;
    assert!(
        matches!(&answer, Err(StoreError::Unreadable { key, .. }) if key == "n"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_dropped_link_closes_its_connection() {
    let server = Server::start(&[]);
    let connected = || {
        let list = server.run(&["CLIENT", "LIST"]);
        redis::from_redis_value::<String>(list)
            .unwrap()
            .lines()
            .count()
    };
    let link = Link::open(server.address());
    works(&link).await;
    assert_eq!(connected(), 2, "the link and whoever asks");
    drop(link);
    within(SOON, "it closes", || async {
        (connected() == 1).then_some(())
    })
    .await;
}
