//! Values that arrive at a server with the commands of [`commands`].

use bellwire::ComplexData;
use commands::Observer;
use std::mem::take;
use std::sync::{Arc, Mutex};

/// The texts and structures that have arrived, shared by all clones.
#[derive(Debug, Clone, Default)]
pub struct Arrived(Arc<Mutex<(Vec<String>, Vec<ComplexData>)>>);

impl Arrived {
    /// Returns the texts and structures that have arrived since the last call.
    pub fn take(&self) -> (Vec<String>, Vec<ComplexData>) {
        take(&mut *self.0.lock().unwrap())
    }
}

impl Observer for Arrived {
    fn text(&mut self, text: &str) {
        self.0.lock().unwrap().0.push(text.to_owned());
    }

    fn data(&mut self, data: &ComplexData) {
        self.0.lock().unwrap().1.push(data.clone());
    }
}
