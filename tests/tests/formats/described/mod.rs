//! Descriptions at run time: their text, and JSON by them.

mod json;
mod json_errors;
mod json_gob;
mod json_keys;
mod parse;
mod random;
