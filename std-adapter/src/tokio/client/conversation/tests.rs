//! Whether the end of a connection cuts a conversation.

use super::*;
use bellwire::{Command, Line};
use std::task::Waker;
use tokio::io::{AsyncWriteExt, duplex};
use tokio::runtime::Builder;

const A: Command<Line, Line> = Command::new("A");

/// Sends calls, reads, and ends. Returns whether the conversation was cut.
async fn is_cut(calls: usize, returns: &[u8]) -> bool {
    let (near, mut far) = duplex(1024);
    let shared = Arc::new(Shared::new(calls, 1024));
    let mut conversation = Conversation::new(&shared, Box::new(near), Options::default());
    let request = Request {
        owner: Owner::Nobody,
        name: A.name(),
        expected: A.expected(),
        size: 4,
        deadline: None,
    };
    let queued: Vec<_> = (0..calls)
        .map(|_| shared.queue(request, b"A\nx\n").unwrap())
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    // Other tasks run before the calls leave.
    for _ in 0..2 {
        assert!(conversation.poll(&mut context).is_pending());
    }
    far.write_all(returns).await.unwrap();
    drop(far);
    assert!(conversation.poll(&mut context).is_ready());
    drop(queued);
    shared.calls().cut
}

#[test]
fn a_conversation_is_cut_if_a_reply_is_due_that_has_not_begun() {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.unwrap().block_on(async {
        for (cut, calls, returns) in [
            (false, 0, ""),
            (true, 1, ""),
            (false, 1, "rep"),
            (false, 1, "reply\n"),
            (true, 1, ">LO"),
            (true, 2, "rep"),
            (true, 2, "reply\n"),
            (false, 2, "!busy later\n"),
        ] {
            let outcome = is_cut(calls, returns.as_bytes()).await;
            assert_eq!(outcome, cut, "{calls} {returns}");
        }
    });
}
