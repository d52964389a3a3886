//! A serde format outside the core, written with the helpers that the core's own formats share.

use bellwire::format::{EncodeError, Frame, Output, Payload, ValueReader};
use bellwire::{
    ClientConnection, Command, DecodeError, DecodeErrorKind, Endpoint, Error, Format, Line,
};
use bellwire::{Limits, Next, ServerConnection};
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde::ser::{Impossible, SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer, forward_to_deserialize_any};
use std::fmt::Display;
use std::marker::PhantomData;

/// Numbers, words and lists in parentheses, on one line: `(hall (1 2 3))`.
struct Lists<T>(PhantomData<T>);

impl<T: Payload> Format for Lists<T> {
    type Value<'a> = T::Value<'a>;
    type Sent<'a> = &'a T::Value<'a>;

    fn frame(input: &[u8], progress: &mut usize) -> Frame {
        Line::frame(input, progress)
    }

    fn decode(payload: &[u8]) -> Result<T::Value<'_>, DecodeError> {
        let rest = Line::decode(payload)?;
        let mut reader = Reader { rest, depth: 0 };
        Ok(reader.read(|value| value)?)
    }

    fn encode(value: &T::Value<'_>, space: &mut [u8]) -> Result<usize, EncodeError> {
        let mut output = Output::new(space);
        let (out, depth) = (&mut output, 0);
        value.serialize(Writer { out, depth })?;
        output.byte(b'\n')?;
        Ok(output.size())
    }
}

struct Reader<'de> {
    rest: &'de str,
    depth: u8,
}

impl<'de> Reader<'de> {
    /// Takes a parenthesis or a word, and the space after it.
    fn token(&mut self) -> &'de str {
        let size = match self.rest.find(['(', ')', ' ']) {
            Some(0) => 1,
            Some(end) => end,
            None => self.rest.len(),
        };
        let (token, rest) = self.rest.split_at(size);
        self.rest = rest.strip_prefix(' ').unwrap_or(rest);
        token
    }
}

impl<'de> ValueReader<'de> for Reader<'de> {
    fn deserializer(&mut self) -> impl Deserializer<'de, Error = DecodeErrorKind> {
        self
    }

    fn finish(&self) -> Result<(), DecodeErrorKind> {
        match self.rest {
            "" => Ok(()),
            _ => Err(DecodeErrorKind::LeftOver),
        }
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = DecodeErrorKind;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeErrorKind> {
        match self.token() {
            "" => Err(DecodeErrorKind::Truncated),
            "(" if self.depth == Limits::MAX_DEPTH => Err(DecodeErrorKind::TooDeep),
            "(" => {
                self.depth += 1;
                let list = visitor.visit_seq(&mut *self)?;
                self.depth -= 1;
                match self.token() {
                    ")" => Ok(list),
                    _ => Err(DecodeErrorKind::OverCapacity),
                }
            }
            word => match word.parse() {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => visitor.visit_borrowed_str(word),
            },
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for &mut Reader<'de> {
    type Error = DecodeErrorKind;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeErrorKind> {
        if self.rest.starts_with(')') {
            return Ok(None);
        }
        seed.deserialize(&mut **self).map(Some)
    }
}

struct Writer<'w, 's> {
    out: &'w mut Output<'s>,
    depth: u8,
}

/// A list that is being written. `between` comes before the next element.
struct List<'w, 's> {
    writer: Writer<'w, 's>,
    between: &'static [u8],
}

impl<'w, 's> Writer<'w, 's> {
    fn list(self) -> Result<List<'w, 's>, EncodeError> {
        if self.depth == Limits::MAX_DEPTH {
            return Err(EncodeError::Unencodable);
        }
        self.out.byte(b'(')?;
        let depth = self.depth + 1;
        Ok(List {
            writer: Writer { depth, ..self },
            between: b"",
        })
    }
}

impl List<'_, '_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.writer.out.bytes(self.between)?;
        self.between = b" ";
        value.serialize(Writer {
            out: &mut *self.writer.out,
            depth: self.writer.depth,
        })
    }
}

impl SerializeSeq for List<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.add(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.writer.out.byte(b')')
    }
}

impl SerializeStruct for List<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.add(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.writer.out.byte(b')')
    }
}

/// Implements methods for types that the format does not have.
macro_rules! unencodable {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)+) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$ok, EncodeError> {
            Err(EncodeError::Unencodable)
        }
    )+};
}

type No = Impossible<(), EncodeError>;

impl<'w, 's> Serializer for Writer<'w, 's> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = List<'w, 's>;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = List<'w, 's>;
    type SerializeStructVariant = No;

    fn serialize_i64(self, number: i64) -> Result<(), EncodeError> {
        self.collect_str(&number)
    }

    fn serialize_str(self, word: &str) -> Result<(), EncodeError> {
        let is_word = word.starts_with(char::is_alphabetic);
        if !is_word || word.contains(['(', ')', ' ', '\n', '\r']) {
            return Err(EncodeError::Unencodable);
        }
        self.out.bytes(word.as_bytes())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.out.display(value, Output::length_of(value)?)
    }

    fn serialize_seq(self, _count: Option<usize>) -> Result<List<'w, 's>, EncodeError> {
        self.list()
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _count: usize,
    ) -> Result<List<'w, 's>, EncodeError> {
        self.list()
    }

    unencodable! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_map(Option<usize>) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _value: &T) -> Result<(), EncodeError> {
        Err(EncodeError::Unencodable)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _value: &T,
    ) -> Result<(), EncodeError> {
        Err(EncodeError::Unencodable)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _number: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), EncodeError> {
        Err(EncodeError::Unencodable)
    }
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Readings {
    room: String,
    values: heapless::Vec<i64, 3>,
}

/// A list of lists, without end.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(transparent)]
struct Nest(Vec<Nest>);

const SUM: Command<Lists<Readings>, Lists<i64>> = Command::new("SUM");
const NEST: Command<Lists<Nest>, Line> = Command::new("NEST");

/// Returns the bytes that a server answers to `requests`.
fn answers(requests: &[u8]) -> Vec<u8> {
    let mut endpoint = Endpoint::<(), 2>::new();
    endpoint
        .handle(SUM, &|(), readings, reply| {
            reply.send(&readings.values.iter().sum())
        })
        .unwrap();
    endpoint
        .handle(NEST, &|(), _nest, reply| reply.send("ok"))
        .unwrap();
    let (mut rx, mut tx) = ([0; 512], [0; 512]);
    let mut server = ServerConnection::new(&mut rx, &mut tx);
    server.space()[..requests.len()].copy_from_slice(requests);
    server.received(requests.len());
    assert_eq!(server.advance(&mut endpoint.with(&mut ())), Next::Receive);
    server.pending().to_vec()
}

#[test]
fn a_client_and_a_server_converse_in_a_serde_format_from_outside_the_core() {
    let (mut rx, mut tx) = ([0; 64], [0; 64]);
    let mut client = ClientConnection::new(&mut rx, &mut tx);
    let readings = Readings {
        room: "hall".into(),
        values: [1, -2, 30].into_iter().collect(),
    };
    client.request(SUM, &readings).unwrap();
    assert_eq!(client.pending(), b"SUM\n(hall (1 -2 30))\n");
    let reply = answers(client.pending());
    assert_eq!(reply, b"OK\n29\n");
    client.space()[..reply.len()].copy_from_slice(&reply);
    client.received(reply.len());
    assert_eq!(client.has_reply(), Ok(true));
    assert_eq!(client.reply(SUM), Ok(29));
}

#[test]
fn error_lines_of_a_users_format_tell_the_cause_that_serde_reports() {
    for (request, line) in [
        (
            "SUM\n(hall (1 2 3 4))\n",
            "!too-large SUM: capacity exceeded\n",
        ),
        ("SUM\n(hall (1 2 x))\n", "!malformed SUM: invalid value\n"),
        ("SUM\n(hall (1 2 3\n", "!malformed SUM: payload too short\n"),
        ("SUM\n(hall (1)) more\n", "!malformed SUM: trailing bytes\n"),
    ] {
        let answer = answers(request.as_bytes());
        assert_eq!(String::from_utf8(answer).unwrap(), line, "{request}");
    }
}

#[test]
fn a_users_format_nests_as_deep_as_the_cores_and_no_deeper() {
    let nest = |depth: u8| (1..depth).fold(Nest(Vec::new()), |inner, _| Nest(vec![inner]));
    let mut space = [0; 100];
    let size = Lists::<Nest>::encode(&nest(Limits::MAX_DEPTH), &mut space).unwrap();
    assert_eq!(
        Lists::<Nest>::decode(&space[..size]),
        Ok(nest(Limits::MAX_DEPTH))
    );
    let deeper = Lists::<Nest>::encode(&nest(Limits::MAX_DEPTH + 1), &mut space);
    assert_eq!(deeper, Err(EncodeError::Unencodable));
    let request = format!("NEST\n{}\n", "(".repeat(33) + &")".repeat(33));
    assert_eq!(
        answers(request.as_bytes()),
        b"!too-large NEST: nested too deep\n"
    );
}

#[test]
fn a_request_that_does_not_fit_is_not_sent() {
    let (mut rx, mut tx) = ([0; 64], [0; 20]);
    let mut client = ClientConnection::new(&mut rx, &mut tx);
    let mut readings = Readings {
        room: "hall".into(),
        values: [1, 22, 3333].into_iter().collect(),
    };
    let refused = client.request(SUM, &readings);
    assert!(matches!(refused, Err(Error::Protocol(_))), "{refused:?}");
    assert_eq!(client.pending(), b"");
    readings.values.pop();
    client.request(SUM, &readings).unwrap();
    assert_eq!(client.pending(), b"SUM\n(hall (1 22))\n");
}
