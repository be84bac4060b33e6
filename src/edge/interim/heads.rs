//! What is said on a stream of HTTP/2 ahead of its answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use http::Response;

use crate::edge::respond::go_on;
use crate::origin::interim::Interim;

/// The interim answers of one stream that wait to be sent. The stream's own task sends them; its
/// service and whoever reads its body lay them here.
#[derive(Clone, Debug, Default)]
pub struct Heads(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    heads: Vec<Response<()>>,
    is_over: bool,
    sender: Option<Waker>,
}

impl Heads {
    /// Says that the body may come.
    pub fn invite(&self) {
        self.lay(go_on());
    }

    /// Passes on what the site said.
    pub(super) fn pass(&self, interim: Interim) {
        let mut head = Response::new(());
        *head.status_mut() = interim.status;
        *head.headers_mut() = interim.headers;
        self.lay(head);
    }

    /// What is to be sent now. Whoever takes it is woken when there is more.
    pub(in crate::edge) fn take(&self, cx: &Context<'_>) -> Vec<Response<()>> {
        let mut waiting = self.waiting();
        waiting.sender = Some(cx.waker().clone());
        std::mem::take(&mut waiting.heads)
    }

    /// Whether the answer has begun.
    pub(in crate::edge) fn is_over(&self) -> bool {
        self.waiting().is_over
    }

    /// The answer has begun: nothing is said ahead of it any more.
    pub(in crate::edge) fn end(&self) {
        let mut waiting = self.waiting();
        *waiting = Waiting {
            is_over: true,
            ..Waiting::default()
        };
    }

    fn lay(&self, head: Response<()>) {
        let mut waiting = self.waiting();
        if waiting.is_over {
            return;
        }
        waiting.heads.push(head);
        if let Some(sender) = waiting.sender.take() {
            sender.wake();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
