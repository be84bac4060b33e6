//! What the gateways say of the room while the sale runs.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::clock::millis;
use crate::fan::World;
use crate::wire::exchange;

/// How often the gateways are asked.
const EVERY: Duration = Duration::from_millis(500);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the room is set to.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Setting {
    /// The pace.
    pub per_minute: f64,
    /// What may go at once.
    pub effective_burst: f64,
}

/// One reading of all gateways. Totals and gauges are kept in the store, so every gateway shows
/// the same; where one is behind, the higher one counts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sample {
    /// When it was asked for, in milliseconds since the beginning.
    pub sent_ms: u64,
    /// When it was there.
    pub got_ms: u64,
    /// How many gateways answered.
    pub gateways: usize,
    /// Places given.
    pub joins: u64,
    /// Visitors released by the pace.
    pub releases: u64,
    /// Turns claimed.
    pub claims: u64,
    /// Visitors who hold a place and are not released.
    pub waiting: u64,
    /// Those of them found absent.
    pub absent: u64,
    /// Visitors released and not yet in.
    pub released: u64,
    /// Sessions.
    pub active: u64,
    /// The pace in force.
    pub pace: u64,
}

/// What pace and burst the room has, from the first gateway that answers.
pub async fn setting(world: &World) -> Option<Setting> {
    let path = format!("/v1/rooms/{}", world.plan.room);
    for gateway in &world.plan.gateways {
        let Some(text) = told(world, gateway.control, &path).await else {
            continue;
        };
        let room: Value = serde_json::from_str(&text).ok()?;
        let number = |name| room.get("pace")?.get(name)?.as_f64();
        return Some(Setting {
            per_minute: number("per_minute")?,
            effective_burst: number("effective_burst")?,
        });
    }
    None
}

/// Reads until cancelled; each reading goes to `take`.
pub async fn watch(world: Rc<World>, take: impl Fn(Sample)) {
    let mut next = world.clock.now();
    loop {
        take(sample(&world).await);
        next = (next + EVERY).max(world.clock.now());
        world.clock.sleep_until(next).await;
    }
}

/// One reading.
pub async fn sample(world: &World) -> Sample {
    let mut sample = Sample {
        sent_ms: millis(world.clock.now()),
        ..Sample::default()
    };
    for gateway in &world.plan.gateways {
        if let Some(text) = told(world, gateway.control, "/metrics").await {
            sample.gateways += 1;
            sample.add(&text, &world.plan.room);
        }
    }
    sample.got_ms = millis(world.clock.now()) + 1;
    sample
}

impl Sample {
    fn add(&mut self, metrics: &str, room: &str) {
        let label = format!("{{room=\"{room}\"}} ");
        for line in metrics.lines() {
            let Some((name, value)) = line.split_once(label.as_str()) else {
                continue;
            };
            let figure = match name {
                "anteroom_joins_total" => &mut self.joins,
                "anteroom_releases_total" => &mut self.releases,
                "anteroom_claims_total" => &mut self.claims,
                "anteroom_visitors_waiting" => &mut self.waiting,
                "anteroom_visitors_absent" => &mut self.absent,
                "anteroom_visitors_released" => &mut self.released,
                "anteroom_sessions_active" => &mut self.active,
                "anteroom_pace_per_minute" => &mut self.pace,
                _ => continue,
            };
            *figure = (*figure).max(value.trim().parse().unwrap_or_default());
        }
    }
}

/// The body of an answer of 200 from the control API.
async fn told(world: &World, control: SocketAddr, path: &str) -> Option<String> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {control}\r\nAuthorization: Bearer {}\r\n\
         Connection: close\r\n\r\n",
        world.plan.control_token
    );
    let asking = async {
        let mut stream = TcpStream::connect(control).await.ok()?;
        exchange(&mut stream, request.as_bytes()).await.ok()
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await.ok()??;
    (answer.status == 200).then(|| String::from_utf8_lossy(&answer.body).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_figure_of_two_gateways_counts() {
        let mut sample = Sample::default();
        for (releases, waiting) in [(7, 40), (9, 38)] {
            let text = format!(
                "# HELP anteroom_releases_total x\nanteroom_releases_total{{room=\"sale\"}} {releases}\n\
                 anteroom_releases_total{{room=\"other\"}} 99\n\
                 anteroom_visitors_waiting{{room=\"sale\"}} {waiting}\n"
            );
            sample.add(&text, "sale");
        }
        assert_eq!((sample.releases, sample.waiting), (9, 40));
    }
}
