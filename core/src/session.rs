//! The server's side of one conversation, without the bytes' transport.

use crate::Buffer;
use crate::command::Route;
use crate::error::{ErrorKind, RequestError, Text};
use crate::error_line;
use crate::format::{End, Frame};
use crate::line;
use crate::{Limits, Reply, ReplySent, Service};

/// The server's side of one conversation as a state machine: it is shown what has arrived, says
/// what to do next, and writes replies into a buffer. It never reads, writes, waits or keeps
/// bytes.
///
/// [`ServerConnection`](crate::ServerConnection) joins it with a receive and a transmit buffer, which
/// is what most drivers want. Work with it directly where buffers are shared between
/// connections, or where a request is answered later:
///
/// 1. Show [`next`](Self::next) all that has arrived and is not used up. It takes whole
///    requests off the front of `input`.
/// 2. On [`Step::Request`], have it answered, and give what came of it to
///    [`answered`](Self::answered) before the next call of `next`, which otherwise answers it with
///    an error line and goes on to the next request. An answer that came behind that would be the
///    next one's.
/// 3. On [`Step::Receive`], keep what is left of `input`, and come back with more behind it. Where
///    no more will come, call [`end`](Self::end).
///
/// What is refused on the way, [`Service::rejected`] hears of.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    phase: Phase,
    /// The command of the present request, once its line has arrived, and then of the last one.
    route: Option<Route>,
    /// How far the present line or payload was looked at; a format's own, as in
    /// [`Format::frame`](crate::Format::frame).
    progress: usize,
    /// Bytes of a refused payload that are, or may be, still to come.
    left: usize,
    /// How many requests were finished, in 32 bits that wrap.
    number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A command line comes.
    Name,
    /// The payload comes of the command that was named.
    Payload,
    /// A request was handed out and is not answered yet.
    Answering,
    /// The rest of a refused payload comes, of a known length.
    SkipBytes,
    /// The rest of a refused payload comes, up to a line feed.
    SkipLine,
    /// No request is read any more.
    Ended,
    /// No request is read any more, and the peer was told why.
    Refused,
}

/// What [`Session::next`] asks for.
#[derive(Debug)]
pub enum Step<'a> {
    /// Bring more bytes: what is left of the input is the start of something.
    Receive,
    /// Send what the transmit buffer holds; the next reply needs its room, or would move more
    /// bytes of it than were sent.
    Send,
    /// Answer this request.
    Request {
        /// The [`Route::index`] of the command.
        index: usize,
        /// Its whole payload.
        payload: &'a [u8],
    },
    /// The conversation is over. Send what the transmit buffer holds, and close so that it arrives:
    /// shut down sending, read and drop what still comes, within bounds, then close.
    Close,
}

impl Session {
    /// A conversation that begins.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            phase: Phase::Name,
            route: None,
            progress: 0,
            left: 0,
            number: 0,
        }
    }

    /// The number of the request that has arrived in part, given what is left of the input, or
    /// `None` between requests. A time limit for a request runs as long as this stays the same.
    pub fn begun(&self, input: &[u8]) -> Option<u32> {
        (self.phase != Phase::Name || !input.is_empty()).then_some(self.number)
    }

    /// Whether an error line has ended the conversation, so that the peer may not expect its end.
    pub fn is_refused(&self) -> bool {
        self.phase == Phase::Refused
    }

    /// Works on the front of `input`, up to the first step that others must take. Writes
    /// nothing but error lines to `out`, of which it tells the service.
    ///
    /// The service must be the same until [`reset`](Self::reset): a name that was found once is not
    /// looked up again as long as requests repeat it.
    #[expect(
        clippy::inline_always,
        reason = "a call of its own takes a twentieth of a short request"
    )]
    #[inline(always)]
    pub fn next<'a>(
        &mut self,
        service: &mut impl Service,
        input: &mut &'a [u8],
        out: &mut Buffer<'_>,
    ) -> Step<'a> {
        loop {
            let needed = self.limits.reply.max(error_line::LONGEST);
            if !out.is_empty() && (out.room() < needed || !out.is_cheap_to_move()) {
                return Step::Send;
            }
            if self.phase == Phase::Name && !self.name(service, input, out) {
                return Step::Receive;
            }
            match self.phase {
                Phase::Payload => {
                    if let Some(step) = self.payload(service, input, out) {
                        return step;
                    }
                }
                Phase::Answering => {
                    self.reject(ErrorKind::Unanswered, Phase::Name, service, out);
                }
                Phase::SkipBytes | Phase::SkipLine => {
                    if !self.skip(input) {
                        return Step::Receive;
                    }
                }
                Phase::Ended | Phase::Refused => {
                    *input = &[];
                    return Step::Close;
                }
                // Not reached: a name is now found or refused.
                Phase::Name => {}
            }
        }
    }

    /// Takes the command line off the input, and says whether it was there, good or bad.
    #[inline]
    fn name(
        &mut self,
        service: &mut impl Service,
        input: &mut &[u8],
        out: &mut Buffer<'_>,
    ) -> bool {
        if input.is_empty() && self.limits.name > 0 {
            return false;
        }
        if let Some(route) = &self.route
            && let Some(rest) = input.strip_prefix(route.name.as_bytes())
            && let [b'\n', rest @ ..] = rest
        {
            // The command of the last request, once more.
            *input = rest;
            self.phase = Phase::Payload;
            return true;
        }
        self.new_name(service, input, out)
    }

    /// The same where the last request tells nothing.
    #[inline(never)]
    fn new_name(
        &mut self,
        service: &mut impl Service,
        input: &mut &[u8],
        out: &mut Buffer<'_>,
    ) -> bool {
        self.route = None;
        let limit = self.limits.name;
        let Some(size) = line::find_end(front(input, limit), &mut self.progress) else {
            if input.len() < limit {
                return false;
            }
            self.reject(
                ErrorKind::NameTooLong { limit },
                Phase::Refused,
                service,
                out,
            );
            return true;
        };
        let name = line::trim(take(input, size));
        self.progress = 0;
        self.phase = Phase::Payload;
        self.route = service.find(name);
        if self.route.is_none() {
            let fault = match name {
                [] => ErrorKind::EmptyName,
                _ => ErrorKind::UnknownCommand,
            };
            let mut rejection = RequestError::of(fault);
            show(name, &mut rejection.detail);
            self.reject_with(&mut rejection, Phase::Refused, service, out);
        }
        true
    }

    /// Works on a payload, of which the input may hold anything from nothing to more than all. There is
    /// no step for others to take where it was refused.
    #[inline]
    fn payload<'a>(
        &mut self,
        service: &mut impl Service,
        input: &mut &'a [u8],
        out: &mut Buffer<'_>,
    ) -> Option<Step<'a>> {
        let Some(route) = &self.route else {
            // Not reached: a payload comes behind the name of a command.
            return Some(Step::Close);
        };
        let index = route.index;
        let limit = self.limits.payload;
        let arrived = input.len();
        match (route.kind.frame)(front(input, limit), &mut self.progress) {
            Frame::Ends(size) if size <= limit && size <= arrived => {
                self.phase = Phase::Answering;
                let payload = take(input, size);
                Some(Step::Request { index, payload })
            }
            Frame::Ends(size) if size <= limit => Some(Step::Receive),
            Frame::Open(_) if arrived < limit => Some(Step::Receive),
            refused => {
                self.refuse(refused, input, service, out);
                None
            }
        }
    }

    /// Skips what has arrived of a refused payload, and says whether that was all of it.
    #[cold]
    #[inline(never)]
    fn skip(&mut self, input: &mut &[u8]) -> bool {
        let within = front(input, self.left);
        let line_end = match self.phase {
            Phase::SkipLine => line::find_end(within, &mut 0),
            _ => None,
        };
        let skipped = take(input, line_end.unwrap_or(within.len()));
        self.left = self.left.saturating_sub(skipped.len());
        let ended = line_end.is_some() || self.left == 0;
        if ended {
            // A line that goes on beyond the limit ends the conversation.
            let found = line_end.is_some() || self.phase == Phase::SkipBytes;
            self.enter(if found { Phase::Name } else { Phase::Ended });
        }
        ended
    }

    /// Refuses a payload, and skips it where its end is known or can be found.
    #[cold]
    #[inline(never)]
    fn refuse(
        &mut self,
        frame: Frame,
        input: &mut &[u8],
        service: &mut impl Service,
        out: &mut Buffer<'_>,
    ) {
        let limit = self.limits.payload;
        let mut fault = ErrorKind::PayloadTooLong { limit };
        let then = match frame {
            Frame::Ends(size) if size <= self.limits.skip => {
                self.left = size;
                Phase::SkipBytes
            }
            Frame::Open(End::LineFeed) => {
                take(input, limit);
                self.left = self.limits.skip;
                Phase::SkipLine
            }
            Frame::Ends(_) | Frame::Open(End::Unknown) => Phase::Refused,
            Frame::Broken(flaw) => {
                fault = ErrorKind::Decode(flaw.into());
                Phase::Refused
            }
        };
        self.reject(fault, then, service, out);
    }

    /// The place where the reply to a request is to be written: the room in `out`.
    #[inline]
    pub fn reply<'a>(&self, out: &'a mut Buffer<'_>) -> Reply<'a> {
        Reply::new(out.space())
    }

    /// Takes what became of the request that [`next`](Self::next) handed out: its reply, written
    /// at the start of the space of `out`, or a fault, of which the peer is told with an error
    /// line.
    #[inline]
    pub fn answered(
        &mut self,
        answered: ReplySent,
        service: &mut impl Service,
        out: &mut Buffer<'_>,
    ) {
        if self.phase != Phase::Answering {
            return;
        }
        let (size, fault) = answered.into_parts();
        let limit = self.limits.reply;
        match fault {
            None if size <= limit => {
                out.fill(size);
                self.enter(Phase::Name);
            }
            None => {
                self.reject(
                    ErrorKind::MessageTooLong { limit },
                    Phase::Name,
                    service,
                    out,
                );
            }
            Some(fault) => self.fail(fault, size, service, out),
        }
    }

    /// Refuses a request for a handler, whose reason, if it gave one, are so many bytes at the start of
    /// the space of `out`.
    #[cold]
    #[inline(never)]
    fn fail(
        &mut self,
        fault: ErrorKind,
        size: usize,
        service: &mut impl Service,
        out: &mut Buffer<'_>,
    ) {
        let then = match fault {
            ErrorKind::Crashed => Phase::Refused,
            _ => Phase::Name,
        };
        let mut rejection = RequestError::of(fault);
        if let Ok(reason) = core::str::from_utf8(front(out.space(), size)) {
            // It was cut to what fits.
            let _ = rejection.detail.push_str(reason);
        }
        self.reject_with(&mut rejection, then, service, out);
    }

    /// Takes the end of the stream, after [`next`](Self::next) asked for more than the `input` that
    /// is left. A request that it cuts off is answered with an error line, as the peer may
    /// have ended only its own sending.
    pub fn end(&mut self, input: &[u8], service: &mut impl Service, out: &mut Buffer<'_>) {
        match self.begun(input) {
            None => self.enter(Phase::Ended),
            Some(_) => self.abort(ErrorKind::Truncated, service, out),
        }
    }

    /// Ends the conversation with an error line for `fault`, such as [`ErrorKind::TimedOut`] when the
    /// driver has no more patience. Nothing more is told to a peer whose last error line
    /// ended the conversation or announced that a payload is skipped.
    pub fn abort(&mut self, fault: ErrorKind, service: &mut impl Service, out: &mut Buffer<'_>) {
        match self.phase {
            Phase::Name | Phase::Payload | Phase::Answering => {
                self.reject(fault, Phase::Refused, service, out);
            }
            Phase::SkipBytes | Phase::SkipLine => self.enter(Phase::Ended),
            Phase::Ended | Phase::Refused => {}
        }
    }

    /// Begins another conversation with the same limits.
    pub fn reset(&mut self) {
        self.enter(Phase::Name);
        self.route = None;
    }

    /// Leaves the request.
    fn enter(&mut self, phase: Phase) {
        if phase == Phase::Name {
            self.number = self.number.wrapping_add(1);
        }
        self.phase = phase;
        self.progress = 0;
    }

    /// Refuses what needs no detail.
    #[cold]
    #[inline(never)]
    fn reject(
        &mut self,
        fault: ErrorKind,
        then: Phase,
        service: &mut impl Service,
        out: &mut Buffer<'_>,
    ) {
        self.reject_with(&mut RequestError::of(fault), then, service, out);
    }

    /// Completes the rejection, writes its error line, and goes on with `then`, unless the command is
    /// one without reply, whose error line must be the last.
    #[cold]
    #[inline(never)]
    fn reject_with(
        &mut self,
        rejection: &mut RequestError,
        then: Phase,
        service: &mut impl Service,
        out: &mut Buffer<'_>,
    ) {
        let route = match self.phase {
            Phase::Name => None,
            _ => self.route,
        };
        let silent = route.is_some_and(|route| !route.kind.answered);
        self.enter(if silent { Phase::Refused } else { then });
        rejection.command = route.map(|route| route.name);
        rejection.fatal = self.is_refused();
        error_line::write(rejection, out);
        service.rejected(rejection);
    }
}

/// Writes a name as people are shown it.
fn show(name: &[u8], text: &mut Text) {
    for byte in name.iter().take(text.capacity()) {
        let visible = byte.is_ascii_graphic() || *byte == b' ';
        let _ = text.push(if visible { char::from(*byte) } else { '?' });
    }
}

/// The first `size` bytes, or all there are.
fn front(input: &[u8], size: usize) -> &[u8] {
    input.get(..size).unwrap_or(input)
}

/// Takes the first `size` bytes, or all there are, off the front of `input`.
fn take<'a>(input: &mut &'a [u8], size: usize) -> &'a [u8] {
    let (head, tail) = input.split_at_checked(size).unwrap_or((*input, &[]));
    *input = tail;
    head
}
