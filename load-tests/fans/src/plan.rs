//! What a run is to do, read from a JSON file that `sale.py` writes.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A whole run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What the sale is called in the report, as `2,000 fans, one gateway, embedded store`.
    pub title: String,
    /// How many fans come. With a curve from a file: as many as the file says.
    pub fans: u32,
    /// Within how many seconds they come.
    pub seconds: u32,
    /// On which curve they come.
    pub shape: Shape,
    /// A file of rows `second,count`, in place of the shape.
    #[serde(default)]
    pub curve: Option<String>,
    /// After how many seconds the run ends although fans still wait.
    pub at_most_s: u32,
    /// Where chance begins.
    pub seed: u64,
    /// The room they queue in.
    pub room: String,
    /// What they call the site, in `Host`.
    pub host: String,
    /// The gateways; each fan begins at one of them.
    pub gateways: Vec<Gateway>,
    /// The control API's token.
    pub control_token: String,
    /// What the fans are like.
    pub habits: Habits,
    /// Connections of the fans.
    pub sockets: Sockets,
    /// What is done to the servers meanwhile; drawn into the curves.
    #[serde(default)]
    pub marks: Vec<Mark>,
}

/// One gateway.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Where visitors come.
    pub public: SocketAddr,
    /// Where the control API listens.
    pub control: SocketAddr,
}

/// The curve on which fans come.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Grows to tenfold within two minutes, stays there as long, and falls back.
    Spike,
    /// As many every second.
    Steady,
    /// Four of five come in the first twentieth of the time.
    Burst,
}

/// What the fans are like. Shares are from 0 to 1.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Habits {
    /// Who closes the page while waiting.
    pub vanish: f64,
    /// Who is called and does not come.
    pub never_claim: f64,
    /// Who reloads the page every few seconds.
    pub impatient: f64,
    /// Who has no JavaScript: the page comes back by itself.
    pub without_script: f64,
    /// Who claims by loading the page instead of by the page's own script.
    pub claim_by_page: f64,
    /// Who says goodbye; the others just go.
    pub leave: f64,
    /// How many pages of the shop each looks at.
    pub pages: u32,
    /// How long each looks at a page, on average.
    pub think_s: f64,
}

/// Connections of the fans.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sockets {
    /// How many may be open at one time.
    pub most: u32,
    /// How long one is kept after an answer; 0 for a new one with every request.
    pub keep_s: f64,
    /// Over how many addresses of 127.0.0.0/8 the fans are spread; 0 leaves it to the system.
    pub addresses: u32,
}

/// Something done to the servers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// When, in seconds since the beginning.
    pub at_s: f64,
    /// What.
    pub text: String,
}
