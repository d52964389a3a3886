//! The limits of a server for each request.

/// The most bytes that a server accepts and sends for one request.
///
/// ```
/// use bellwire::Limits;
/// let limits = Limits { payload: 256, ..Limits::for_buffers(1024, 1024) };
/// assert_eq!(limits.reply, 512);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a command line, with its line feed and the spaces and carriage returns around the name.
    pub name: usize,
    /// Bytes of a payload, with its length prefix or line feed.
    pub payload: usize,
    /// Bytes of a reply. An error line takes up to 160 bytes whatever this is. A request waits until the larger
    /// of both is free.
    pub reply: usize,
    /// Bytes of the longest payload that is skipped. For a line they count from the end of the first `payload`
    /// bytes. If a payload is too long but its end can be found, the server discards it and the conversation
    /// continues. A payload longer than `skip` ends the conversation. After its last line, a server that closes
    /// with [`blocking::close`](crate::blocking::close) discards at most `skip` bytes.
    pub skip: usize,
}

impl Limits {
    /// Returns the limits for a receive and a transmit buffer of these sizes in bytes.
    ///
    /// - `name`: 64, or the receive buffer if that is smaller.
    /// - `payload`: the receive buffer.
    /// - `reply`: half the transmit buffer, so that replies to pipelined requests can gather in it.
    /// - `skip`: 16 receive buffers.
    ///
    /// So the receive buffer must hold the longest payload, with its length prefix or line feed. The
    /// transmit buffer must hold the longest reply twice, unless you raise `reply`. It must hold 160
    /// bytes, or error lines are cut.
    pub const fn for_buffers(receive: usize, transmit: usize) -> Self {
        Self {
            name: if receive < 64 { receive } else { 64 },
            payload: receive,
            reply: transmit / 2,
            skip: receive.saturating_mul(16),
        }
    }
}
