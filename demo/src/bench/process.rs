//! The resources that a process has used, from Linux's counters.

use std::error::Error;
use std::fs;
use std::time::Duration;

/// Linux counts a process's time in hundredths of a second, independent of its own clock rate.
const TICK: Duration = Duration::from_millis(10);

/// A process on this machine.
pub(super) struct Process(u32);

/// The resources used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// The user and system time of all its threads.
    pub(super) cpu: Duration,
    /// The resident memory, in bytes.
    pub(super) memory: u64,
}

impl Process {
    pub(super) fn new(number: u32) -> Self {
        Self(number)
    }

    pub(super) fn usage(&self) -> Result<Usage, Box<dyn Error>> {
        let read = |file: &str| {
            let path = format!("/proc/{}/{file}", self.0);
            fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))
        };
        let usage = cpu(&read("stat")?).zip(memory(&read("status")?));
        let (cpu, memory) = usage.ok_or("cannot parse the process's figures in /proc")?;
        Ok(Usage { cpu, memory })
    }
}

/// Returns the CPU time. The fields follow the name, which is in parentheses and may contain any byte.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user.checked_add(system)?)
}

fn memory(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::{cpu, memory};
    use std::time::Duration;

    #[test]
    fn a_process_name_may_contain_parentheses_and_spaces() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 0 9 0 0 0 150 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu(stat), Some(Duration::from_secs(2)));
        assert_eq!(memory("Name:\ta\nVmRSS:\t    12 kB\n"), Some(12288));
    }
}
