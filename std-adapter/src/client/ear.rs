//! The pushes between the replies.

use super::buffer::Buffer;
use super::{Cause, Event};
use bellwire::ErrorKind;
use bellwire::topics::{Front, Pushes, UntypedTopic};

/// Removes the pushes from the received bytes of one conversation.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    /// The topics that the server sends pushes of.
    topics: Vec<UntypedTopic>,
    pushes: Pushes,
}

impl Ear {
    /// Listens to exactly these topics. Call it between two messages.
    pub(crate) fn listen(&mut self, topics: impl IntoIterator<Item = UntypedTopic>) {
        self.topics.clear();
        self.topics.extend(topics);
        self.pushes = Pushes::default();
    }

    /// Removes the pushes at the start of `rx`, each of at most `limit` bytes, and passes them to `take`. Returns
    /// whether the rest begins with a part of a push.
    ///
    /// # Errors
    /// The conversation is over.
    pub(crate) fn hear(
        &mut self,
        rx: &mut Buffer,
        limit: usize,
        mut take: impl FnMut(&'static str, Event<&[u8]>),
    ) -> Result<bool, Cause> {
        loop {
            let received = rx.filled();
            let front = self.pushes.find(&self.topics, received, limit);
            let (topic, size, event) = match front.map_err(cause)? {
                Front::NoPush => return Ok(false),
                Front::Incomplete if received.len() < limit => return Ok(true),
                Front::Incomplete => return Err(cause(ErrorKind::MessageTooLong { limit })),
                Front::Push { topic, start, size } => {
                    (topic, size, Event::Value(&received[start..size]))
                }
                Front::Lost { topic, count, size } => (topic, size, Event::Lost(count.into())),
            };
            take(self.topics[topic].name, event);
            rx.consume(size);
        }
    }
}

fn cause(kind: ErrorKind) -> Cause {
    match kind {
        ErrorKind::UnexpectedReply => Cause::UnexpectedPush,
        kind => Cause::Protocol(kind),
    }
}
