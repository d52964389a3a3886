//! Descriptions at run time: their text, JSON by them, and calls of commands that only their server knows.

mod calls;
mod check;
mod json;
mod json_errors;
mod json_gob;
mod parse;
mod random;
