//! Whole sales, small ones: what holds in each of them.

use clap::Parser;

use super::*;

#[derive(Debug, clap::Parser)]
struct Cli {
    #[command(flatten)]
    simulate: SimulateArgs,
}

fn args(words: &str) -> SimulateArgs {
    let words = std::iter::once("simulate").chain(words.split(' ').filter(|word| !word.is_empty()));
    let words = words.map(|word| word.replace('_', " "));
    Cli::try_parse_from(words)
        .map_err(|fault| fault.to_string())
        .unwrap()
        .simulate
}

/// What the sale with these options showed; `_` in a word is a space.
fn sale(words: &str) -> Findings {
    simulated(&args(words)).unwrap().1
}

/// A sale to which fans come as this file says.
fn sale_of(arrivals: &str, words: &str) -> Findings {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("arrivals.csv");
    fs::write(&path, arrivals).unwrap();
    let mut args = args(words);
    args.arrivals = Some(path);
    simulated(&args).unwrap().1
}

/// What holds in every sale.
#[track_caller]
fn assert_sound(findings: &Findings) {
    let order = &findings.order;
    assert_eq!(
        (order.kendall_tau, order.greatest_displacement),
        (1.0, 0),
        "{order:?}"
    );
    assert!(findings.bounds.are_kept(), "{:?}", findings.bounds);
    assert!(findings.served <= findings.called && findings.called <= findings.joins);
    let waits = &findings.waits;
    assert!(
        waits.p10_s <= waits.p50_s && waits.p50_s <= waits.p90_s && waits.p99_s <= waits.most_s
    );
}

#[test]
fn everybody_of_a_crowd_gets_in_in_order_and_at_the_pace() {
    let findings = sale_of("0,600", "--per-minute 300 --finish-by 90s");

    assert_sound(&findings);
    assert_eq!((findings.joins, findings.served), (600, 600));
    assert!(
        (119.0..122.0).contains(&findings.last_called_s),
        "{}",
        findings.last_called_s
    );
    assert!(
        (58.0..62.0).contains(&findings.waits.p50_s),
        "{:?}",
        findings.waits
    );
    assert!(findings.bounds.overshoot >= 2, "{:?}", findings.bounds);
    let finish = findings.finish.unwrap();
    assert_eq!(finish.per_minute, Some(410), "600 in 88 s");
}

#[test]
fn the_pace_asked_for_finishes_in_time_and_a_lower_one_does_not() {
    let arrivals = "0,200\n30,300\n55,100\n";
    let needed = sale_of(arrivals, "--finish-by 2m")
        .finish
        .unwrap()
        .per_minute
        .unwrap();

    let with = |pace: u64| sale_of(arrivals, &format!("--per-minute {pace}")).last_called_s;
    assert!(with(needed) <= 120.0, "{needed} a minute: {}", with(needed));
    assert!(with(needed * 19 / 20) > 120.0);
}

#[test]
fn the_same_seed_gives_the_same_sale_and_another_one_another() {
    let told = |seed: u64| {
        let words = format!("--fans 300 --shape no-shows --per-minute 120 --away 5% --seed {seed}");
        serde_json::to_string(&sale(&words)).unwrap()
    };
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
}

#[test]
fn the_capacity_is_used_and_never_exceeded() {
    let findings = sale_of("0,400", "--per-minute 600 --capacity 50 --stay 30s");

    assert_sound(&findings);
    assert_eq!((findings.served, findings.bounds.most_inside), (400, 50));
    let ideal = 350.0 * 30.0 / 50.0;
    assert!(
        (ideal..ideal * 1.3).contains(&findings.last_called_s),
        "{}",
        findings.last_called_s
    );
}

#[test]
fn those_who_never_come_back_block_nobody() {
    let findings = sale_of("0,1500", "--per-minute 300 --no-shows 30%");

    assert_sound(&findings);
    assert!(
        (1_000..1_100).contains(&findings.served),
        "{}",
        findings.served
    );
    assert_eq!(findings.served, findings.order.present);
    // Those called before they were missed cost their turns; the others cost nothing.
    assert!(
        findings.last_called_s < 0.95 * 300.0,
        "{}",
        findings.last_called_s
    );
}

#[test]
fn eight_of_ten_shown_ranges_hold_whoever_comes() {
    for words in [
        "--fans 1200 --per-minute 60",
        "--fans 1500 --per-minute 60 --shape no-shows",
        "--fans 1500 --per-minute 300 --capacity 200 --stay 2m",
    ] {
        let findings = sale(words);
        for hits in &findings.shown {
            assert!(hits.share() >= Some(0.8), "{words}: {:?}", findings.shown);
        }
    }
}

#[test]
fn a_correction_lets_as_many_more_be_called_as_it_says() {
    let findings = sale_of("0,600", "--per-minute 300 --no-show-correction 1.2");

    assert_sound(&findings);
    assert!(
        (99.0..102.0).contains(&findings.last_called_s),
        "{}",
        findings.last_called_s
    );
}

#[test]
fn those_who_come_back_late_get_in_and_the_others_keep_their_order() {
    let findings = sale_of("0,900", "--per-minute 180 --away 20% --away-for 3m");

    assert_sound(&findings);
    assert!(findings.served >= 890, "{} of 900", findings.served);
    assert!(findings.order.present < 760, "{:?}", findings.order);
}

#[test]
fn bots_get_as_many_places_as_they_join_and_a_limit_puts_them_further_back() {
    let words = "--per-minute 600 --bots 5% --joins-per-bot 20";
    let free = sale_of("0,400", words);
    let limited = sale_of("0,400", &format!("{words} --limit 1"));

    assert_sound(&free);
    assert!(
        (0.02..0.09).contains(&free.bots.share_of_heads),
        "{:?}",
        free.bots
    );
    assert!(free.bots.share_of_places > 0.3, "{:?}", free.bots);
    assert_eq!(free.joins, limited.joins);
    assert!(
        limited.bots.share_of_first_tenth < free.bots.share_of_first_tenth,
        "{:?} {:?}",
        free.bots,
        limited.bots
    );
}

#[test]
fn a_pause_lasts_as_long_as_it_does_and_a_new_pace_holds_from_then_on() {
    let arrivals = "0,600";
    let paused = sale_of(
        arrivals,
        "--per-minute 300 --order 30s_pause --order 90s_resume",
    );
    assert_sound(&paused);
    assert!(
        (178.0..183.0).contains(&paused.last_called_s),
        "{}",
        paused.last_called_s
    );

    let faster = sale_of(arrivals, "--per-minute 300 --order 60s_pace_600");
    assert_sound(&faster);
    assert!(
        (89.0..92.0).contains(&faster.last_called_s),
        "{}",
        faster.last_called_s
    );
}

#[test]
fn what_is_printed_says_what_a_planner_asks_for() {
    let (heading, findings) =
        simulated(&args("--fans 500 --per-minute 100 --finish-by 1h --seed 3")).unwrap();

    let text = printed(&heading, &findings, Output::Table).unwrap();
    assert!(
        text.starts_with("500 fans (spike), 100 a minute (effective burst 2), no cap, seed 3\n"),
        "{text}"
    );
    assert!(
        text.contains("\nWith 500 fans at 100 a minute the last gets in "),
        "{text}"
    );
    assert!(text.contains("\nTo finish within 1 h you need "), "{text}");
    assert!(text.contains("allowed: kept\n"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&printed(&heading, &findings, Output::Json).unwrap()).unwrap();
    assert_eq!(json["joins"], 500);
    assert_eq!(json["order"]["kendall_tau"], 1.0);
    assert!(
        json["planning"]
            .as_str()
            .unwrap()
            .starts_with("With 500 fans")
    );
}

#[test]
fn the_picture_is_whole_and_says_in_words_what_it_shows() {
    let (heading, findings) = simulated(&args("--fans 400 --per-minute 100")).unwrap();
    let svg = picture::draw(&heading, &findings);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("<title id=\"title\">400 fans"), "{svg}");
    assert!(
        svg.contains("<desc id=\"desc\">With 400 fans at 100 a minute"),
        "{svg}"
    );
    assert!(svg.contains("prefers-color-scheme: dark"));
    for class in ["line waiting", "line joining", "line released"] {
        assert!(
            svg.contains(&format!("<path class=\"{class}\" d=\"M")),
            "{class}"
        );
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn options_that_make_no_sale_are_refused_with_a_reason() {
    for (words, why) in [
        ("--no-shows 0.7 --away 50%", "more than all fans"),
        ("--order 5m_pause", "would never be over"),
        ("--finish-by 12:00", "needs --opens-at"),
        (
            "--fans 100000 --bots 50% --joins-per-bot 1000",
            "can be simulated",
        ),
        ("--arrivals /no/such/file", "cannot read /no/such/file"),
    ] {
        let fault = simulated(&args(words)).map(drop).unwrap_err().to_string();
        assert!(fault.contains(why), "{words}: {fault}");
    }
    for words in [
        "--fans 0",
        "--fans 5000001",
        "--per-minute 0",
        "--capacity 0",
        "--no-show-correction 1.4",
        "--no-show-correction -1",
        "--shape flood",
        "--no-shows 1.1",
        "--no-shows NaN",
        "--stay soon",
        "--order 5m_stop",
        "--order 5m_pace_0",
        "--order pause",
        "--finish-by 0",
        "--finish-by 25:00",
        "--arrivals x --fans 5",
        "--arrivals x --shape spike",
    ] {
        let words = std::iter::once("simulate").chain(words.split(' '));
        let words: Vec<String> = words.map(|word| word.replace('_', " ")).collect();
        assert!(Cli::try_parse_from(&words).is_err(), "{words:?}");
    }
}

#[test]
fn a_planner_is_told_times_of_day_and_what_the_last_few_cost() {
    let planned = |arrivals: &str, words: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("arrivals.csv");
        fs::write(&path, arrivals).unwrap();
        let mut args = args(words);
        args.arrivals = Some(path);
        let (heading, findings) = simulated(&args).unwrap();
        report::planning(&heading, &findings)
    };
    let day = "--per-minute 300 --opens-at 23:58 --finish-by 00:01";
    assert_eq!(
        planned("0,600", day),
        "With 600 fans at 300 a minute the last gets in at 00:00 the next day, 2 min 1 s after the opening.\n\
         To finish by 00:01 the next day you need 203 a minute, and a site that bears 1,015 inside at once."
    );
    let late = planned("0,199\n90\n", "--per-minute 300 --finish-by 1m");
    assert_eq!(
        late,
        "With 200 fans at 300 a minute the last gets in 1 min 30 s after the opening.\n\
         No pace finishes within 1 min: the last fan comes 1 min 30 s after the opening.\n\
         For the first 99 of 100 you need 205 a minute, and a site that bears 1,025 inside at once."
    );
    assert!(
        planned("90", "--finish-by 1m")
            .ends_with("the last fan comes 1 min 30 s after the opening.")
    );
    let gone = simulated(&args("--fans 20 --no-shows 100%")).unwrap();
    let text = printed(&gone.0, &gone.1, Output::Table).unwrap();
    assert!(
        text.contains("\nNobody stayed on the page until called"),
        "{text}"
    );
}

#[test]
fn a_time_of_day_is_a_span_after_the_opening() {
    for (words, seconds) in [
        ("--finish-by 90m", 5_400),
        ("--opens-at 10:00 --finish-by 12:00", 7_200),
        ("--opens-at 23:30 --finish-by 00:15:30", 2_730),
        ("--opens-at 10:00 --finish-by 10:00", 86_400),
    ] {
        assert_eq!(
            args(words).finish().unwrap().unwrap().as_secs(),
            seconds,
            "{words}"
        );
    }
    assert_eq!(args("").finish().unwrap(), None);
}
