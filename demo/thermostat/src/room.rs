//! The thermostat itself, with a simulated room.

use crate::{Entry, Mode, Reading, Setting};
use heapless::{String, Vec};

/// A thermostat in a simulated room: each reading moves the temperature by a quarter of a degree.
#[derive(Debug)]
pub struct Thermostat {
    /// The wanted temperature.
    pub setting: Setting,
    celsius: f32,
    readings: u32,
    /// The oldest entry is the first.
    entries: Vec<Entry, 8>,
}

impl Thermostat {
    /// Returns a thermostat in a room of 20 degrees, with the heating off.
    pub const fn new() -> Self {
        Self {
            setting: Setting {
                target: 20.0,
                mode: Mode::Off,
            },
            celsius: 20.0,
            readings: 0,
            entries: Vec::new(),
        }
    }

    /// Takes a reading and keeps it in the history.
    pub fn read(&mut self) -> Reading {
        let may_heat = match &mut self.setting.mode {
            Mode::Off | Mode::HeatFor(0) => false,
            Mode::Heat => true,
            Mode::HeatFor(readings) => {
                *readings -= 1;
                true
            }
        };
        let heating = may_heat && self.celsius < self.setting.target;
        self.celsius = if heating {
            self.celsius + 0.25
        } else {
            (self.celsius - 0.25).max(15.0)
        };
        let reading = Reading {
            celsius: self.celsius,
            heating,
        };
        self.readings = self.readings.wrapping_add(1);
        if self.entries.is_full() {
            self.entries.remove(0);
        }
        let entry = Entry {
            number: self.readings,
            reading,
            note: None,
        };
        // There is room: the oldest entry has just been removed.
        let _ = self.entries.push(entry);
        reading
    }

    /// Adds a note to the latest reading. Returns whether it fits.
    pub fn note(&mut self, text: &str) -> bool {
        let Ok(note) = String::try_from(text) else {
            return false;
        };
        if self.entries.is_empty() {
            self.read();
        }
        if let Some(entry) = self.entries.last_mut() {
            entry.note = Some(note);
        }
        true
    }

    /// Returns the latest readings, the oldest first.
    pub fn latest(&self, most: usize) -> Vec<Entry, 8> {
        let skipped = self.entries.len().saturating_sub(most);
        self.entries.iter().skip(skipped).cloned().collect()
    }
}

impl Default for Thermostat {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Thermostat;
    use crate::{Mode, Setting};

    fn readings(room: &mut Thermostat, count: usize) -> Vec<(f32, bool)> {
        let mut read = || room.read();
        (0..count)
            .map(|_| read())
            .map(|r| (r.celsius, r.heating))
            .collect()
    }

    #[test]
    fn it_heats_below_the_target_and_for_as_many_readings_as_set() {
        let mut room = Thermostat::new();
        assert_eq!(readings(&mut room, 2), [(19.75, false), (19.5, false)]);
        let target = 20.0;
        room.setting = Setting {
            target,
            mode: Mode::Heat,
        };
        assert_eq!(
            readings(&mut room, 3),
            [(19.75, true), (20.0, true), (19.75, false)]
        );
        let target = 30.0;
        room.setting = Setting {
            target,
            mode: Mode::HeatFor(1),
        };
        assert_eq!(readings(&mut room, 2), [(20.0, true), (19.75, false)]);
    }

    #[test]
    fn the_history_keeps_the_latest_eight_readings_and_their_notes() {
        let mut room = Thermostat::new();
        readings(&mut room, 9);
        assert!(room.note("window open"));
        assert!(!room.note(&"x".repeat(33)));
        let latest = room.latest(2);
        assert_eq!((latest[0].number, latest[1].number), (8, 9));
        assert_eq!(latest[1].note.as_deref(), Some("window open"));
        assert_eq!(room.latest(100).len(), 8);
    }
}
