//! One connection of a client at a time: requests out, replies in, in order.

use super::buffer::Buffer;
use super::{CallError, Cause, ClientStream};
use bellwire::{ClientSession, Code, ErrorKind, Expected, Found, RemoteError};
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// The most bytes of an error line, with its line feed.
const ERROR_LINE: usize = 160;

/// The least space for a read, in bytes.
const READ: usize = 4096;

/// The bytes and calls of one connection. A request that was not sent at all outlives the connection.
#[derive(Default)]
pub(super) struct Link {
    /// `None` if the conversation is over or has not begun.
    stream: Option<Box<dyn ClientStream>>,
    /// The most bytes of a reply.
    max_reply: usize,
    rx: Buffer,
    tx: Buffer,
    /// The requests in `tx` of which no byte was sent.
    unsent: VecDeque<Request>,
    /// The bytes in `tx` of the last request that was sent in part.
    rest: usize,
    /// The requests that were sent, at least in part, and wait for their replies; the oldest first.
    waiting: VecDeque<Request>,
    /// The length of these requests in bytes.
    unanswered: usize,
    /// How many of the oldest of these have no caller any more.
    abandoned: usize,
    /// The names of the commands without reply that were sent.
    silent: Vec<&'static str>,
    session: ClientSession,
    /// Set when the conversation is over.
    over: Option<Over>,
}

#[derive(Clone, Copy)]
struct Request {
    name: &'static str,
    /// `None` if the command has no reply.
    expected: Option<Expected>,
    size: usize,
}

struct Over {
    cause: Cause,
    /// Whether waiting calls may have run.
    ran: bool,
    /// Whether a call has returned the cause.
    reported: bool,
}

impl Link {
    /// Creates a link without a connection. It accepts replies of at most `max_reply` bytes.
    pub(super) fn new(max_reply: usize) -> Self {
        Self {
            max_reply,
            ..Self::default()
        }
    }

    /// Begins a conversation over `stream`. The replies of the last one are discarded.
    pub(super) fn restart(&mut self, stream: Box<dyn ClientStream>) {
        self.close();
        self.rx.clear();
        self.waiting.clear();
        self.unanswered = 0;
        self.abandoned = 0;
        self.silent.clear();
        self.session.next();
        self.over = None;
        self.stream = Some(stream);
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Returns the number of calls that wait and were not abandoned.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() - self.abandoned
    }

    /// Returns the number of calls whose replies will be discarded.
    pub(super) fn abandoned(&self) -> usize {
        self.abandoned
    }

    /// Returns the error of a request without reply if it was sent only in part.
    pub(super) fn sent_in_part(&mut self) -> Option<CallError> {
        if self.is_open() {
            return None;
        }
        if !self.rx.is_empty() {
            self.judge();
        }
        Some(match self.report()?.0 {
            Cause::Remote(error) => CallError::Remote(error),
            cause => CallError::MayHaveRun(cause),
        })
    }

    /// Returns the length of the requests that wait for a reply, in bytes.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Returns the length of the encoded requests of which no byte was sent.
    pub(super) fn encoded(&self) -> usize {
        self.tx.len() - self.rest
    }

    /// Forgets all calls: discards the requests that were not sent, and later the replies to the others.
    pub(super) fn abandon(&mut self) {
        while self.drop_unsent() {}
        self.abandoned = self.waiting.len();
    }

    /// Discards the oldest request of which no byte was sent. Call it only if none was sent in part, or the conversation is over.
    pub(super) fn drop_unsent(&mut self) -> bool {
        let oldest = self.unsent.pop_front();
        if let Some(oldest) = oldest {
            self.tx.consume(oldest.size);
        }
        oldest.is_some()
    }

    /// Appends a request of at most `limit` bytes, which `encode` writes into the space that it is given.
    pub(super) fn encode(
        &mut self,
        name: &'static str,
        expected: Option<Expected>,
        limit: usize,
        mut encode: impl FnMut(&mut [u8]) -> Result<usize, ErrorKind>,
    ) -> Result<(), CallError> {
        let mut least = 1024;
        loop {
            let space = self.tx.space(least.min(limit));
            let size = space.len().min(limit);
            match encode(&mut space[..size]) {
                Ok(size) => {
                    self.tx.fill(size);
                    self.unsent.push_back(Request {
                        name,
                        expected,
                        size,
                    });
                    return Ok(());
                }
                Err(ErrorKind::MessageTooLong { .. }) if size < limit => {
                    least = size.saturating_mul(2);
                }
                Err(kind) => return Err(CallError::Request(kind)),
            }
        }
    }

    /// Sends encoded requests while at most `window` bytes of them are unanswered, or one longer request. After a
    /// failure the conversation is over, and the replies that had arrived can still be taken.
    pub(super) fn send(&mut self, window: usize, deadline: Option<Instant>) {
        let mut size = 0;
        for request in &self.unsent {
            let all = self.unanswered + size;
            if all > 0 && all + request.size > window {
                break;
            }
            size += request.size;
        }
        if size > 0
            && let Err(cause) = self.write(size, deadline)
        {
            // The server may have said why before it closed the connection.
            while self.rx.len() <= self.max_reply && self.read_now().is_ok() {}
            self.end_stream(cause);
        }
    }

    fn write(&mut self, mut size: usize, deadline: Option<Instant>) -> Result<(), Cause> {
        let stream = self.stream.as_mut().ok_or(Cause::Closed)?;
        stream.set_deadline(deadline).map_err(cause)?;
        while size > 0 {
            let stream = self.stream.as_mut().ok_or(Cause::Closed)?;
            match stream.write(&self.tx.filled()[..size]) {
                Ok(0) => return Err(cause(io::ErrorKind::WriteZero.into())),
                Ok(n) => {
                    size -= n;
                    self.sent(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(cause(error)),
            }
        }
        let stream = self.stream.as_mut().ok_or(Cause::Closed)?;
        stream.flush().map_err(cause)
    }

    /// Counts `n` bytes as sent. Requests whose first byte is among them wait from now on.
    fn sent(&mut self, mut n: usize) {
        self.tx.consume(n);
        loop {
            let now = self.rest.min(n);
            self.rest -= now;
            n -= now;
            if n == 0 {
                return;
            }
            let Some(request) = self.unsent.pop_front() else {
                return;
            };
            self.rest = request.size;
            if request.expected.is_some() {
                self.unanswered += request.size;
                self.waiting.push_back(request);
            } else if !self.silent.contains(&request.name) {
                self.silent.push(request.name);
            }
        }
    }

    /// Waits for the reply to the oldest call, and returns the place of its payload for [`payload`](Self::payload).
    pub(super) fn reply(&mut self, deadline: Option<Instant>) -> Result<Range<usize>, CallError> {
        let mut found = self.find();
        if found.is_none() {
            self.set_deadline(deadline);
        }
        loop {
            if let Some(found) = found {
                return found;
            }
            if let Err(cause) = self.read() {
                self.end_stream(cause);
            }
            found = self.find();
        }
    }

    /// Returns the payload of the reply that was taken last.
    pub(super) fn payload(&self, place: Range<usize>) -> &[u8] {
        self.rx.get(place)
    }

    /// Takes the reply to the oldest call, or its error. Returns `None` if more bytes are needed.
    pub(super) fn find(&mut self) -> Option<Result<Range<usize>, CallError>> {
        let Some(expected) = self.waiting.front().and_then(|oldest| oldest.expected) else {
            return Some(Err(CallError::NotSent(Cause::Closed)));
        };
        let received = self.rx.filled();
        let limit = self.max_reply;
        let most = match received.first() {
            Some(b'!') => limit.max(ERROR_LINE),
            _ => limit,
        };
        match self.session.find(&expected, received, limit) {
            Ok(Found::Partial) if received.len() < most => {}
            Ok(Found::Partial) => self.end(ErrorKind::MessageTooLong { limit }),
            Ok(Found::Reply { start, size }) => {
                let first = self.take(size);
                return Some(Ok(first + start..first + size));
            }
            Ok(Found::ErrorLine { size }) => {
                let error = RemoteError::parse(&received[..size], expected.name);
                if error.other_command().is_none() {
                    self.take(size);
                    // These two codes, and a line that names no command, are the last line of a conversation.
                    if error.command.is_none() || matches!(error.code, Code::TimedOut | Code::Busy)
                    {
                        self.end_with(error.clone(), false);
                        self.report();
                    }
                    return Some(Err(CallError::Remote(error)));
                }
                let error = self.name(error, &received[..size]);
                // If the server ended the conversation after a command without reply, no waiting call ran.
                let ran = error.command.is_none();
                self.end_with(error, ran);
            }
            Ok(Found::TooLong { size }) => {
                self.take(size);
                return Some(Err(CallError::Reply(ErrorKind::MessageTooLong { limit })));
            }
            Err(kind) => self.end(kind),
        }
        let (cause, ran) = self.report()?;
        self.take(0);
        Some(Err(if ran {
            CallError::MayHaveRun(cause)
        } else {
            CallError::NotSent(cause)
        }))
    }

    /// Removes the oldest call and the `size` bytes of its reply. Returns the place of the first.
    fn take(&mut self, size: usize) -> usize {
        if let Some(oldest) = self.waiting.pop_front() {
            self.unanswered -= oldest.size;
        }
        self.abandoned = self.abandoned.saturating_sub(1);
        self.session.next();
        self.rx.consume(size)
    }

    /// Notices the end of the conversation, and bytes that no call awaits. Call it only if no call waits.
    pub(super) fn check(&mut self, deadline: Option<Instant>) {
        // A read may bring no bytes but those of a reply that is skipped.
        while self.rx.is_empty() {
            let Err(cause) = self.read_now() else {
                continue;
            };
            let nothing = matches!(&cause, Cause::Transport(error) if error.kind() == io::ErrorKind::WouldBlock);
            if !nothing {
                self.end_stream(cause);
            }
            return;
        }
        self.set_deadline(deadline);
        self.judge();
    }

    /// Ends the sending and waits for the server's end. Call it only if no call waits.
    pub(super) fn finish(&mut self, deadline: Option<Instant>) -> Result<(), CallError> {
        self.set_deadline(deadline);
        if let Some(stream) = &mut self.stream {
            // If the server has closed already, reading reports why.
            let _ = stream.close_write();
        }
        while self.is_open() {
            if !self.rx.is_empty() {
                self.judge();
            } else if let Err(cause) = self.read() {
                self.end_stream(cause);
            }
        }
        match self.report() {
            // The end is clean unless it cuts an error line.
            Some((Cause::Closed, _)) if self.rx.is_empty() => Ok(()),
            Some((Cause::Remote(error), _)) => Err(CallError::Remote(error)),
            Some((cause, _)) => Err(CallError::MayHaveRun(cause)),
            None => Ok(()),
        }
    }

    /// Ends the conversation because bytes arrived that no call awaits. Only an error line is read to its end.
    fn judge(&mut self) {
        loop {
            let bytes = self.rx.filled();
            let end = bytes.iter().position(|byte| *byte == b'\n');
            match (bytes.first(), end) {
                (Some(b'!'), Some(end)) => {
                    let line = &bytes[..=end];
                    let error = self.name(RemoteError::parse(line, "-"), line);
                    return self.end_with(error, false);
                }
                (None, _) => {}
                (Some(b'!'), None) if bytes.len() < ERROR_LINE => {}
                _ => return self.end(ErrorKind::UnexpectedReply),
            }
            if let Err(cause) = self.read() {
                return self.end_stream(cause);
            }
        }
    }

    /// Returns the error with its command, if that is one without reply that was sent.
    fn name(&self, error: RemoteError, line: &[u8]) -> RemoteError {
        let mut named = self
            .silent
            .iter()
            .map(|name| RemoteError::parse(line, name));
        named.find(|error| error.command.is_some()).unwrap_or(error)
    }

    /// Returns the error line or the unexpected bytes that ended the conversation, if no call has returned them.
    pub(super) fn unreported(&mut self) -> Option<Cause> {
        let over = self.over.as_ref()?;
        let told = over.reported || !matches!(over.cause, Cause::Remote(_) | Cause::Protocol(_));
        if told {
            None
        } else {
            self.report().map(|(cause, _)| cause)
        }
    }

    /// Returns why the conversation is over, and whether the waiting calls may have run.
    pub(super) fn report(&mut self) -> Option<(Cause, bool)> {
        let over = self.over.as_mut()?;
        over.reported = true;
        Some((over.cause.clone(), over.ran))
    }

    /// Receives bytes.
    fn read(&mut self) -> Result<(), Cause> {
        self.receive(|stream, space| stream.read(space))
    }

    /// Receives bytes that are there.
    fn read_now(&mut self) -> Result<(), Cause> {
        self.receive(|stream, space| stream.read_now(space))
    }

    fn receive(
        &mut self,
        read: impl Fn(&mut dyn ClientStream, &mut [u8]) -> io::Result<usize>,
    ) -> Result<(), Cause> {
        let stream = self.stream.as_mut().ok_or(Cause::Closed)?;
        loop {
            match read(stream.as_mut(), self.rx.space(READ)) {
                Ok(0) => return Err(Cause::Closed),
                Ok(n) => {
                    self.rx.fill(n);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(cause(error)),
            }
        }
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) {
        if let Some(stream) = &mut self.stream
            && let Err(error) = stream.set_deadline(deadline)
        {
            self.end_stream(cause(error));
        }
    }

    /// Ends the conversation because the end of a reply is unknown.
    fn end(&mut self, kind: ErrorKind) {
        self.lose(Cause::Protocol(kind), true);
    }

    /// Ends the conversation because of an error line.
    fn end_with(&mut self, error: RemoteError, ran: bool) {
        self.lose(Cause::Remote(error), ran);
    }

    /// Ends the conversation. The received bytes have no meaning any more.
    fn lose(&mut self, cause: Cause, ran: bool) {
        self.rx.clear();
        self.session.next();
        self.close();
        self.over = Some(Over {
            cause,
            ran,
            reported: false,
        });
    }

    /// Closes the stream. The rest of a request that was sent in part has no meaning elsewhere.
    fn close(&mut self) {
        self.stream = None;
        self.tx.consume(std::mem::take(&mut self.rest));
    }

    /// Ends the connection. The replies that have arrived can still be taken.
    pub(super) fn end_stream(&mut self, cause: Cause) {
        self.close();
        self.over.get_or_insert(Over {
            cause,
            ran: true,
            reported: false,
        });
    }
}

/// Returns the cause of a failed read or write. A deadline that has passed is no error of the system.
fn cause(error: io::Error) -> Cause {
    if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() {
        Cause::TimedOut
    } else {
        Cause::Transport(Arc::new(error))
    }
}
