//! The replies to `HELP` and `SCHEMA`, which a session writes in pieces.

use crate::Service;
use crate::command::{Kind, Route};
use crate::format::{Format, Line};
use crate::schema::Description;

/// The [`Route::index`] of `HELP`. No registry is that large.
pub(crate) const HELP: usize = usize::MAX;
/// The [`Route::index`] of `SCHEMA`.
pub(crate) const SCHEMA: usize = usize::MAX - 1;

/// The most bytes of a line, without its line feed.
const WIDTH: usize = 159;
/// The bytes of a space, `#` and a fingerprint.
const FINGERPRINT: usize = 10;

/// A command or topic as `HELP` lists it. See [`Service::listed`].
#[derive(Debug, Clone, Copy)]
pub struct HelpEntry<'a> {
    /// The name.
    pub name: &'static str,
    /// The description, if there is one. A topic always has one.
    pub description: Option<&'a Description>,
}

impl<'a> HelpEntry<'a> {
    /// Returns the command with this name, with its description if `commands` has it. The description with this index
    /// is compared first.
    pub fn among(commands: &'a [Description], index: usize, name: &'static str) -> Self {
        let is_it =
            |description: &&Description| description.name() == name && !description.is_topic();
        let likely = commands.get(index).filter(is_it);
        let description = likely.or_else(|| commands.iter().find(is_it));
        Self { name, description }
    }

    /// Returns the topic with this index among the topics in `commands`.
    pub fn topic(commands: &'a [Description], index: usize) -> Option<Self> {
        let mut topics = commands.iter().filter(|one| one.is_topic());
        topics.nth(index).map(|topic| Self {
            name: topic.name(),
            description: Some(topic),
        })
    }

    /// Returns whether `SCHEMA` means this command or topic by `name`.
    pub(crate) fn is_named(&self, name: &[u8]) -> bool {
        let is_topic = self.description.is_some_and(Description::is_topic);
        let bare = match name {
            [b'>', bare @ ..] if is_topic => bare,
            _ if is_topic => return false,
            _ => name,
        };
        bare == self.name.as_bytes()
    }
}

/// Returns the route of `HELP` or `SCHEMA`, if the service lists its commands.
pub(crate) fn route(service: &impl Service, name: &[u8]) -> Option<Route> {
    let (name, index, kind) = match name {
        b"HELP" => ("HELP", HELP, const { &answered(<()>::frame) }),
        b"SCHEMA" => ("SCHEMA", SCHEMA, const { &answered(Line::frame) }),
        _ => return None,
    };
    service.listed(0)?;
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
}

impl<'a> Piece<'a> {
    pub(crate) fn new(space: &'a mut [u8], skip: usize) -> Self {
        Self {
            space,
            skip,
            size: 0,
        }
    }

    /// Returns the number of bytes written.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Writes a command as `HELP` lists it, without its line feed.
    pub(crate) fn help(&mut self, listed: HelpEntry<'_>) {
        let Some(description) = listed.description else {
            return self.add(listed.name.as_bytes());
        };
        let sizes = description.text.iter().map(|part| part.len());
        let size = sizes.fold(0usize, usize::saturating_add);
        let (room, mark) = if size <= WIDTH - FINGERPRINT {
            (size, " #")
        } else {
            (WIDTH - FINGERPRINT - 3, "... #")
        };
        self.text(description, room, false);
        self.add(mark.as_bytes());
        self.add(&description.digits);
    }

    /// Writes a description in lines, without the last line feed.
    pub(crate) fn schema(&mut self, description: &Description) {
        self.text(description, WIDTH, true);
    }

    /// Writes the first `width` bytes of a description, cut between characters. The rest is left out, or follows in
    /// lines.
    fn text(&mut self, description: &Description, width: usize, rest_follows: bool) {
        let mut room = width;
        for part in &description.text {
            let mut rest = *part;
            loop {
                let size = rest.floor_char_boundary(room);
                let Some((line, after)) = rest.split_at_checked(size) else {
                    break;
                };
                self.add(line.as_bytes());
                room = room.saturating_sub(size);
                if after.is_empty() || !rest_follows {
                    break;
                }
                self.add(b"\n");
                room = WIDTH;
                rest = after;
            }
        }
    }

    /// Writes a part of the text.
    #[inline(never)] // size
    pub(crate) fn add(&mut self, part: &[u8]) {
        let new = part.get(self.skip..).unwrap_or(&[]);
        self.skip = self.skip.saturating_sub(part.len());
        let free = self.space.get_mut(self.size..).unwrap_or(&mut []);
        for (slot, byte) in free.iter_mut().zip(new) {
            *slot = *byte;
            self.size = self.size.wrapping_add(1);
        }
    }
}
