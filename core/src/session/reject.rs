//! Rejected requests: their error lines, and the rest of their payloads.

use super::{Phase, Session, front, show, take};
use crate::error::{ErrorKind, RequestError};
use crate::format::Frame;
use crate::{Buffer, Service, error_line, line};

impl Session {
    /// Skips the received bytes of a rejected payload. Returns whether it has ended.
    #[cold]
    #[inline(never)]
    pub(super) fn skip(&mut self, input: &mut &[u8]) -> bool {
        let within = front(input, self.left);
        let line_end = match self.phase {
            Phase::SkipLine => line::find_end(within, &mut 0),
            _ => None,
        };
        let skipped = take(input, line_end.unwrap_or(within.len()));
        self.left = self.left.saturating_sub(skipped.len());
        let ended = line_end.is_some() || self.left == 0;
        if ended {
            // A line that exceeds the limit ends the conversation.
            let found = line_end.is_some() || self.phase == Phase::SkipBytes;
            self.enter(if found { Phase::Name } else { Phase::Ended });
        }
        ended
    }

    /// Rejects a payload, and skips it if its end is known or can be found.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse(
        &mut self,
        frame: Frame,
        input: &mut &[u8],
        service: &mut impl Service,
        out: &mut Buffer<'_>,
    ) {
        let limit = self.limits.payload;
        let mut kind = ErrorKind::PayloadTooLong { limit };
        let then = match frame {
            Frame::Ends(size) if size <= self.limits.skip => {
                self.left = size;
                Phase::SkipBytes
            }
            Frame::OpenLine => {
                take(input, limit);
                self.left = self.limits.skip;
                Phase::SkipLine
            }
            Frame::Ends(_) | Frame::Open => Phase::Refused,
            Frame::Broken(error) => {
                kind = ErrorKind::Decode(error.into());
                Phase::Refused
            }
        };
        self.reject(kind, then, service, out);
    }

    /// Rejects a request because of its handler. The first `size` bytes of the space of `out` hold the
    /// handler's reason, if it gave one.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(
        &mut self,
        kind: ErrorKind,
        size: usize,
        service: &mut impl Service,
        out: &mut Buffer<'_>,
    ) {
        let then = match kind {
            ErrorKind::Crashed | ErrorKind::TimedOut => Phase::Refused,
            _ => Phase::Name,
        };
        let mut error = RequestError::of(kind);
        if let Ok(reason) = core::str::from_utf8(front(out.space(), size)) {
            // It fits: the handler's reason was cut before.
            let _ = error.detail.push_str(reason);
        }
        self.reject_with(&mut error, then, service, out);
    }

    /// Rejects a request without detail.
    #[cold]
    #[inline(never)]
    pub(super) fn reject(
        &mut self,
        kind: ErrorKind,
        then: Phase,
        service: &mut impl Service,
        out: &mut Buffer<'_>,
    ) {
        self.reject_with(&mut RequestError::of(kind), then, service, out);
    }

    /// Completes the error, writes its error line, and enters `then`. A command without reply ends the
    /// conversation instead, because its error line must be the last.
    #[cold]
    #[inline(never)]
    pub(super) fn reject_with(
        &mut self,
        error: &mut RequestError,
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
        error.command = route.map(|route| route.name);
        error.fatal = self.is_refused();
        error_line::write(error, out);
        service.rejected(error);
    }

    /// Refuses one of the session's own requests, with a reason. If there is a payload, the reason takes at most 21
    /// bytes; the name in the payload and a quotation mark follow it. A long name is cut.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse_because(
        &mut self,
        reason: &str,
        payload: Option<&[u8]>,
        service: &mut impl Service,
        out: &mut Buffer<'_>,
    ) {
        let mut error = RequestError::of(ErrorKind::Refused);
        show(reason.as_bytes(), &mut error.detail);
        if let Some(payload) = payload {
            show(front(line::trim(payload), 42), &mut error.detail);
            show(b"\"", &mut error.detail);
        }
        self.reject_with(&mut error, Phase::Name, service, out);
    }
}
