//! Comparison of a client's commands with its server's.

use super::calls::Shared;
use super::connect::Io;
use super::conversation::Conversation;
use super::{Client, Handle};
use crate::client::{CallError, Cause, Options};
use crate::schema::{Check, CheckError, FetchError, described, listing};
use bellwire::schema::{Description, HELP, SCHEMA};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

impl Client {
    /// Checks that the server has these commands, with the same formats and types.
    ///
    /// It asks for the list of commands, compares fingerprints, and fetches the description of each command that
    /// differs. [`ClientBuilder::check`](super::ClientBuilder::check) does it on each new connection.
    ///
    /// # Errors
    /// See [`CheckError`]. A server without descriptions is [`FetchError::NotDescribed`], and ends the conversation.
    pub async fn check(&self, commands: &[Description]) -> Result<(), CheckError> {
        let listed = self.call_with(HELP, (), listing::parse).await;
        let mut check = Check::new(listed.map_err(FetchError::from)?);
        for ours in commands {
            if let Some(name) = check.differs(ours) {
                let lines = self.call(SCHEMA, &name).await;
                let theirs = lines
                    .map_err(FetchError::from)
                    .and_then(|lines| described(&name, &lines));
                check.compare(ours, theirs)?;
            }
        }
        check.finish()
    }
}

/// Returns the stream of a new connection if its server has these commands.
pub(super) async fn checked(
    stream: Box<dyn Io>,
    commands: &[Description],
) -> io::Result<Box<dyn Io>> {
    let options = Options::with_timeout(None);
    let shared = Arc::new(Shared::new(1, options.max_request));
    let mut conversation = Conversation::new(&shared, stream, options);
    let client = Client(Arc::new(Handle {
        shared: Arc::clone(&shared),
        options,
    }));
    let mut check = pin!(client.check(commands));
    let mut over = None;
    let result = poll_fn(|context| {
        if let Poll::Ready(cause) = conversation.poll(context) {
            let cause = over.insert(cause.unwrap_or(Cause::Closed));
            // A request that was not sent waits for another connection.
            shared.close(cause);
        }
        check.as_mut().poll(context)
    })
    .await;
    result?;
    match over {
        None => Ok(conversation.take_stream()),
        Some(cause) => Err(io::Error::new(cause.kind(), CallError::NotSent(cause))),
    }
}
