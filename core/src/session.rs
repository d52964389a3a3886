//! The server's side of one conversation, without the bytes' transport.

use crate::Buffer;
use crate::command::{Route, unknown};
use crate::error::{Fault, Rejection};
use crate::error_line;
use crate::format::{End, Frame};
use crate::line;
use crate::{Answered, Reply, Service};

/// What a server takes and gives at most, per request.
///
/// ```
/// use bellwire::Limits;
/// let limits = Limits { payload: 256, ..Limits::for_buffers(1024, 1024) };
/// assert_eq!(limits.reply, 512);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a command line, its line feed and the spaces round the name included.
    pub name: usize,
    /// Bytes of a payload, its length prefix or line feed included.
    pub payload: usize,
    /// Bytes of a reply or error line. A request waits until that much room is free.
    pub reply: usize,
    /// Bytes of a payload that is too long, but whose end can be found, that are read and thrown
    /// away before the conversation goes on. A longer one ends the conversation.
    pub skip: usize,
}

impl Limits {
    /// The limits for buffers of these sizes: names of 64 bytes, payloads as long as the receive
    /// buffer, replies of half the transmit buffer, so that replies to pipelined requests gather in
    /// it, and 16 receive buffers to skip.
    pub const fn for_buffers(receive: usize, transmit: usize) -> Self {
        Self {
            name: if receive < 64 { receive } else { 64 },
            payload: receive,
            reply: transmit / 2,
            skip: receive.saturating_mul(16),
        }
    }
}

/// The server's side of one conversation as a state machine: it is shown what has arrived, says
/// what to do next, and writes replies into a buffer. It never reads, writes, waits or keeps
/// bytes.
///
/// [`Connection`](crate::Connection) joins it with a receive and a transmit buffer, which
/// is what most drivers want. Work with it directly where buffers are shared between
/// connections, or where a request is answered later:
///
/// 1. Show [`next`](Self::next) all that has arrived and is not used up. It takes whole
///    requests off the front of `input`.
/// 2. On [`Step::Request`], have it answered, and give what came of it to
///    [`answered`](Self::answered) before the next call of `next`.
/// 3. On [`Step::Receive`], keep what is left of `input`, and come back with more behind it. Where
///    no more will come, call [`end`](Self::end).
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    phase: Phase,
    /// The command of the present request, once its line has arrived.
    route: Option<Route>,
    /// Bytes of the input that the present phase has looked at.
    progress: usize,
    /// How many requests were finished, in 32 bits that wrap.
    number: u32,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// A command line comes, or the payload of the command that it named.
    Request,
    /// A request was handed out and is not answered yet.
    Answering,
    /// The rest of a refused payload comes: so many bytes, or so many at most up to its line feed.
    Skip(Rest, usize),
    /// No request is read any more.
    Ended,
}

/// Where a refused payload ends.
#[derive(Debug, Clone, Copy)]
enum Rest {
    Bytes,
    Line,
}

/// What [`Session::next`] asks for.
#[derive(Debug)]
pub enum Step<'a> {
    /// Bring more bytes: what is left of the input is the start of something.
    Receive,
    /// Send what the transmit buffer holds; there is no room for another reply in it.
    Send,
    /// Answer this request.
    Request {
        /// The command.
        route: Route,
        /// Its whole payload.
        payload: &'a [u8],
    },
    /// A request was answered with an error line. The conversation goes on, unless it says so.
    Rejected(Rejection),
    /// The conversation is over. Send what the transmit buffer holds, and close so that it arrives:
    /// shut down sending, read and drop what still comes, within bounds, then close.
    Close,
}

impl Session {
    /// A conversation that begins.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            phase: Phase::Request,
            route: None,
            progress: 0,
            number: 0,
        }
    }

    /// The number of the request that has arrived in part, given what is left of the input, or
    /// `None` between requests. A time limit for a request runs as long as this stays the same.
    pub fn begun(&self, input: &[u8]) -> Option<u32> {
        let between = matches!(self.phase, Phase::Request) && self.route.is_none();
        (!between || !input.is_empty()).then_some(self.number)
    }

    /// Works on the front of `input`, up to the first step that others must take. Writes
    /// nothing but error lines to `out`.
    pub fn next<'a>(
        &mut self,
        service: &impl Service,
        input: &mut &'a [u8],
        out: &mut Buffer<'_>,
    ) -> Step<'a> {
        loop {
            let arrived = *input;
            if !out.is_empty() && out.room() < self.limits.reply.max(error_line::LONGEST) {
                return Step::Send;
            }
            let route = match (self.phase, &self.route) {
                (Phase::Request, Some(route)) => *route,
                (Phase::Request, None) => {
                    let limit = self.limits.name;
                    let within = arrived.get(..limit).unwrap_or(arrived);
                    let Some(end) = line::find_end(within, &mut self.progress) else {
                        if arrived.len() < limit {
                            return Step::Receive;
                        }
                        let fault = Fault::NameTooLong { limit };
                        return Step::Rejected(self.reject(fault, Phase::Ended, out));
                    };
                    let name = line::trim(take(input, end.saturating_add(1)));
                    let Some(route) = service.find(name) else {
                        let fault = unknown(name);
                        return Step::Rejected(self.reject(fault, Phase::Ended, out));
                    };
                    self.route = Some(route);
                    self.progress = 0;
                    route
                }
                (Phase::Answering, _) => {
                    let fault = Fault::Unanswered;
                    return Step::Rejected(self.reject(fault, Phase::Request, out));
                }
                (Phase::Skip(rest, left), _) => {
                    let end = match rest {
                        Rest::Bytes => (left <= arrived.len()).then_some(left),
                        Rest::Line => {
                            line::find_end(arrived, &mut 0).map(|end| end.saturating_add(1))
                        }
                    };
                    let skipped = take(input, end.unwrap_or(arrived.len()));
                    match (end, left.checked_sub(skipped.len())) {
                        (Some(_), Some(_)) => self.enter(Phase::Request),
                        (None, Some(left)) => {
                            self.phase = Phase::Skip(rest, left);
                            return Step::Receive;
                        }
                        (_, None) => self.enter(Phase::Ended),
                    }
                    continue;
                }
                (Phase::Ended, _) => {
                    *input = &[];
                    return Step::Close;
                }
            };
            return self.payload(route, input, out);
        }
    }

    /// Works on a payload, of which the input may hold anything from nothing to more than all.
    fn payload<'a>(
        &mut self,
        route: Route,
        input: &mut &'a [u8],
        out: &mut Buffer<'_>,
    ) -> Step<'a> {
        let arrived = *input;
        let limit = self.limits.payload;
        let within = arrived.get(..limit).unwrap_or(arrived);
        match (route.frame)(within, &mut self.progress) {
            Frame::Ends(size) if size <= within.len() => {
                self.phase = Phase::Answering;
                let payload = take(input, size);
                Step::Request { route, payload }
            }
            Frame::Ends(size) if size <= limit => Step::Receive,
            Frame::Open(_) if arrived.len() < limit => Step::Receive,
            refused => Step::Rejected(self.refuse(refused, input, out)),
        }
    }

    /// Refuses a payload, and skips it where its end is known or can be found.
    #[cold]
    fn refuse(&mut self, frame: Frame, input: &mut &[u8], out: &mut Buffer<'_>) -> Rejection {
        let limit = self.limits.payload;
        let mut fault = Fault::PayloadTooLong { limit };
        let then = match frame {
            Frame::Ends(size) if size <= self.limits.skip => Phase::Skip(Rest::Bytes, size),
            Frame::Open(End::LineFeed) => {
                take(input, limit);
                Phase::Skip(Rest::Line, self.limits.skip)
            }
            Frame::Ends(_) | Frame::Open(End::Unknown) => Phase::Ended,
            Frame::Broken(malformed) => {
                fault = Fault::Malformed(malformed);
                Phase::Ended
            }
        };
        self.reject(fault, then, out)
    }

    /// The place where the reply to a request is to be written: the room for one in `out`.
    pub fn reply<'a>(&self, out: &'a mut Buffer<'_>) -> Reply<'a> {
        let space = out.space();
        let size = self.limits.reply.min(space.len());
        Reply::new(space.get_mut(..size).unwrap_or(&mut []))
    }

    /// Takes what became of the request that [`next`](Self::next) handed out: its reply, written
    /// at the start of the space of `out`, or a fault, of which the peer is told with an error
    /// line and which is returned.
    pub fn answered(&mut self, answered: Answered, out: &mut Buffer<'_>) -> Option<Rejection> {
        let Phase::Answering = self.phase else {
            return None;
        };
        match answered.into_result() {
            Ok(size) => {
                out.fill(size);
                self.enter(Phase::Request);
                None
            }
            Err(fault) => {
                let then = match fault {
                    Fault::Crashed => Phase::Ended,
                    _ => Phase::Request,
                };
                Some(self.reject(fault, then, out))
            }
        }
    }

    /// Takes the end of the stream, after [`next`](Self::next) asked for more than the `input` that
    /// is left. A request that it cuts off is answered with an error line, as the peer may
    /// have ended only its own sending.
    pub fn end(&mut self, input: &[u8], out: &mut Buffer<'_>) -> Option<Rejection> {
        if self.begun(input).is_none() {
            self.enter(Phase::Ended);
            return None;
        }
        self.abort(Fault::Truncated, out)
    }

    /// Ends the conversation with an error line for `fault`, such as [`Fault::TimedOut`] when the
    /// driver has no more patience. Nothing more is told to a peer whose last error line
    /// ended the conversation or announced that a payload is skipped.
    pub fn abort(&mut self, fault: Fault, out: &mut Buffer<'_>) -> Option<Rejection> {
        if let Phase::Skip(..) | Phase::Ended = self.phase {
            self.enter(Phase::Ended);
            return None;
        }
        Some(self.reject(fault, Phase::Ended, out))
    }

    /// Begins another conversation with the same limits.
    pub fn reset(&mut self) {
        self.enter(Phase::Request);
    }

    /// Leaves the request.
    fn enter(&mut self, phase: Phase) {
        if matches!(phase, Phase::Request) {
            self.number = self.number.wrapping_add(1);
        }
        self.phase = phase;
        self.route = None;
        self.progress = 0;
    }

    /// Writes the error line for `fault`, and goes on with `then`, unless the command is one
    /// without reply, whose error line must be the last.
    #[cold]
    fn reject(&mut self, fault: Fault, then: Phase, out: &mut Buffer<'_>) -> Rejection {
        let route = self.route;
        let silent = route.is_some_and(|route| !route.answered);
        self.enter(if silent { Phase::Ended } else { then });
        let rejection = Rejection {
            command: route.map(|route| route.name),
            fault,
            fatal: matches!(self.phase, Phase::Ended),
        };
        error_line::write(&rejection, out);
        rejection
    }
}

/// Takes the first `size` bytes, or all there are, off the front of `input`.
fn take<'a>(input: &mut &'a [u8], size: usize) -> &'a [u8] {
    let (head, tail) = input.split_at_checked(size).unwrap_or((*input, &[]));
    *input = tail;
    head
}
