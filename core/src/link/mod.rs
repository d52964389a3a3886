//! A reliable byte stream over a serial line.
//!
//! A UART loses, flips and invents bytes, and a device that restarts prints a banner. A [`Link`] at each end
//! turns the line into a stream: it delivers the bytes that were sent, once and in order, or an error within a
//! stated time. If either end restarts, both ends learn that a new conversation has begun.
//!
//! [`Link`] is a state machine without I/O. [`blocking::Stream`] and, with the feature `async`,
//! `asynch::Stream` run it over an embedded-io stream, and every server and client of this crate runs over
//! them unchanged. [`Auto`] serves a person and a program on one port.
//!
//! # On the line
//! ```text
//! 00  COBS( kind 1 | tag 4 | sequence 2 | acknowledged 2 | window 2 | payload 0..=239 | CRC-32 4 )  00
//! ```
//! Numbers are little-endian. A frame adds 18 bytes to its payload.
//!
//! - **Sequence numbers count bytes**, not frames, from 0 in each conversation. So an end keeps no table of
//!   frames: the unacknowledged bytes stay in the lent transmit memory, and a retransmission may cut them
//!   anew, into shorter frames if the line is bad.
//! - **Go back N.** The receiver accepts the expected byte only. At the first gap or damaged frame it sends one
//!   `Ask`, and the sender begins again at the last acknowledged byte. A selective window would need memory
//!   for frames that arrived early.
//! - **The window** is the receiver's free memory, so a slow reader loses nothing.
//! - **Tags** identify conversations. Each end has a tag of 32 bits for each conversation, and each frame
//!   contains the receiver's, as in SCTP. `Syn` and `SynAck` exchange them. A `Syn` begins a new
//!   conversation. If the last one is over, its bytes are read first. A frame with an unknown tag is ignored or
//!   answered with `Reset`, never delivered. Tags begin at the session number that the caller supplies, for example
//!   random bits or a boot counter.
//! - **Time** is a clock of milliseconds that may wrap. An end sends again after 100 ms without progress, then after
//!   200, 400, and 800 ms. It asks an idle peer for a sign of life each second. After ten attempts without a valid
//!   frame the conversation is dead: at most 80 retransmission times (8 s by default) after the last frame. If only
//!   one direction fails, one end notices within that time, and the other at most as long after the first.
//!
//! CRC-32 and COBS are our own. The crate `crc` needs 0.2 KB more flash, and the encoder of `cobs` a whole frame of
//! memory.

#[cfg(feature = "async")]
pub mod asynch;
mod auto;
pub mod blocking;
mod decode;
mod encode;
mod error;
mod frame;
mod receive;
mod ring;
#[cfg(test)]
mod search;
mod state;
mod transmit;

pub use auto::Auto;
pub use error::Error;
pub use state::{Ended, State};

use decode::Decoder;
use encode::Encoder;
use frame::{CHECKSUM, Kind};
use ring::Ring;
use state::Phase;

/// Attempts without a valid frame before a conversation is dead.
const ATTEMPTS: u8 = 10;
/// The default retransmission time in milliseconds.
const RETRANSMIT: u16 = 100;
/// An idle peer is asked for a sign of life after this multiple of the retransmission time.
const IDLE: u32 = 10;
/// The least memory for each direction.
const LEAST: usize = ring::SCRATCH + 16;

/// One end of a serial line, as a state machine without I/O.
///
/// `M` is memory: `&mut [u8]`, or `Vec<u8>` on a host. Each direction needs at least [`Link::LEAST`] bytes, and
/// uses at most 32 783. For full speed lend 512 bytes or more.
///
/// A driver repeats: pass received bytes to [`receive`](Self::receive), send the bytes of
/// [`transmit`](Self::transmit), and do both again when bytes arrive or at [`poll_at`](Self::poll_at). The
/// program uses [`read`](Self::read) and [`write`](Self::write). An end that is not polled counts as dead.
///
/// `now` is a clock of milliseconds. It may begin anywhere and wrap. Between two calls it may advance by up to 24
/// days.
///
/// ```
/// use bellwire::link::{Link, State};
///
/// let mut host = Link::connect(vec![0; 256], vec![0; 256], 0x5EED, 0);
/// let mut device = Link::listen(vec![0; 256], vec![0; 256], 1);
/// let mut now = 0;
/// let mut exchange = |host: &mut Link<_>, device: &mut Link<_>| {
///     let mut line = [0; 64];
///     for _ in 0..10 {
///         now += 1;
///         let n = host.transmit(now, &mut line);
///         device.receive(now, &line[..n]);
///         let n = device.transmit(now, &mut line);
///         host.receive(now, &line[..n]);
///     }
/// };
/// exchange(&mut host, &mut device);
/// assert_eq!(host.state(), State::Open);
/// host.write(b"READ\n").unwrap();
/// exchange(&mut host, &mut device);
/// let mut bytes = [0; 16];
/// assert_eq!(device.read(&mut bytes), Ok(5));
/// assert_eq!(&bytes[..5], b"READ\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Link<M> {
    rx: Ring<M>,
    tx: Ring<M>,
    decoder: Decoder,
    encoder: Encoder,
    /// The number of the next byte to receive.
    expected: u16,
    /// The number of the oldest byte in `tx`.
    unacknowledged: u16,
    /// The bytes of `tx` that were sent, from the oldest.
    flight: u16,
    /// The bytes of `tx` that were acknowledged during the frame that is being sent.
    released: u16,
    /// The bytes that the peer has room for, from the oldest in `tx`.
    window: u16,
    /// This end's tag.
    tag: u32,
    /// The peer's tag; without a conversation, the tag that a `Reset` returns.
    peer: u32,
    /// The time of the next attempt.
    deadline: u32,
    /// The retransmission time.
    retransmit: u16,
    phase: Phase,
    /// Why the last conversation ended, until the caller restarts.
    ended: Option<Ended>,
    /// Attempts since the last valid frame.
    attempts: u8,
    /// The frame to send even if there are no bytes to send.
    due: Option<Kind>,
    /// Whether this end begins conversations.
    active: bool,
    /// Whether the peer was asked to go back, and has not.
    gap: bool,
    /// Whether to go back to the oldest byte after the frame that is being sent.
    go_back: bool,
}

impl<M: AsRef<[u8]> + AsMut<[u8]>> Link<M> {
    /// The least number of bytes of memory for each direction.
    pub const LEAST: usize = LEAST;

    /// Creates an end that waits for its peer to begin. It sends nothing before.
    ///
    /// `session` must differ from the numbers of this end's recent starts: random bits, or a boot counter.
    pub fn listen(rx: M, tx: M, session: u32) -> Self {
        Self {
            rx: Ring::new(rx),
            tx: Ring::new(tx),
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            expected: 0,
            unacknowledged: 0,
            flight: 0,
            released: 0,
            window: 0,
            // An odd factor keeps numbers apart: the tags that follow one are not the next number's.
            tag: session.wrapping_mul(0x9E37_79B9),
            peer: 0,
            deadline: 0,
            retransmit: RETRANSMIT,
            phase: Phase::Idle,
            ended: None,
            attempts: 0,
            due: None,
            active: false,
            gap: false,
            go_back: false,
        }
    }

    /// Creates an end that begins a conversation.
    ///
    /// `session` is as for [`listen`](Self::listen). Both ends may connect.
    pub fn connect(rx: M, tx: M, session: u32, now: u32) -> Self {
        let mut link = Self::listen(rx, tx, session);
        link.active = true;
        link.restart(now);
        link
    }

    /// Sets the retransmission time in milliseconds. The default is 100.
    ///
    /// It must exceed the time that the line needs for the receive memory of the peer, and the time that the
    /// peer may need to poll its link. If it is too short, bytes are sent more often than needed.
    #[must_use]
    pub fn with_retransmit(mut self, milliseconds: u16) -> Self {
        self.retransmit = milliseconds;
        self
    }

    /// Returns the memories `rx` and `tx`.
    pub fn into_memory(self) -> (M, M) {
        (self.rx.into_memory(), self.tx.into_memory())
    }

    /// Returns the state.
    pub fn state(&self) -> State {
        match (self.ended, self.phase) {
            (Some(ended), _) => State::Over(ended),
            (None, Phase::Open) => State::Open,
            (None, _) => State::Opening,
        }
    }

    /// Returns whether a conversation runs or begins, even if the caller has not left the last one.
    pub(crate) fn is_in_use(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// Begins the next conversation. Unread and unacknowledged bytes are discarded.
    ///
    /// If the peer has begun it already, this accepts it. Otherwise an end made by [`connect`](Self::connect)
    /// asks the peer for one, and an end made by [`listen`](Self::listen) waits.
    pub fn restart(&mut self, now: u32) {
        let ended = self.ended.take();
        if ended.is_some() && self.phase != Phase::Idle {
            return;
        }
        if ended.is_none() && self.phase == Phase::Open {
            self.close();
            self.ended = None;
        }
        self.rx.clear();
        if self.active {
            self.begin_conversation();
            self.phase = Phase::Opening;
            self.due = Some(Kind::Syn);
            self.arm(now);
        }
    }

    /// Ends the conversation and tells the peer, without waiting.
    ///
    /// The peer reads [`Ended::Closed`] if it has received all bytes, otherwise [`Ended::Reset`]. So first wait
    /// until nothing is [`unacknowledged`](Self::unacknowledged). If the message is lost, the peer notices when
    /// it sends or is idle.
    pub fn close(&mut self) {
        if self.phase == Phase::Open {
            self.lose(Ended::Closed);
            self.due = Some(Kind::Close);
        }
    }

    /// Moves received bytes into `space`. Returns their number, which may be 0.
    ///
    /// # Errors
    /// The conversation is over, and its bytes are read. The error persists until [`restart`](Self::restart).
    pub fn read(&mut self, space: &mut [u8]) -> Result<usize, Ended> {
        if let Some(ended) = self.ended
            && (self.is_in_use() || self.rx.is_empty())
        {
            return Err(ended);
        }
        let half = self.rx.capacity() / 2;
        let was_short = self.rx.room() < half;
        let n = self.rx.pop(space);
        if was_short && self.rx.room() >= half {
            self.owe(Kind::Data); // tells the peer that there is room again
        }
        Ok(n)
    }

    /// As [`read`](Self::read), for a stream: returns 0 after the peer has closed the link, and `None` if there is
    /// nothing yet. `space` is not empty.
    fn read_stream(&mut self, space: &mut [u8]) -> Result<Option<usize>, Ended> {
        match self.read(space) {
            Ok(0) => Ok(None),
            Ok(n) => Ok(Some(n)),
            Err(Ended::Closed) => Ok(Some(0)),
            Err(ended) => Err(ended),
        }
    }

    /// Returns whether [`read`](Self::read) returns bytes or an error.
    pub fn is_readable(&self) -> bool {
        self.ended.is_some() || !self.rx.is_empty()
    }

    /// Queues bytes to send. Returns the number that fitted: 0 before the conversation is open.
    ///
    /// # Errors
    /// The conversation is over. The error persists until [`restart`](Self::restart).
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Ended> {
        match (self.ended, self.phase) {
            (Some(ended), _) => Err(ended),
            (None, Phase::Open) => Ok(self.tx.push(bytes)),
            (None, _) => Ok(0),
        }
    }

    /// Returns the number of queued bytes that [`transmit`](Self::transmit) has not returned yet.
    pub fn unsent(&self) -> usize {
        let under_way = usize::from(!self.encoder.is_idle());
        match self.phase {
            Phase::Open => usize::from(self.tx.len().saturating_sub(self.flight)).max(under_way),
            _ => under_way,
        }
    }

    /// Returns the number of queued bytes that the peer has not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        match self.phase {
            Phase::Open => usize::from(self.tx.len().saturating_sub(self.released)),
            _ => 0,
        }
    }

    /// Returns the time of the next call of [`transmit`](Self::transmit) if no bytes arrive before. Call it at
    /// once after [`receive`](Self::receive), `read`, `write`, `restart` and `close`.
    pub fn poll_at(&self) -> Option<u32> {
        self.is_in_use().then_some(self.deadline)
    }

    /// Ends the conversation. Received bytes stay.
    #[inline(never)] // size
    fn lose(&mut self, why: Ended) {
        if self.ended.is_some() {
            // The caller has not accepted this conversation. Its bytes must not follow those of the last.
            self.rx.clear();
        } else if self.phase == Phase::Open || self.active {
            self.ended = Some(why);
        }
        self.phase = Phase::Idle;
        self.due = None;
        self.attempts = 0;
    }

    /// Forgets the last conversation and takes the next tag.
    #[inline(never)] // size
    fn begin_conversation(&mut self) {
        self.encoder.abort();
        self.rx.clear();
        self.tx.clear();
        self.expected = 0;
        self.unacknowledged = 0;
        self.flight = 0;
        self.released = 0;
        self.window = 0;
        self.tag = self.tag.wrapping_add(1).max(1);
        self.attempts = 0;
        self.gap = false;
        self.go_back = false;
    }

    /// Notes that a frame must be sent.
    fn owe(&mut self, kind: Kind) {
        self.due = self.due.max(Some(kind));
    }

    /// Returns the payload bytes that fit into the receive memory, which must hold a checksum too.
    fn room(&self) -> u16 {
        self.rx.room().saturating_sub(u16::from(CHECKSUM))
    }

    /// Sets the time of the next attempt.
    #[inline(never)] // size
    fn arm(&mut self, now: u32) {
        self.deadline = now.wrapping_add(self.interval());
    }

    /// Returns the time until the next attempt.
    fn interval(&self) -> u32 {
        let once = u32::from(self.retransmit);
        if self.phase == Phase::Open && self.flight == 0 && self.attempts == 0 {
            once.wrapping_mul(IDLE)
        } else {
            once << self.attempts.min(3)
        }
    }
}

/// Returns `n` as a number of bytes. No memory of a link is larger.
fn narrow(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
