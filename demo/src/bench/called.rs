//! A command that the server describes.

use super::load::Failure as Wrong;
use crate::call::{descriptions, encode, find, read, shown};
use crate::failure::Failure;
use crate::target::Target;
use bellwire::schema::Encoding;
use bellwire::{ClientSession, Expected, Found};
use bellwire_std::Client;
use bellwire_std::json::{self, JsonCallError, JsonError};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The longest reply in bytes, as for `bellwire call`.
const LONGEST: usize = 1 << 20;

/// The options for a command that the server describes.
#[derive(Debug, clap::Args)]
pub(super) struct CallOptions {
    /// Call this command of the server instead. VALUE is as for `call`: JSON, or the text for a command that takes a
    /// line. Put SERVER before this option. A first call, on a connection of its own, gets the expected reply.
    #[arg(long, value_names = ["NAME", "VALUE"], num_args = 1..=2, allow_negative_numbers = true,
        conflicts_with_all = ["command", "request"])]
    call: Option<Vec<String>>,
    /// The reply that the first call must get: JSON as `call` prints it, or the text of a line.
    #[arg(
        long,
        value_name = "VALUE",
        requires = "call",
        allow_hyphen_values = true
    )]
    expect: Option<String>,
    /// Read the descriptions from this file, which `list --json` wrote, for a server that gives none.
    #[arg(long, value_name = "FILE", requires = "call")]
    schema: Option<PathBuf>,
}

/// A command, and the reply that each call must get.
pub(super) struct Called {
    /// The bytes of a request.
    pub(super) request: Vec<u8>,
    /// The bytes of the expected reply. Other bytes may decode to the same value.
    pub(super) reply: Vec<u8>,
    judge: Judge,
}

/// Finds replies and compares their values.
pub(super) struct Judge {
    expected: Expected,
    encoding: Encoding,
    /// The expected reply as JSON.
    json: String,
}

/// A whole reply.
pub(super) struct Judged {
    pub(super) size: usize,
    /// The name of the error, if the reply is not the expected one.
    pub(super) wrong: Option<Wrong>,
}

impl Called {
    /// Calls the command once, to learn its reply. Returns `None` without `--call`.
    pub(super) fn new(
        arguments: &CallOptions,
        target: &Target,
        timeout: Duration,
    ) -> Result<Option<Self>, Failure> {
        let Some((name, value)) = arguments.call.as_deref().and_then(<[_]>::split_first) else {
            return Ok(None);
        };
        let value = read(value.first().map(String::as_str))?;
        let known = arguments.schema.as_deref().map(descriptions).transpose()?;
        let builder = Client::builder().connect_timeout(timeout);
        let mut client = target.connect_with(builder.timeout(Some(timeout)).max_reply(LONGEST))?;
        let command = find(&mut client, known.as_deref(), name)?;
        let signature = command.signature();
        let (Some(encoding), Some(expected)) = (signature.reply, command.expected()) else {
            let problem = format!("{name} has no reply that can be checked");
            return Err(Failure::usage(problem));
        };
        let payload = encode(signature, &value)?;
        let wanted = arguments.expect.as_deref();
        let wanted = wanted.map(|text| normal(&encoding, text)).transpose()?;
        let reply = command.exchange(&mut client, &payload)?.unwrap_or_default();
        let json = json::decode(&encoding, &reply).map_err(JsonCallError::Reply)?;
        if let Some(wanted) = wanted.filter(|wanted| !is_same(wanted, &json)) {
            let (json, wanted) = (shown(&json, false), shown(&wanted, false));
            let problem = format!("wrong reply: expected {wanted}, received {json}");
            return Err(Failure::other(problem));
        }
        Ok(Some(Self {
            request: [name.as_bytes(), b"\n", &payload].concat(),
            reply: [expected.prefix(), &reply].concat(),
            judge: Judge {
                expected,
                encoding,
                json,
            },
        }))
    }

    pub(super) fn into_judge(self) -> Judge {
        self.judge
    }
}

impl Judge {
    /// Judges the reply at the start of `received`. Returns `None` if more bytes are needed.
    ///
    /// # Errors
    /// The end of the reply cannot be found.
    pub(super) fn judge(
        &self,
        session: &mut ClientSession,
        received: &[u8],
    ) -> Result<Option<Judged>, Wrong> {
        let found = session.find(&self.expected, received, LONGEST);
        if found.map_err(|kind| format!("wrong reply: {kind}"))? {
            let found = session.found();
            session.next();
            return Ok(found.map(|found| self.whole(found, received)));
        }
        if received.len() > LONGEST {
            return Err(format!("reply exceeds {LONGEST} bytes"));
        }
        Ok(None)
    }

    fn whole(&self, found: Found, received: &[u8]) -> Judged {
        match found {
            Found::ErrorLine { size } => Judged {
                size,
                wrong: Some(super::load::name(&received[..size])),
            },
            Found::Reply { start, size } => {
                let reply = received.get(start..size).unwrap_or(&[]);
                let json = json::decode(&self.encoding, reply);
                let is_right = json.is_ok_and(|json| is_same(&json, &self.json));
                Judged {
                    size,
                    wrong: (!is_right).then(|| "wrong reply".to_owned()),
                }
            }
        }
    }
}

/// Returns a reply from the command line as the decoder writes it.
fn normal(encoding: &Encoding, text: &str) -> Result<String, JsonError> {
    let payload = match encoding.format {
        "line" if serde_json::from_str::<String>(text).is_err() => json::encode_line(text)?,
        _ => json::encode(encoding, text)?,
    };
    json::decode(encoding, &payload)
}

/// Compares two JSON texts of the same type. The order of a map's keys has no meaning.
fn is_same(one: &str, other: &str) -> bool {
    type Fields<'a> = BTreeMap<String, &'a RawValue>;
    if one == other {
        return true;
    }
    let both = |one: &RawValue, other: &RawValue| is_same(one.get(), other.get());
    let fields = |text| serde_json::from_str::<Fields<'_>>(text);
    if let (Ok(one), Ok(other)) = (fields(one), fields(other)) {
        let mut pairs = one.iter().zip(&other);
        return one.len() == other.len()
            && pairs.all(|((key, one), (name, other))| key == name && both(one, other));
    }
    let items = |text| serde_json::from_str::<Vec<&RawValue>>(text);
    if let (Ok(one), Ok(other)) = (items(one), items(other)) {
        let mut pairs = one.iter().zip(&other);
        return one.len() == other.len() && pairs.all(|(one, other)| both(one, other));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn maps_are_the_same_in_any_order() {
        let one = r#"[{"a":1,"b":[{"x":"","y":null}]}]"#;
        assert!(is_same(one, r#"[{"b":[{"y":null,"x":""}],"a":1}]"#));
        for other in [
            r#"[{"a":1,"b":[{"x":"","y":0}]}]"#,
            r#"[{"a":1,"b":[{"x":""}]}]"#,
            r#"[{"a":1,"c":[{"x":"","y":null}]}]"#,
            r#"[{"a":1,"b":[]}]"#,
            "[]",
            "null",
        ] {
            assert!(!is_same(one, other) && !is_same(other, one), "{other}");
        }
    }

    #[test]
    fn numbers_are_compared_to_the_last_digit() {
        let most = "{\"n\":340282366920938463463374607431768211455}";
        assert!(!is_same(
            most,
            "{\"n\":340282366920938463463374607431768211454}"
        ));
    }
}
