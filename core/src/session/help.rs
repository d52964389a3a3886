//! A session's replies to `HELP` and `SCHEMA`.

use super::{Phase, Session};
use crate::error::{ErrorKind, RequestError};
use crate::schema::help::{self, Piece};
use crate::{Buffer, Service, line};

impl Session {
    /// Begins the reply of `HELP`, or of `SCHEMA` for the command that `payload` names.
    #[inline(never)]
    pub(super) fn begin_help(
        &mut self,
        index: usize,
        payload: &[u8],
        service: &mut impl Service,
        out: &mut Buffer<'_>,
    ) {
        self.left = 0;
        if index == help::HELP {
            return self.enter(Phase::Help);
        }
        let name = line::trim(payload);
        let mut error = RequestError::of(ErrorKind::Refused);
        while let Some(listed) = service.listed(self.left) {
            if listed.name.as_bytes() != name {
                self.left = self.left.wrapping_add(1);
            } else if listed.description.is_some() {
                return self.enter(Phase::Schema);
            } else {
                let _ = error.detail.push_str("the command has no description");
                return self.reject_with(&mut error, Phase::Name, service, out);
            }
        }
        self.refuse_name("no command is named \"", payload, service, out);
    }

    /// Writes a piece of the reply of `HELP` or `SCHEMA`: the rest of one command's text, or as much as fits.
    #[inline(never)]
    pub(super) fn write_help(&mut self, service: &mut impl Service, out: &mut Buffer<'_>) {
        let listed = service.listed(self.left);
        let mut piece = Piece::new(out.space(), self.progress);
        match listed {
            Some(listed) if self.phase == Phase::Schema => {
                if let Some(description) = listed.description {
                    piece.schema(description);
                }
            }
            listed => piece.help(self.left, listed),
        }
        let is_last = listed.is_none() || self.phase == Phase::Schema;
        let (size, complete) = piece.finish();
        out.fill(size);
        match complete {
            true if is_last => self.enter(Phase::Name),
            true => {
                self.left = self.left.wrapping_add(1);
                self.progress = 0;
            }
            // A buffer without memory can carry no reply.
            false if out.capacity() == 0 => self.enter(Phase::Ended),
            false => self.progress = self.progress.wrapping_add(size),
        }
    }
}
