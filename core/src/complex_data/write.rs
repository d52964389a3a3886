//! Encodes the fields of a fixed-capacity level.

use heapless::linear_map::LinearMapView;
use heapless::{String, Vec};
use serde::Serializer;
use serde::ser::SerializeMap;

/// The most entries that are sorted in memory. The keys of a larger map are searched one by one.
const SORTED: usize = 64;

/// Serializes a map in the order of its keys.
pub(super) fn sorted_map<S: Serializer, const KEY: usize>(
    map: &LinearMapView<String<KEY>, i64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut sorted = serializer.serialize_map(Some(map.len()))?;
    // On a small machine the search below serves all maps: sorting would cost flash.
    if cfg!(target_pointer_width = "64") && map.len() <= SORTED {
        let mut entries = Vec::<_, SORTED>::new();
        for entry in map {
            // It fits: there are at most `SORTED` entries.
            let _ = entries.push(entry);
        }
        entries.sort_unstable_by_key(|(key, _)| *key);
        for (key, value) in entries {
            sorted.serialize_entry(key, value)?;
        }
        return sorted.end();
    }
    let mut last = None;
    for _ in 0..map.len() {
        let later = map
            .iter()
            .filter(|(key, _)| last.is_none_or(|last| *key > last));
        if let Some((key, value)) = later.min_by_key(|(key, _)| *key) {
            sorted.serialize_entry(key, value)?;
            last = Some(key);
        }
    }
    sorted.end()
}

/// Serializes as one byte string, not as a sequence, in formats that have byte strings.
pub(super) fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}
