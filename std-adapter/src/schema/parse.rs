//! The parser of the notation.

use super::text::{Name, ParseError, Text};
use bellwire::Limits;
use bellwire::schema::{Type, check_name};
use bellwire::topics::check_topic_name;
use std::collections::HashSet;

/// The longest text of a description in bytes.
pub const MAX_TEXT: usize = 64 << 10;

/// A description whose parts are owned.
pub(super) struct Parsed<'t> {
    pub(super) name: &'t str,
    pub(super) request: Encoded<'t>,
    pub(super) reply: Option<Encoded<'t>>,
}

/// An encoding whose parts are owned.
pub(super) struct Encoded<'t> {
    pub(super) format: &'t str,
    pub(super) ty: Option<Node<'t>>,
}

/// A type whose parts are owned.
pub(super) enum Node<'t> {
    /// A type without parts.
    Plain(Type),
    Option(Box<Node<'t>>),
    Seq(Box<Node<'t>>),
    Array(u32, Box<Node<'t>>),
    Tuple(Vec<Node<'t>>),
    Map(Box<(Node<'t>, Node<'t>)>),
    Struct(Name<'t>, Vec<(Name<'t>, Node<'t>)>),
    Enum(Name<'t>, Vec<(Name<'t>, Option<Node<'t>>)>),
    Outer(Name<'t>),
}

/// Parses the text of a whole description.
pub(super) fn parse(text: &str) -> Result<Parsed<'_>, ParseError> {
    let parser = Parser {
        text: Text { text, position: 0 },
        around: Vec::new(),
        depth: 0,
    };
    if text.len() > MAX_TEXT {
        return parser.text.fail("longer than 64 KiB");
    }
    parser.description()
}

struct Parser<'t> {
    text: Text<'t>,
    /// The names of the structs and enums around the position.
    around: Vec<Name<'t>>,
    /// The number of containers around the position.
    depth: u8,
}

impl<'t> Parser<'t> {
    fn description(mut self) -> Result<Parsed<'t>, ParseError> {
        let end = self.text.text.find(' ').unwrap_or(self.text.text.len());
        let name = &self.text.text[..end];
        let topic = name.strip_prefix('>');
        if let Err(problem) = topic.map_or_else(|| check_name(name), check_topic_name) {
            return self.text.fail(problem);
        }
        let name = self.text.advance(end);
        let mut request = Encoded {
            format: "()",
            ty: None,
        };
        if !self.text.rest().is_empty() && !self.text.rest().starts_with(" -> ") {
            self.text.expect(" ", "expected a space")?;
            request = self.encoding()?;
        }
        let mut reply = None;
        if topic.is_none() && self.text.take(" -> ") {
            reply = Some(self.encoding()?);
        }
        if !self.text.rest().is_empty() {
            return self.text.fail("expected the end of the description");
        }
        Ok(Parsed {
            name,
            request,
            reply,
        })
    }

    fn encoding(&mut self) -> Result<Encoded<'t>, ParseError> {
        if self.text.take("()") {
            let (format, ty) = ("()", None);
            return Ok(Encoded { format, ty });
        }
        let format = self.text.word();
        if format.is_empty() {
            return self.text.fail("expected a format");
        }
        let mut ty = None;
        if !self.text.rest().starts_with(" -> ") && self.text.take(" ") {
            ty = Some(self.ty()?);
        }
        Ok(Encoded { format, ty })
    }

    fn ty(&mut self) -> Result<Node<'t>, ParseError> {
        match self.text.rest().as_bytes().first() {
            Some(b'?' | b'[' | b'(' | b'{') => self.nested(Self::unnamed),
            Some(b'^') => {
                self.text.advance(1);
                let name = self.text.name()?;
                if !self.around.contains(&name) {
                    return self.text.fail("no enclosing type has this name");
                }
                Ok(Node::Outer(name))
            }
            _ => self.named(),
        }
    }

    /// Parses a container and counts it.
    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.depth == Limits::MAX_DEPTH {
            return self.text.fail("nested too deep");
        }
        self.depth += 1;
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    /// Parses an option, a list, an array, a tuple, a unit or a map.
    fn unnamed(&mut self) -> Result<Node<'t>, ParseError> {
        match self.text.advance(1) {
            "?" => Ok(Node::Option(Box::new(self.ty()?))),
            "[" => {
                let element = Box::new(self.ty()?);
                if self.text.take("]") {
                    return Ok(Node::Seq(element));
                }
                self.text.expect("; ", "expected ] or a length")?;
                let length = self.length()?;
                self.text.expect("]", "expected ]")?;
                Ok(Node::Array(length, element))
            }
            "(" if self.text.take(")") => Ok(Node::Plain(Type::Unit)),
            "(" => match self.elements()? {
                (elements, false) if elements.len() == 1 => {
                    self.text.fail("expected a comma before )")
                }
                (elements, _) => Ok(Node::Tuple(elements)),
            },
            _ => {
                let key = self.ty()?;
                self.text.expect(": ", "expected a colon and a space")?;
                let value = self.ty()?;
                self.text.expect("}", "expected }")?;
                Ok(Node::Map(Box::new((key, value))))
            }
        }
    }

    /// Parses types up to `)`, and returns whether a comma is after a single one.
    fn elements(&mut self) -> Result<(Vec<Node<'t>>, bool), ParseError> {
        let mut elements = vec![self.ty()?];
        if self.text.take(",)") {
            return Ok((elements, true));
        }
        while self.text.take(", ") {
            elements.push(self.ty()?);
        }
        self.text
            .expect(")", "expected a comma and a space, or )")?;
        Ok((elements, false))
    }

    fn length(&mut self) -> Result<u32, ParseError> {
        let rest = self.text.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Ok(length) = rest[..digits].parse() else {
            return self.text.fail("expected a length below 4294967296");
        };
        self.text.advance(digits);
        Ok(length)
    }

    /// Parses a struct, an enum or a type without parts.
    fn named(&mut self) -> Result<Node<'t>, ParseError> {
        let start = self.text.position;
        if !self.text.has_name() {
            return self.text.fail("expected a type");
        }
        let name = self.text.name()?;
        match self.text.rest().as_bytes().first() {
            Some(b'{') => {
                let fields = self.fields(&name)?;
                Ok(Node::Struct(name, fields))
            }
            Some(b'<') => {
                self.around.push(name.clone());
                let variants = self.nested(|parser| {
                    parser.text.advance(1);
                    parser.list(" | ", ">", Self::variant)
                })?;
                self.around.pop();
                Ok(Node::Enum(name, variants))
            }
            _ => {
                let ty = plain(&self.text.text[start..self.text.position]);
                ty.map(Node::Plain).ok_or_else(|| {
                    self.text.position = start;
                    self.text.error("unknown type")
                })
            }
        }
    }

    /// Parses the fields of the struct `name`, with their braces.
    fn fields(&mut self, name: &Name<'t>) -> Result<Vec<(Name<'t>, Node<'t>)>, ParseError> {
        self.around.push(name.clone());
        let fields = self.nested(|parser| {
            parser.text.advance(1);
            parser.list(", ", "}", |parser| {
                let name = parser.text.name()?;
                parser.text.expect(": ", "expected a colon and a space")?;
                Ok((name, parser.ty()?))
            })
        })?;
        self.around.pop();
        Ok(fields)
    }

    fn variant(&mut self) -> Result<(Name<'t>, Option<Node<'t>>), ParseError> {
        let name = self.text.name()?;
        let content = match self.text.rest().as_bytes().first() {
            Some(b'{') => {
                let fields = self.fields(&name)?;
                Some(Node::Struct(name.clone(), fields))
            }
            Some(b'(') => {
                self.text.advance(1);
                Some(self.content()?)
            }
            _ => None,
        };
        Ok((name, content))
    }

    /// Parses the values of a variant up to `)`.
    fn content(&mut self) -> Result<Node<'t>, ParseError> {
        if self.text.take(")") {
            return Ok(Node::Tuple(Vec::new()));
        }
        let (mut elements, comma) = self.elements()?;
        match elements.pop() {
            Some(only) if elements.is_empty() && !comma => Ok(only),
            last => {
                elements.extend(last);
                Ok(Node::Tuple(elements))
            }
        }
    }

    /// Parses items with different names up to `end`.
    fn list<T>(
        &mut self,
        separator: &str,
        end: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<(Name<'t>, T), ParseError>,
    ) -> Result<Vec<(Name<'t>, T)>, ParseError> {
        let mut items = Vec::new();
        if self.text.take(end) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.text.take(end) {
                break;
            }
            self.text
                .expect(separator, "expected a separator or the end of the type")?;
        }
        let mut names = HashSet::new();
        if items.iter().all(|(name, _)| names.insert(name)) {
            return Ok(items);
        }
        self.text
            .fail("a name appears twice in the type before this")
    }
}

/// Returns the type without parts that has this text.
fn plain(text: &str) -> Option<Type> {
    Some(match text {
        "bool" => Type::Bool,
        "i8" => Type::I8,
        "i16" => Type::I16,
        "i32" => Type::I32,
        "i64" => Type::I64,
        "i128" => Type::I128,
        "u8" => Type::U8,
        "u16" => Type::U16,
        "u32" => Type::U32,
        "u64" => Type::U64,
        "u128" => Type::U128,
        "f32" => Type::F32,
        "f64" => Type::F64,
        "char" => Type::Char,
        "str" => Type::Str,
        "bytes" => Type::Bytes,
        _ => return None,
    })
}
