//! The states of a conversation, and the reasons of its end.

use core::fmt;

/// The progress of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// No conversation.
    Idle,
    /// A `Syn` was sent.
    Opening,
    /// A `Syn` arrived, and a `SynAck` was sent.
    Answering,
    Open,
}

/// The state of a [`Link`](super::Link).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// The link listens, or waits for the peer's answer.
    Opening,
    /// Bytes can be exchanged.
    Open,
    /// The conversation is over. Call [`Link::restart`](super::Link::restart) for the next.
    Over(Ended),
}

/// Why a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ended {
    /// One end closed the link. All bytes that the peer sent before have arrived.
    Closed,
    /// The peer has restarted, or has begun a new conversation. Bytes may be lost.
    Reset,
    /// The peer does not answer. Bytes may be lost.
    Dead,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "link closed",
            Self::Reset => "peer began a new conversation",
            Self::Dead => "peer does not answer",
        })
    }
}

impl core::error::Error for Ended {}
