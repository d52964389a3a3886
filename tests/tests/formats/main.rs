//! The formats: the values that they carry, the types that they accept, and malicious bytes.

mod any_type;
mod attributes;
mod capacities;
mod complex_data;
mod described;
mod gob;
mod schema;
mod user_format;
