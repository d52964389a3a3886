//! Counting requests together, as a counter that all threads share is dear.

use crate::serving::Serving;
use std::mem;

/// Requests for one command in a row.
#[derive(Default)]
pub(super) struct Tally {
    index: usize,
    requests: u64,
}

impl Tally {
    /// Counts a request for the command at this place. What was counted in the end is for
    /// [`settle`](Self::settle).
    pub(super) fn add<App: 'static>(&mut self, index: usize, service: &Serving<'_, App>) {
        if self.index != index {
            self.settle(service);
            self.index = index;
        }
        self.requests += 1;
    }

    /// Hands over what was counted.
    pub(super) fn settle<App: 'static>(&mut self, service: &Serving<'_, App>) {
        if self.requests > 0 {
            service.count(self.index, mem::take(&mut self.requests));
        }
    }
}
