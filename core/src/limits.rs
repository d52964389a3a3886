//! How much of everything a server takes and gives.

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
