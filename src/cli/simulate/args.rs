//! The options of `anteroom simulate`, and the plan they make.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use jiff::civil::Time;

use super::arrivals::{self, MOST_FANS, Shape};
use super::dice::Dice;
use super::fan::{self, Habits};
use super::plan::{Ordered, Plan};
use super::report::Heading;
use super::span;
use super::typed::{Timed, When, correction, share};
use crate::domain::pace::{Correction, Pace, TICK};
use crate::domain::window::Order;

const EXAMPLES: &str = "\
Examples:
  anteroom simulate --fans 50000 --per-minute 600 --finish-by 1h
  anteroom simulate --shape no-shows --per-minute 300 --svg sale.svg
  anteroom simulate --arrivals last-year.csv --per-minute 900 --capacity 4000 --stay 6m
  anteroom simulate --opens-at 10:00 --finish-by 12:00 --order '20m pace 300' --order '30m pause' \\
      --order '35m resume' --output json";

/// Runs a sale on simulated time, with the very code that releases fans, and says how it went.
///
/// Prints how long fans wait, whether the order was kept, how well the waits shown came true, and
/// what it takes to be done by a time. The same options and seed give the same answer. Nothing is
/// started, and nothing is written but the picture asked for.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true)]
pub struct SimulateArgs {
    /// How many fans come
    #[arg(long, value_name = "N", default_value_t = 50_000, conflicts_with = "arrivals",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_FANS)))]
    pub fans: u32,
    /// The sale as you know it
    #[arg(long, value_enum, default_value_t = Shape::Spike, conflicts_with = "arrivals")]
    pub shape: Shape,
    /// When fans come, from a file: a line is `SECONDS` after the opening, or `SECONDS,COUNT`
    #[arg(long, value_name = "FILE")]
    pub arrivals: Option<PathBuf>,
    /// How many are let in each minute
    #[arg(long, value_name = "N", default_value_t = 600,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(Pace::MOST)))]
    pub per_minute: u32,
    /// How many may go at once after a lull [default: one second's worth]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(Pace::MOST)))]
    pub burst: Option<u32>,
    /// What pace and burst are multiplied by for those who will not come, 1.0 to 1.3
    #[arg(long, value_name = "FACTOR", default_value = "1.0", value_parser = correction)]
    pub no_show_correction: Correction,
    /// How many may be inside at once [default: no cap]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(Pace::MOST)))]
    pub capacity: Option<u32>,
    /// How long a fan stays inside, on average
    #[arg(long, value_name = "SPAN", default_value = "5m", value_parser = span::parse)]
    pub stay: Duration,
    /// Share of fans who never come back after joining [default: 30% in the shape `no-shows`]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub no_shows: Option<f64>,
    /// Share of fans who close the page after joining and come back later
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0")]
    pub away: f64,
    /// For how long they are away, on average
    #[arg(long, value_name = "SPAN", default_value = "20m", value_parser = span::parse)]
    pub away_for: Duration,
    /// Share of those who come that are bots [default: 2% in the shape `bots`]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub bots: Option<f64>,
    /// How often a bot joins, all from one address
    #[arg(long, value_name = "N", default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub joins_per_bot: u32,
    /// Joins a second that one address may make [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: Option<u32>,
    /// What you order during the sale: `20m pace 300`, `10m capacity 500`, `30m pause`,
    /// `35m resume`, `5m release 100`; may be given several times
    #[arg(long = "order", value_name = "SPAN ORDER")]
    pub orders: Vec<Timed>,
    /// When it is to be over: a span after the opening, or with `--opens-at` a time of day
    #[arg(long, value_name = "WHEN")]
    pub finish_by: Option<When>,
    /// The time of day at which the sale opens
    #[arg(long, value_name = "HH:MM")]
    pub opens_at: Option<Time>,
    /// What all chance follows from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Draws the sale into this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

impl SimulateArgs {
    /// The plan that these options make; `file` is what the file of arrivals holds.
    ///
    /// # Errors
    /// What is wrong with the options taken together, or with the file.
    pub fn plan(&self, file: Option<&str>) -> anyhow::Result<Plan> {
        let pace = Pace::per_minute(self.per_minute)
            .and_then(|pace| {
                self.burst
                    .map_or(Some(pace), |burst| pace.with_burst(burst))
            })
            .ok_or_else(|| anyhow!("pace and burst are numbers from 1 to {}", Pace::MOST))?;
        let mut dice = Dice::of(self.seed);
        let arrivals = match file {
            Some(text) => arrivals::read(text, &mut dice)
                .map_err(|faults| anyhow!("the arrivals cannot be read:\n{faults}"))?,
            None => self.shape.arrivals(self.fans, pace, &mut dice),
        };
        let habits = self.habits()?;
        let joins = habits.joins(arrivals.len() as u64);
        if joins > MOST_FANS.into() {
            bail!(
                "with the bots there are about {} joins; at most {} can be simulated",
                span::grouped(joins),
                span::grouped(MOST_FANS.into())
            );
        }
        let fans = fan::crowd(&arrivals, &habits, &mut dice);
        Ok(Plan {
            pace,
            correction: self.no_show_correction,
            capacity: self.capacity.and_then(NonZeroU32::new),
            stay: self.stay,
            limit: self.limit.and_then(NonZeroU32::new),
            fans,
            orders: self.orders()?,
            seed: self.seed,
        })
    }

    fn habits(&self) -> anyhow::Result<Habits> {
        let of_shape = |shape, share| if self.shape == shape { share } else { 0.0 };
        let habits = Habits {
            no_shows: self.no_shows.unwrap_or(of_shape(Shape::NoShows, 0.3)),
            away: self.away,
            away_for: self.away_for.as_secs_f64(),
            bots: self.bots.unwrap_or(of_shape(Shape::Bots, 0.02)),
            joins_per_bot: self.joins_per_bot,
        };
        if habits.no_shows + habits.away > 1.0 {
            bail!("--no-shows and --away are more than all fans together");
        }
        Ok(habits)
    }

    /// The orders in order of time. A sale that stays paused would never end.
    fn orders(&self) -> anyhow::Result<Vec<Ordered>> {
        let mut orders: Vec<Ordered> = self.orders.iter().map(|timed| timed.0.clone()).collect();
        orders.sort_by_key(|ordered| ordered.at);
        let last = orders
            .iter()
            .rev()
            .find(|ordered| matches!(ordered.order, Order::Pause | Order::Resume));
        if last.is_some_and(|ordered| ordered.order == Order::Pause) {
            bail!("the last `pause` is followed by no `resume`: the sale would never be over");
        }
        Ok(orders)
    }

    /// When the sale is to be over, as a span after the opening.
    ///
    /// # Errors
    /// A time of day without the opening's.
    pub fn finish(&self) -> anyhow::Result<Option<Duration>> {
        let at = match self.finish_by {
            None => return Ok(None),
            Some(When::After(span)) => return Ok(Some(span)),
            Some(When::At(time)) => time,
        };
        let opens = self
            .opens_at
            .context("--finish-by with a time of day needs --opens-at")?;
        let day = 24 * 3_600;
        let second = |time: Time| {
            i64::from(time.hour()) * 3_600
                + i64::from(time.minute()) * 60
                + i64::from(time.second())
        };
        let after = match (second(at) - second(opens)).rem_euclid(day) {
            0 => day,
            after => after,
        };
        Ok(Some(Duration::from_secs(after.unsigned_abs())))
    }
}

impl SimulateArgs {
    /// What is simulated, in a line.
    #[must_use]
    pub fn heading(&self, plan: &Plan) -> Heading {
        let heads = match &self.arrivals {
            None => u64::from(self.fans),
            Some(_) => plan.heads(),
        };
        let who = match &self.arrivals {
            None => self.shape.word().to_owned(),
            Some(path) => format!("from {}", path.display()),
        };
        let burst = plan.pace.corrected(plan.correction).effective_burst(TICK);
        let inside = match plan.capacity {
            None => "no cap".to_owned(),
            Some(most) => format!(
                "at most {} inside, each for {}",
                span::grouped(most.get().into()),
                span::words(self.stay)
            ),
        };
        let (fans, pace) = (span::fans(heads), span::grouped(self.per_minute.into()));
        Heading {
            fans: heads,
            per_minute: self.per_minute,
            opens_at: self.opens_at,
            line: format!(
                "{fans} ({who}), {pace} a minute (effective burst {burst}), {inside}, seed {}",
                self.seed
            ),
        }
    }
}
