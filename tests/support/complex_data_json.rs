//! The tutorial's struct as JSON.

use crate::base64::base64;
use bellwire::HeapComplexData;
use serde_json::{Value, json};

/// Returns the JSON that Go's `encoding/json` prints for `data`.
pub fn complex_data_json(data: &HeapComplexData) -> Value {
    let c = data.c.as_deref().map(complex_data_json);
    json!({ "N": data.n, "S": data.s, "M": data.m, "P": base64(&data.p), "C": c })
}
