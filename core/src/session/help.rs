//! A session's replies to `HELP` and `SCHEMA`.

use super::{Phase, Session};
use crate::schema::listing::{self, Piece};
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
        if index == listing::HELP {
            return self.enter(Phase::Help);
        }
        let name = line::trim(payload);
        while let Some(listed) = service.listed(self.left) {
            if !service.is_named(listed, name) {
                self.left = self.left.wrapping_add(1);
            } else if listed.description.is_some() {
                return self.enter(Phase::Schema);
            } else {
                return self.refuse_because("the command has no description", None, service, out);
            }
        }
        self.refuse_because("no command is named \"", Some(payload), service, out);
    }

    /// Writes a piece of the reply of `HELP` or `SCHEMA`: the rest of one command's text, or as much as fits.
    #[inline(never)]
    pub(super) fn write_help(&mut self, service: &mut impl Service, out: &mut Buffer<'_>) {
        let listed = service.listed(self.left);
        let whole = self.phase == Phase::Schema;
        let space = out.space();
        let room = space.len();
        let mut piece = Piece::new(space, self.progress);
        if self.left == 0 || whole {
            piece.add(b"OK\n");
        }
        if let Some(listed) = listed {
            match listed.description {
                Some(description) if whole => piece.schema(description),
                _ => piece.help(listed),
            }
        }
        piece.add(if whole { b"\n\n" } else { b"\n" });
        let size = piece.size();
        out.fill(size);
        if size == room {
            // Bytes may be left. A buffer without memory can carry none.
            self.progress = self.progress.wrapping_add(size);
            if out.capacity() == 0 {
                self.enter(Phase::Ended);
            }
        } else if whole || listed.is_none() {
            self.enter(Phase::Name);
        } else {
            self.left = self.left.wrapping_add(1);
            self.progress = 0;
        }
    }
}
