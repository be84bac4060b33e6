//! What is asked of a room's own URLs, and how it is done.

use http::Method;

use crate::store::ShownBy;
use crate::token::queue::QueueToken;

use super::absence::{Denial, Wish};
use super::admit::Admitted;
use super::identify::Manner;
use super::identity::Known;
use super::queue::{Coming, Line, May, Outcome};
use super::watch::{Watch, Watcher};
use super::{Own, Refusal};

/// What is asked of a room's own URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Where do I stand?
    Status,
    /// The same, told again whenever it changes.
    Events,
    /// To join, or to come back.
    Join,
    /// To take the turn.
    Claim,
    /// To go.
    Leave,
    /// To be away, or to have more time.
    Wish(Wish),
    /// The page that takes a code.
    CodePage,
}

impl Deed {
    /// Whether no other site may ask for it.
    pub(super) const fn changes(self) -> bool {
        match self {
            Self::Status | Self::Events | Self::CodePage => false,
            Self::Join | Self::Claim | Self::Leave | Self::Wish(_) => true,
        }
    }

    /// Whether our page has a form for it, which works without a script.
    pub(super) const fn has_a_form(self) -> bool {
        matches!(self, Self::Leave | Self::Wish(_))
    }

    /// What a request of this method and manner may do.
    pub(super) fn may(self, method: &Method, manner: Manner) -> May {
        let looks = manner != Manner::Visit || method == Method::HEAD;
        match self {
            Self::Status | Self::Events | Self::CodePage if looks => May::Look,
            Self::Status
            | Self::Events
            | Self::CodePage
            | Self::Join
            | Self::Leave
            | Self::Wish(_) => May::Join,
            Self::Claim => May::Claim,
        }
    }

    const fn shown_by(self) -> ShownBy {
        match self {
            Self::Join => ShownBy::Visitor,
            Self::Status
            | Self::Events
            | Self::CodePage
            | Self::Claim
            | Self::Leave
            | Self::Wish(_) => ShownBy::Page,
        }
    }
}

impl Line<'_> {
    /// Does what is asked, for who brought these.
    pub(super) async fn does(
        &self,
        (deed, may): (Deed, May),
        admitted: Option<Admitted>,
        (token, known): (Option<QueueToken>, Known),
    ) -> Result<Own, Refusal> {
        if deed == Deed::Leave {
            if let Some(admitted) = admitted {
                self.end(admitted.session);
            }
            return Ok(Own::Left(Box::new(self.leave(token.as_ref()).await)));
        }
        if let Some(admitted) = admitted {
            return Ok(self.does_nothing(deed, admitted));
        }
        if let Deed::Wish(wish) = deed {
            let (notice, denial) = self.wish(token, wish).await?;
            return Ok(match denial {
                None => Own::Granted(notice),
                Some(denial) => Own::Denied(notice, denial),
            });
        }
        // Whoever is about to bring a code must not be put into the line before.
        let may = match deed {
            Deed::CodePage if token.is_some() => May::Look,
            _ => may,
        };
        let coming = Coming {
            token,
            may,
            returned: false,
            known,
            shown_by: deed.shown_by(),
        };
        let outcome = self.serve(coming).await?;
        let claimed = matches!(outcome, Outcome::Claimed { .. });
        let notice = outcome.notice();
        Ok(match deed {
            Deed::Join if token.is_none() => Own::ComeBack(notice),
            Deed::Claim if !claimed => Own::NotReleased(notice),
            Deed::CodePage => Own::CodePage(notice),
            Deed::Events => {
                let watches = may != May::Look;
                let watcher = watches.then(|| Watcher::new(self, &notice, token));
                let watcher = watcher.flatten();
                Own::Events(Box::new(Watch { notice, watcher }))
            }
            Deed::Status | Deed::Join | Deed::Claim | Deed::Leave | Deed::Wish(_) => {
                Own::Status(notice)
            }
        })
    }

    /// Tells who is inside so: there is nothing to wait for.
    fn does_nothing(&self, deed: Deed, admitted: Admitted) -> Own {
        let notice = Box::new(self.is_inside(admitted.renewed));
        match deed {
            Deed::Wish(wish) => Own::Denied(notice, Denial::NotNow(wish)),
            Deed::Events => {
                let watcher = None;
                Own::Events(Box::new(Watch { notice, watcher }))
            }
            Deed::CodePage => Own::CodePage(notice),
            Deed::Status | Deed::Join | Deed::Claim | Deed::Leave => Own::Status(notice),
        }
    }
}
