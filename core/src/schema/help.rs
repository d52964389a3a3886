//! The replies to `HELP` and `SCHEMA`, which a session writes in pieces.

use crate::Service;
use crate::command::{Kind, Route};
use crate::format::{Format, Line};
use crate::schema::Description;

/// The [`Route::index`] of `HELP`. No registry holds so many commands.
pub(crate) const HELP: usize = usize::MAX;
/// The [`Route::index`] of `SCHEMA`.
pub(crate) const SCHEMA: usize = usize::MAX - 1;

/// The most bytes of a line, without its line feed.
const WIDTH: usize = 159;
/// The bytes of a space, `#` and a fingerprint.
const FINGERPRINT: usize = 10;

/// A command as `HELP` lists it. See [`Service::listed`].
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// The command's name.
    pub name: &'static str,
    /// The command's description, if it has one.
    pub description: Option<&'a Description>,
}

impl<'a> Listed<'a> {
    /// Returns the command with this name, with its description if `commands` has it.
    pub fn among(commands: &'a [Description], name: &'static str) -> Self {
        let mut commands = commands.iter();
        let description = commands.find(|description| description.name == name);
        Self { name, description }
    }
}

/// Returns the route of `HELP` or `SCHEMA`, if the service lists its commands.
pub(crate) fn route(service: &impl Service, name: &[u8]) -> Option<Route> {
    service.listed(0)?;
    let (name, index, kind) = match name {
        b"HELP" => ("HELP", HELP, const { &answered(<()>::frame) }),
        b"SCHEMA" => ("SCHEMA", SCHEMA, const { &answered(Line::frame) }),
        _ => return None,
    };
    Some(Route { name, index, kind })
}

const fn answered(frame: crate::command::FindEnd) -> Kind {
    Kind {
        frame,
        answered: true,
    }
}

/// A part of a reply: it skips the bytes that were written before, and fills the free space.
pub(crate) struct Piece<'a> {
    space: &'a mut [u8],
    /// The bytes that are still to be skipped.
    skip: usize,
    /// The number of bytes written.
    size: usize,
    /// Whether bytes did not fit.
    full: bool,
    /// The bytes of the current line.
    column: usize,
}

impl<'a> Piece<'a> {
    pub(crate) fn new(space: &'a mut [u8], skip: usize) -> Self {
        Self {
            space,
            skip,
            size: 0,
            full: false,
            column: 0,
        }
    }

    /// Returns the number of bytes written, and whether the text is complete.
    pub(crate) fn finish(self) -> (usize, bool) {
        (self.size, !self.full)
    }

    /// Writes the entry of `HELP` for the command with this index, or the last line if there is none.
    pub(crate) fn help(&mut self, index: usize, listed: Option<Listed<'_>>) {
        if index == 0 {
            self.text("OK\n");
        }
        match listed {
            Some(Listed {
                description: Some(description),
                ..
            }) => self.described(description),
            Some(Listed { name, .. }) => self.text(name),
            None => {}
        }
        self.text("\n");
    }

    /// Writes a description, cut to the line, and its fingerprint.
    fn described(&mut self, description: &Description) {
        let mut length = 0usize;
        description.write_to(&mut |part| length = length.saturating_add(part.len()));
        let fits = length <= WIDTH - FINGERPRINT;
        let mut room = WIDTH - FINGERPRINT - if fits { 0 } else { 3 };
        description.write_to(&mut |part| {
            for byte in part.bytes() {
                if space_for(byte) > room {
                    room = 0;
                }
                if room > 0 {
                    self.byte(visible(byte));
                    room = room.saturating_sub(1);
                }
            }
        });
        self.text(if fits { " #" } else { "... #" });
        let mut rest = description.fingerprint();
        for _ in 0..8 {
            rest = rest.rotate_left(4);
            let digit = (rest & 15).to_le_bytes()[0];
            self.byte(if digit < 10 { b'0' } else { b'a' - 10 }.wrapping_add(digit));
        }
    }

    /// Writes the whole reply of `SCHEMA`: the description in lines, then an empty line.
    pub(crate) fn schema(&mut self, description: &Description) {
        self.text("OK\n");
        description.write_to(&mut |part| {
            for byte in part.bytes() {
                if self.column.saturating_add(space_for(byte)) > WIDTH {
                    self.byte(b'\n');
                    self.column = 0;
                }
                self.byte(visible(byte));
                self.column = self.column.saturating_add(1);
            }
        });
        self.text("\n\n");
    }

    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.byte(byte);
        }
    }

    #[inline(never)] // size
    fn byte(&mut self, byte: u8) {
        if let Some(skip) = self.skip.checked_sub(1) {
            self.skip = skip;
        } else if let Some(slot) = self.space.get_mut(self.size) {
            *slot = byte;
            self.size = self.size.saturating_add(1);
        } else {
            self.full = true;
        }
    }
}

/// Returns the room that a line must have for this byte and the rest of its character, at most. The later bytes of
/// a character need none, so no line ends inside one.
fn space_for(byte: u8) -> usize {
    match byte {
        0..0x80 => 1,
        0x80..0xc0 => 0,
        _ => 4,
    }
}

/// Replaces a line feed, which would end the line.
fn visible(byte: u8) -> u8 {
    if byte == b'\n' { b' ' } else { byte }
}
