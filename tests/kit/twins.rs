//! Two gateways of one room: the same keys, policies and visitors, each with a folder of its own.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tempfile::TempDir;

use super::policies::Addresses;
use super::process::{free_addresses, furnish};
use super::{Gateway, Plan};

/// The folders of the two, and where they listen.
pub struct Twins {
    dir: TempDir,
    at: [Addresses; 2],
}

impl Twins {
    /// Furnishes both, each with its own way to the store they share.
    pub fn furnish(plan: &Plan, urls: [String; 2], origin: SocketAddr) -> Self {
        let dir = TempDir::new().unwrap();
        let [first, second] = [0, 1].map(|number| dir.path().join(number.to_string()));
        for folder in [&first, &second] {
            std::fs::create_dir(folder).unwrap();
        }
        let [url, other_url] = urls;
        let one = furnish(&first, &plan.clone().stored_at(&url), origin);
        let [public, control] = free_addresses();
        let other = Addresses {
            public,
            control,
            origin,
        };
        plan.clone().stored_at(&other_url).write(&second, other);
        symlink(first.join("keys"), second.join("keys")).unwrap();
        Self {
            dir,
            at: [one, other],
        }
    }

    /// Starts one of them and waits until it answers.
    pub async fn start(&self, which: usize) -> Gateway {
        Gateway::start(&self.folder(which), self.at[which]).await
    }

    /// Starts one of them whose room need not be open.
    pub async fn start_closed(&self, which: usize) -> Gateway {
        Gateway::start_without_store(&self.folder(which), self.at[which]).await
    }

    /// Where visitors come to one of them.
    pub fn public(&self, which: usize) -> SocketAddr {
        self.at[which].public
    }

    /// The folder of one of them.
    pub fn folder(&self, which: usize) -> PathBuf {
        self.dir.path().join(which.to_string())
    }
}
