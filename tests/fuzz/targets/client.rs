//! A client makes calls and receives arbitrary bytes, in arbitrary pieces, into buffers of arbitrary sizes.
//!
//! Every call ends. Its result does not depend on the pieces, and no byte belongs to two replies.
#![no_main]

use bellwire::{ClientConnection, Command, Error, Format};
use bellwire_fuzz::cuts::Cuts;
use bellwire_fuzz::server::{ECHO, GOB, LAST, LOG, PING, RAW, RESET, TEXT};
use core::convert::Infallible;
use core::fmt::Debug;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&[rx, tx, ref setup @ ..], replies)) = data.split_first_chunk::<14>() else {
        return;
    };
    let sizes = [usize::from(rx) * 2, usize::from(tx)];
    let (cuts, calls) = (Cuts::new(&setup[..4]), &setup[4..]);
    let at_once = talk(sizes, calls, replies, Cuts::NONE);
    let in_pieces = talk(sizes, calls, replies, cuts);
    assert_eq!(at_once, in_pieces);
});

/// Makes the calls and returns their results.
fn talk(sizes: [usize; 2], calls: &[u8], replies: &[u8], cuts: Cuts<'_>) -> Vec<String> {
    let (mut rx, mut tx) = (vec![0; sizes[0]], vec![0; sizes[1]]);
    let mut client = Client {
        caller: ClientConnection::new(&mut rx, &mut tx),
        replies,
        cuts,
        ended: false,
        results: Vec::new(),
    };
    for call in calls {
        let patient = call & 0x80 == 0;
        match call % 8 {
            0 => client.call(ECHO, || "hi", patient),
            1 => client.call(TEXT, || &"hi", patient),
            2 => client.call(RESET, || (), patient),
            3 => client.call(LAST, || (), patient),
            4 => client.call(RAW, || b"\x03\x04\x00\x06", patient),
            5 => client.call(PING, || (), patient),
            6 => client.send(),
            _ => {
                let data = bellwire::HeapComplexData::default();
                client.call(GOB, || &data, patient);
            }
        }
    }
    client.finish();
    client.results
}

struct Client<'a> {
    caller: ClientConnection<'a>,
    replies: &'a [u8],
    cuts: Cuts<'a>,
    ended: bool,
    results: Vec<String>,
}

type Outcome<T> = Result<T, Error<Infallible>>;

impl Client<'_> {
    /// Makes a call. If `patient`, waits for its reply; otherwise the next call skips the reply.
    fn call<'v, Req: Format, Rsp: Format>(
        &mut self,
        command: Command<Req, Rsp>,
        value: impl Fn() -> Req::Sent<'v>,
        patient: bool,
    ) where
        for<'r> Rsp::Value<'r>: Debug,
    {
        let sent = self.settle();
        let sent = sent.and_then(|()| self.caller.request(command, value()));
        self.pass_on();
        if !patient {
            self.results.push(format!("{sent:?}"));
            return;
        }
        let waited = sent.and_then(|()| self.wait());
        let reply = waited.and_then(|()| self.caller.reply(command));
        let result = format!("{reply:?}");
        self.results.push(result);
    }

    fn send(&mut self) {
        let sent = self.settle();
        let sent = sent.and_then(|()| self.caller.request(LOG, "some text"));
        self.pass_on();
        self.results.push(format!("{sent:?}"));
    }

    /// Skips the reply to an earlier call, if one is due.
    fn settle(&mut self) -> Outcome<()> {
        while self.caller.is_waiting() && !self.caller.skip()? {
            self.receive();
        }
        Ok(())
    }

    fn wait(&mut self) -> Outcome<()> {
        while !self.caller.has_reply()? {
            self.receive();
        }
        assert!(
            self.caller.has_reply()?,
            "a complete reply is no longer complete"
        );
        Ok(())
    }

    fn finish(&mut self) {
        let settled = self.settle();
        let over = settled.and_then(|()| {
            while !self.caller.is_over()? {
                self.receive();
            }
            Ok(())
        });
        self.results.push(format!("{over:?}"));
    }

    fn receive(&mut self) {
        assert!(!self.ended, "the client waits after the end of the stream");
        let space = self.caller.space();
        assert!(!space.is_empty(), "the client waits for bytes without room");
        let size = self.cuts.next(space.len().min(self.replies.len()));
        let (piece, rest) = self.replies.split_at(size);
        space[..size].copy_from_slice(piece);
        self.caller.received(size);
        self.replies = rest;
        if size == 0 {
            self.ended = true;
            self.caller.end();
        }
    }

    /// Sends all pending bytes and records them.
    fn pass_on(&mut self) {
        self.results
            .push(self.caller.pending().escape_ascii().to_string());
        self.caller.sent(self.caller.pending().len());
    }
}
