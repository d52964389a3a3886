//! Descriptions of commands and topics, which the compiler renders as text.

use super::notation::{Text, encodings, has_name};
use super::{Described, Encoding, depth::depth};
use crate::command::{Command, NoReply};
use crate::format::MAX_DEPTH;
use crate::name::{check_name, check_topic_name};
use crate::sentence::hexadecimal;
use crate::topics::Topic;
use core::fmt;

/// The description of a command or topic, for `HELP` and `SCHEMA`. See [`Command::describe`] and [`Topic::describe`].
///
/// It displays as its [text](super#the-notation).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// The text: `>` for a topic, the name, and the types after it.
    pub(super) text: [&'static str; 3],
    /// The digits of the fingerprint.
    pub(super) digits: [u8; 8],
}

impl Description {
    /// Returns the description with this text, for a command or topic that is known only at run time.
    ///
    /// ```
    /// use bellwire::schema::Description;
    ///
    /// let read = Description::from_text("READ -> postcard u64")?;
    /// assert_eq!(read.name(), "READ");
    /// assert_eq!(read.to_string(), "READ -> postcard u64");
    /// # Ok::<(), &str>(())
    /// ```
    ///
    /// # Errors
    /// Returns the rule that the text breaks: one for [a name](Command::new), or that it contains no control
    /// characters. The formats and types are not checked.
    pub const fn from_text(text: &'static str) -> Result<Self, &'static str> {
        let mut rest = text.as_bytes();
        let mut size = 0usize;
        let mut is_name = true;
        while let [byte, tail @ ..] = rest {
            if byte.is_ascii_control() {
                return Err("a description must not contain control characters");
            }
            is_name = is_name && *byte != b' ';
            if is_name {
                size = size.saturating_add(1);
            }
            rest = tail;
        }
        let (name, types) = match text.split_at_checked(size) {
            Some(split) => split,
            None => (text, ""),
        };
        let (mark, name, checked) = match name.as_bytes() {
            [b'>', ..] => {
                let (mark, name) = name.split_at(1);
                (mark, name, check_topic_name(name))
            }
            _ => ("", name, check_name(name)),
        };
        match checked {
            Ok(()) => Ok(Self::new(mark, name, types)),
            Err(rule) => Err(rule),
        }
    }

    const fn new(mark: &'static str, name: &'static str, types: &'static str) -> Self {
        let text = [mark, name, types];
        Self {
            text,
            digits: hexadecimal(hash(text)),
        }
    }

    /// Returns whether it describes a topic.
    pub const fn is_topic(&self) -> bool {
        let [mark, ..] = self.text;
        !mark.is_empty()
    }

    /// Returns the name of the command or topic.
    pub const fn name(&self) -> &'static str {
        let [_, name, _] = self.text;
        name
    }

    /// Returns a hash of the text: 32-bit FNV-1a.
    ///
    /// Two ends that describe a command alike have the same fingerprint. It finds mistakes, and is no protection
    /// against a peer that chooses its description.
    pub const fn fingerprint(&self) -> u32 {
        hash(self.text)
    }
}

/// Returns the hash of a text in three parts.
const fn hash(mut parts: [&str; 3]) -> u32 {
    let mut hash = 0x811c_9dc5u32;
    let mut left: &mut [&str] = &mut parts;
    while let [part, after @ ..] = left {
        let mut rest = part.as_bytes();
        while let [byte, tail @ ..] = rest {
            hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
            rest = tail;
        }
        left = after;
    }
    hash
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.text {
            f.write_str(part)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Description({self})")
    }
}

impl<Req: Described, Rsp: Described> Command<Req, Rsp> {
    /// The text after the name.
    const TYPES: &'static str = {
        assert!(
            depth(Req::ENCODING.ty) <= MAX_DEPTH,
            "the request nests too deep"
        );
        assert!(
            has_name(&Req::ENCODING),
            "the request's format has no valid name"
        );
        if let Some(reply) = reply::<Rsp>() {
            assert!(depth(reply.ty) <= MAX_DEPTH, "the reply nests too deep");
            assert!(has_name(&reply), "the reply's format has no valid name");
        }
        types::<Req, Rsp>()
    };

    /// Returns the command's description.
    ///
    /// Keep it in a constant. The compiler renders the text then, and the program contains no code for it.
    ///
    /// A type that nests deeper than [`Limits::MAX_DEPTH`](crate::Limits::MAX_DEPTH) is a compile error.
    ///
    /// ```compile_fail,E0080
    /// use bellwire::schema::Description;
    /// use bellwire::{Command, Line, Postcard};
    ///
    /// type Four<T> = Option<Option<Option<Option<T>>>>;
    /// type Sixteen<T> = Four<Four<Four<Four<T>>>>;
    ///
    /// const DEEP: Command<Postcard<Sixteen<Sixteen<Option<u8>>>>, Line> = Command::new("DEEP");
    /// const COMMANDS: &[Description] = &[DEEP.describe()];
    /// ```
    pub const fn describe(&self) -> Description {
        Description::new("", self.name(), Self::TYPES)
    }
}

impl<F: Described> Topic<F> {
    /// Returns the topic's description: that of its values.
    ///
    /// Put it in the list of commands that the server describes. `HELP` then lists the topic after the commands.
    ///
    /// ```
    /// # #[cfg(feature = "postcard")]
    /// # {
    /// use bellwire::schema::Description;
    /// use bellwire::{Postcard, Topic};
    ///
    /// const TICK: Topic<Postcard<u64>> = Topic::new("TICK");
    /// const COMMANDS: &[Description] = &[TICK.describe()];
    /// assert_eq!(COMMANDS[0].to_string(), ">TICK postcard u64");
    /// # }
    /// ```
    pub const fn describe(&self) -> Description {
        Description::new(">", self.name(), Command::<F, NoReply>::TYPES)
    }
}

/// Returns the encoding of the reply, or `None` for [`NoReply`].
const fn reply<Rsp: Described>() -> Option<Encoding> {
    if Rsp::SHAPE.is_none() {
        return None;
    }
    Some(Rsp::ENCODING)
}

/// Returns the formats and types of a command as text.
///
/// A constant array of exactly this size cannot be declared, because the size depends on the types. So this takes the
/// smallest of some sizes that differ by a quarter at most. A call is evaluated only if its size is needed.
const fn types<Req: Described, Rsp: Described>() -> &'static str {
    macro_rules! smallest {
        ($size:ident of $($capacity:literal)+) => {
            $(if $size <= $capacity {
                return front(rendered::<Req, Rsp, $capacity>(), $size);
            })+
        };
    }
    let size = render::<Req, Rsp>(&mut []);
    smallest!(size of
        16 32 48 64 80 96 112 128 160 192 224 256 320 384 448 512 640 768 896 1024 1280 1536 1792 2048
        2560 3072 3584 4096 5120 6144 7168 8192 10240 12288 14336 16384 20480 24576 28672 32768
        40960 49152 57344 65536
    );
    panic!("the description is longer than 64 KiB")
}

/// Returns static memory that begins with the text.
const fn rendered<Req: Described, Rsp: Described, const N: usize>() -> &'static [u8] {
    const {
        &{
            let mut space = [0; N];
            render::<Req, Rsp>(&mut space);
            space
        }
    }
}

/// Writes the formats and types of a command, and returns the size of the whole text.
const fn render<Req: Described, Rsp: Described>(space: &mut [u8]) -> usize {
    let mut text = Text::new(space);
    encodings(&Req::ENCODING, reply::<Rsp>().as_ref(), &mut text);
    text.size()
}

/// Returns the first `size` bytes.
const fn front(bytes: &'static [u8], size: usize) -> &'static str {
    if let Some((text, _)) = bytes.split_at_checked(size)
        && let Ok(text) = str::from_utf8(text)
    {
        return text;
    }
    panic!("the text fits, and consists of characters")
}
