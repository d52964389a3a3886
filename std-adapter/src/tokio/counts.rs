//! Counting requests in batches, because a counter that all threads share is expensive.

use crate::dispatch::Dispatch;
use std::mem;

/// The count of consecutive requests for one command.
#[derive(Default)]
pub(super) struct RequestCounts {
    index: usize,
    requests: u64,
}

impl RequestCounts {
    /// Counts a request for the command `index`. Call [`flush`](Self::flush) after the last one.
    pub(super) fn add<App: 'static>(&mut self, index: usize, service: &Dispatch<'_, App>) {
        if self.index != index {
            self.flush(service);
            self.index = index;
        }
        self.requests += 1;
    }

    /// Adds the count to the shared counter.
    pub(super) fn flush<App: 'static>(&mut self, service: &Dispatch<'_, App>) {
        if self.requests > 0 {
            service.count(self.index, mem::take(&mut self.requests));
        }
    }
}
