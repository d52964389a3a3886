//! The tutorial's struct as the Go program prints it.

use bellwire::HeapComplexData;
use bellwire_tests::complex_data_json::complex_data_json;
use serde_json::{Map, Value};

/// Returns the JSON that the Go program prints for `data`: empty collections are null.
pub(crate) fn go_json(data: &HeapComplexData) -> Value {
    let mut json = complex_data_json(data);
    let mut level = Some(&mut json);
    while let Some(Value::Object(fields)) = level {
        for field in ["M", "P"] {
            let empty = [Value::Object(Map::new()), Value::from("")];
            if empty.contains(&fields[field]) {
                fields[field] = Value::Null;
            }
        }
        level = fields.get_mut("C");
    }
    json
}

/// Parses a line that the Go program printed.
pub(crate) fn parsed(line: &str) -> Value {
    serde_json::from_str(line).expect("a line of JSON")
}
