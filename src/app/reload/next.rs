//! What a reload would put into force: everything read and checked that can be without doing it.
//! A look at the files goes as far as this, so that it finds what a reload would.

use std::sync::Arc;

use super::told::keys_changed;
use super::{Fresh, Reloads, Running, broke_off, refused};
use crate::app::lanes;
use crate::app::named::{self, Before, Certificates, Named};
use crate::app::wiring::credentials;
use crate::config::Config;
use crate::control;
use crate::control::auth::Credential;
use crate::control::policies::{Change, Finding, Found, Refused, Turn, both};
use crate::text::fault::Faults;
use crate::token::Keyring;

/// Policies that can be put into force.
pub(super) struct Next {
    /// The configuration, as far as it goes without a restart.
    pub config: Config,
    /// The keys of tokens.
    pub keys: Keyring,
    /// What the other files hold.
    pub named: Named,
    /// Who may use the control API.
    pub tokens: Vec<Credential>,
    /// What is different.
    pub found: Found,
}

impl Reloads {
    /// Reads everything that policies are made of, and puts nothing into force.
    ///
    /// # Errors
    /// Everything that is wrong with the policies; where nothing is, everything that is wrong with
    /// the files that they name.
    pub(super) async fn prepared(&self, running: &Running) -> Result<Next, Refused> {
        let Fresh {
            config: written,
            warnings,
            keys,
        } = self.fresh().await?;
        let config = written.clone().as_far_as_it_goes(&running.config);
        let tokens = credentials(&config, self.lasting.control_token.as_deref());
        let guarded = control::guarded(config.listen.control, &tokens).map_err(refused);
        let named = self.named(&config, (&written, running)).await;
        let ((keys, named), _) = both(both(keys, named), guarded)?;
        let mut found = self.found(running, (&written, &warnings));
        let changed = keys_changed(&self.door.load().gate.keys, &keys);
        found.changes.extend(changed);
        self.compare(&named, (&written, running), &mut found);
        Ok(Next {
            config,
            keys,
            named,
            tokens,
            found,
        })
    }

    async fn fresh(&self) -> Result<Fresh, Refused> {
        let Some(reread) = self.lasting.reread.as_ref().map(Arc::clone) else {
            return Err(Refused::because(
                "this gateway has no policy files to read again",
            ));
        };
        let read = tokio::task::spawn_blocking(move || reread()).await;
        read.unwrap_or_else(|_| Err(broke_off()))
    }

    /// What the files hold that a configuration names. Where the written one says nothing of TLS,
    /// its files are not read.
    async fn named(
        &self,
        config: &Config,
        (written, running): (&Config, &Running),
    ) -> Result<Named, Refused> {
        let before = Before {
            last: running.named.clone(),
            certificates: match &written.tls {
                Some(_) => Certificates::Reread,
                None => Certificates::Kept,
            },
            now: self.lasting.clock.now().wall,
        };
        let (config, policies) = (config.clone(), self.lasting.policies.clone());
        let read = tokio::task::spawn_blocking(move || named::again(&config, &policies, before));
        read.await.unwrap_or_else(|_| Err(broke_off()))
    }

    /// What is different in the policies themselves.
    fn found(&self, running: &Running, (written, warnings): (&Config, &Faults)) -> Found {
        let difference = running.config.difference(written);
        let mut warnings: Vec<Finding> = warnings.iter().map(Finding::from).collect();
        warnings.extend(difference.changes.iter().filter_map(unguarded));
        warnings.extend(lanes::strayed(&self.in_force.load().rooms, written));
        Found {
            changes: difference.changes,
            needs_restart: difference.needs_restart,
            warnings,
        }
    }

    /// Adds what is different in the files that the policies name. What is said of the name of a
    /// file already is not said once more of what the file holds.
    fn compare(&self, named: &Named, (written, running): (&Config, &Running), found: &mut Found) {
        for change in named.changes(&running.named) {
            let is_same = |said: &Change| said.what == change.what && said.key == change.key;
            if !found.changes.iter().any(is_same) {
                found.changes.push(change);
            }
        }
        if let Some(shown) = &named.certificates {
            let now = self.lasting.clock.now().wall;
            found.warnings.extend(shown.warnings(written, now));
        }
    }
}

/// What a room that went leaves open. It may have been a slip in the middle of a sale.
fn unguarded(change: &Change) -> Option<Finding> {
    let gone = change.change == Turn::Removed && change.what.starts_with("room ");
    gone.then(|| {
        Finding::of_all(format!(
            "{} guards nothing any more: its paths are open to everybody unless another room covers them",
            change.what
        ))
    })
}
