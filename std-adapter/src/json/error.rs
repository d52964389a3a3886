//! Errors with the path to the field.

use bellwire::Printable;
use std::fmt::{self, Display, Write};

/// Why a JSON text or a payload does not fit a type, with the path to the field.
///
/// Its text is safe to print: what a peer sent is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    path: String,
    problem: String,
}

impl JsonError {
    pub(super) fn new(problem: impl Display) -> Self {
        Self {
            path: String::new(),
            problem: problem.to_string(),
        }
    }

    pub(super) fn no_form(format: &str) -> Self {
        let format = Printable::new(format);
        Self::new(format_args!("the format {format} has no JSON form"))
    }

    /// Returns the path to the field, such as `entries[3].name`, or an empty text for the whole value.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "field \"{}\": ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for JsonError {}

/// A step on the way to a value.
#[derive(Debug)]
pub(super) enum Step {
    /// A struct's field, or an enum's variant.
    Name(&'static str),
    /// A key of a map.
    Key(String),
    /// An element of a list.
    Index(usize),
}

/// The way to the current value, and the problem found there.
#[derive(Debug, Default)]
pub(super) struct Trace {
    steps: Vec<Step>,
    problem: Option<String>,
}

impl Trace {
    /// Notes a step. After an error the steps stay, because they lead to it.
    pub(super) fn enter(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Goes back one step.
    pub(super) fn leave(&mut self) {
        self.steps.pop();
    }

    /// Notes a problem, which serde's own errors cannot carry.
    pub(super) fn fail<E: serde::de::Error>(&mut self, problem: impl Display) -> E {
        self.problem.get_or_insert_with(|| problem.to_string());
        E::custom("")
    }

    /// Returns the error: the problem noted, or else the one given.
    pub(super) fn into_error(self, other: impl Display) -> JsonError {
        let mut path = String::new();
        for step in &self.steps {
            let dot = if path.is_empty() { "" } else { "." };
            // Writing to a `String` does not fail.
            let _ = match step {
                Step::Name(name) => write!(path, "{dot}{}", shown(name)),
                Step::Key(key) if key.is_empty() => write!(path, "{dot}(empty)"),
                Step::Key(key) => write!(path, "{dot}{}", shown(key)),
                Step::Index(index) => write!(path, "[{index}]"),
            };
        }
        JsonError {
            path,
            problem: self.problem.unwrap_or_else(|| other.to_string()),
        }
    }
}

/// Displays a name or a key of a peer.
pub(super) fn shown(text: &str) -> Printable<'_> {
    Printable::new(text).at_most(64)
}
