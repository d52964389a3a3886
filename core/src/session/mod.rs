//! The server's side of one conversation, without I/O.

mod help;
mod push;
mod reject;

use crate::Buffer;
use crate::command::Route;
use crate::error::{ErrorKind, RequestError, Text};
use crate::format::Frame;
use crate::line;
use crate::schema::listing;
use crate::{Limits, Reply, ReplySent, Service};

/// The server's side of one conversation as a state machine.
///
/// It parses received bytes, returns the next step, and writes replies into a buffer. It performs no I/O,
/// never waits, and keeps no bytes.
///
/// Most drivers use [`ServerConnection`](crate::ServerConnection), which adds a receive and a transmit
/// buffer. Use a session directly if connections share buffers, or if requests are answered later:
///
/// 1. Pass all received, unused bytes to [`next`](Self::next). It removes whole requests from the
///    front of `input`.
/// 2. On [`Step::Request`], answer the request and pass the result to [`answered`](Self::answered)
///    before the next call of `next`. Otherwise `next` answers with an error line and continues
///    with the next request, and a late call of `answered` would answer that one.
/// 3. On [`Step::Receive`], keep the rest of `input`, append more bytes, and call `next` again. At the
///    end of the stream call [`end`](Self::end).
///
/// The session reports each error line to [`Service::rejected`].
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    phase: Phase,
    /// The command of the current request, or of the last one until the next command line has arrived.
    route: Option<Route>,
    /// The searched bytes of a command line, or the format's progress in a payload; see
    /// [`Format::frame`](crate::Format::frame).
    progress: usize,
    /// The bytes of a rejected payload that are still to be skipped; for a line, the most that may be. In the
    /// replies of `HELP` and `SCHEMA`, the index of a command, and `progress` counts the written bytes of its text.
    left: usize,
    /// The number of finished requests. It wraps.
    number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Expects a command line.
    Name,
    /// Expects the payload of the named command.
    Payload,
    /// A request was returned and is not answered yet.
    Answering,
    /// Skips the rest of a rejected payload of known length.
    SkipBytes,
    /// Skips the rest of a rejected payload up to its line feed.
    SkipLine,
    /// Writes the reply of `HELP` in pieces.
    Help,
    /// Writes the reply of `SCHEMA` in pieces.
    Schema,
    /// No more requests are read.
    Ended,
    /// No more requests are read, and an error line told the peer why.
    Refused,
}

/// The next step of a driver, returned by [`Session::next`].
#[derive(Debug)]
pub enum Step<'a> {
    /// Receive more bytes. The rest of the input is an incomplete request.
    Receive,
    /// Send bytes of the transmit buffer. The next reply needs their space, or would move more unsent
    /// bytes than were sent since the last move.
    Send,
    /// Answer this request.
    Request {
        /// The command's [`Route::index`].
        index: usize,
        /// The whole payload.
        payload: &'a [u8],
    },
    /// The conversation is over. Send the transmit buffer, and close the stream so that the last bytes
    /// arrive: shut down sending, read and discard the peer's bytes up to a limit of bytes and time, then close.
    /// [`blocking::close`](crate::blocking::close) does this for an embedded-io stream.
    Close,
}

impl Session {
    /// Creates a session at the start of a conversation.
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

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the number of the request that has arrived in part, or `None` between requests. `input` holds
    /// the unused bytes.
    ///
    /// A time limit for a request runs as long as this number stays the same.
    pub fn partial_request(&self, input: &[u8]) -> Option<u32> {
        (self.phase != Phase::Name || !input.is_empty()).then_some(self.number)
    }

    /// Returns whether an error line ended the conversation. The peer may not expect this end.
    pub fn is_refused(&self) -> bool {
        self.phase == Phase::Refused
    }

    /// Consumes the front of `input` and returns the driver's next step.
    ///
    /// It writes error lines to `out`, and reports each to the service. If the service lists its commands,
    /// it writes the replies to `HELP` and `SCHEMA` too. It writes nothing else.
    ///
    /// The service must stay the same until [`reset`](Self::reset): a name that repeats the last request's is not
    /// looked up again.
    #[expect(
        clippy::inline_always,
        reason = "a separate call takes 5 % of the time of a short request"
    )]
    #[inline(always)]
    pub fn next<'a>(
        &mut self,
        service: &mut impl Service,
        input: &mut &'a [u8],
        out: &mut Buffer<'_>,
    ) -> Step<'a> {
        loop {
            if !out.is_empty() && (out.room() < self.needed() || !out.is_cheap_to_move()) {
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
                Phase::Help | Phase::Schema if service.listed(0).is_some() => {
                    self.write_help(service, out);
                }
                Phase::Help | Phase::Schema | Phase::Ended | Phase::Refused => {
                    *input = &[];
                    return Step::Close;
                }
                // Not reached: the name is found or rejected by now.
                Phase::Name => {}
            }
        }
    }

    /// Removes the command line from the input. Returns whether one has arrived, valid or not.
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
            // The same command as in the last request.
            *input = rest;
            self.phase = Phase::Payload;
            return true;
        }
        self.new_name(service, input, out)
    }

    /// Does the same for a name that differs from the last request's.
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
        self.route = match listing::route(service, name) {
            None => service.find(name),
            route => route,
        };
        if self.route.is_none() {
            let kind = match name {
                [] => ErrorKind::EmptyName,
                _ => ErrorKind::UnknownCommand,
            };
            let mut error = RequestError::of(kind);
            show(name, &mut error.detail);
            self.reject_with(&mut error, Phase::Refused, service, out);
        }
        true
    }

    /// Handles a payload that may be absent, partial or complete. Returns `None` if it was rejected, or if
    /// the session itself answers it.
    #[inline]
    fn payload<'a>(
        &mut self,
        service: &mut impl Service,
        input: &mut &'a [u8],
        out: &mut Buffer<'_>,
    ) -> Option<Step<'a>> {
        let Some(route) = &self.route else {
            // Not reached: a payload follows the name of a command.
            return Some(Step::Close);
        };
        let index = route.index;
        let limit = self.limits.payload;
        let arrived = input.len();
        match (route.kind.frame)(front(input, limit), &mut self.progress) {
            Frame::Ends(size) if size <= limit && size <= arrived => {
                self.phase = Phase::Answering;
                let payload = take(input, size);
                if index >= listing::SCHEMA && service.listed(0).is_some() {
                    self.begin_help(index, payload, service, out);
                    return None;
                }
                Some(Step::Request { index, payload })
            }
            Frame::Ends(size) if size <= limit => Some(Step::Receive),
            Frame::Open | Frame::OpenLine if arrived < limit => Some(Step::Receive),
            frame => {
                self.refuse(frame, input, service, out);
                None
            }
        }
    }

    /// Returns the space for the reply, in `out`.
    #[inline]
    pub fn reply<'a>(&self, out: &'a mut Buffer<'_>) -> Reply<'a> {
        Reply::new(out.space())
    }

    /// Takes the result of the request that [`next`](Self::next) returned: a reply at the start of the
    /// space of `out`, or an error, for which the peer gets an error line.
    #[inline]
    pub fn answered(&mut self, reply: ReplySent, service: &mut impl Service, out: &mut Buffer<'_>) {
        if self.phase != Phase::Answering {
            return;
        }
        let (size, error) = reply.into_parts();
        let limit = self.limits.reply;
        match error {
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
            Some(kind) => self.fail(kind, size, service, out),
        }
    }

    /// Handles the end of the stream, after [`next`](Self::next) returned [`Step::Receive`]. `input` holds the
    /// unused bytes.
    ///
    /// An incomplete request is answered with an error line, because the peer may have ended only its own sending.
    pub fn end(&mut self, input: &[u8], service: &mut impl Service, out: &mut Buffer<'_>) {
        match self.partial_request(input) {
            None => self.enter(Phase::Ended),
            Some(_) => self.abort(ErrorKind::Truncated, service, out),
        }
    }

    /// Ends the conversation with an error line, for example with [`ErrorKind::TimedOut`] after a time limit.
    ///
    /// No error line is sent if an earlier one ended the conversation, or in the middle of a skipped payload or of the
    /// reply to `HELP` or `SCHEMA`.
    pub fn abort(&mut self, kind: ErrorKind, service: &mut impl Service, out: &mut Buffer<'_>) {
        match self.phase {
            Phase::Name | Phase::Payload | Phase::Answering => {
                self.reject(kind, Phase::Refused, service, out);
            }
            Phase::SkipBytes | Phase::SkipLine | Phase::Help | Phase::Schema => {
                self.enter(Phase::Ended);
            }
            Phase::Ended | Phase::Refused => {}
        }
    }

    /// Begins another conversation with the same limits.
    pub fn reset(&mut self) {
        self.enter(Phase::Name);
        self.route = None;
    }

    /// Enters `phase`. [`Phase::Name`] counts the current request as finished.
    fn enter(&mut self, phase: Phase) {
        if phase == Phase::Name {
            self.number = self.number.wrapping_add(1);
        }
        self.phase = phase;
        self.progress = 0;
    }
}

/// Writes a name with `?` for each byte that is not printable ASCII.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
fn show(name: &[u8], text: &mut Text) {
    for byte in name.iter().take(text.capacity()) {
        let visible = byte.is_ascii_graphic() || *byte == b' ';
        let _ = text.push(if visible { char::from(*byte) } else { '?' });
    }
}

/// Returns the first `size` bytes, or all if there are fewer.
fn front(input: &[u8], size: usize) -> &[u8] {
    input.get(..size).unwrap_or(input)
}

/// Removes and returns the first `size` bytes of `input`, or all if there are fewer.
fn take<'a>(input: &mut &'a [u8], size: usize) -> &'a [u8] {
    let (head, tail) = input.split_at_checked(size).unwrap_or((*input, &[]));
    *input = tail;
    head
}
