//! The cases: faults of a network.

/// The faults of a network, and the share of calls that must succeed in spite of them.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The percentage of packets lost in each direction.
    pub(crate) loss: u8,
    /// The percentage of packets with one flipped bit in each direction.
    pub(crate) damage: u8,
    /// The percentage of packets that arrive twice.
    pub(crate) duplicated: u8,
    /// The longest extra delay of a packet in milliseconds.
    pub(crate) jitter: u64,
    /// The seconds without any packet, from a third of the calls on.
    pub(crate) silence: u64,
    /// The size of each socket buffer, and so of the TCP windows, in bytes.
    pub(crate) window: usize,
    /// The size of the longest packet in bytes.
    pub(crate) mtu: usize,
    /// The percentage of calls that must be answered.
    pub(crate) answered: usize,
}

pub(crate) const WELL: Case = Case {
    name: "nothing",
    loss: 0,
    damage: 0,
    duplicated: 0,
    jitter: 0,
    silence: 0,
    window: 1024,
    mtu: 1500,
    answered: 100,
};

#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    WELL,
    Case { name: "loss 1 %", loss: 1, ..WELL },
    Case { name: "loss 5 %", loss: 5, ..WELL },
    Case { name: "loss 20 %", loss: 20, answered: 95, ..WELL },
    Case { name: "loss 40 %", loss: 40, answered: 50, ..WELL },
    Case { name: "loss 70 %", loss: 70, answered: 10, ..WELL },
    Case { name: "damage 5 %", damage: 5, ..WELL },
    Case { name: "damage 30 %", damage: 30, answered: 80, ..WELL },
    Case { name: "reordering", jitter: 50, ..WELL },
    Case { name: "reordering across seconds", jitter: 2500, ..WELL },
    Case { name: "doubles 50 %", duplicated: 50, ..WELL },
    Case { name: "doubles 100 %, reordered", duplicated: 100, jitter: 200, ..WELL },
    Case { name: "windows of 64", window: 64, ..WELL },
    Case { name: "windows of 100, loss 5 %", window: 100, loss: 5, ..WELL },
    Case { name: "windows of 200, reordering", window: 200, jitter: 50, ..WELL },
    Case { name: "packets of 68", mtu: 68, ..WELL },
    Case { name: "packets of 68, reordering", mtu: 68, jitter: 50, ..WELL },
    Case { name: "packets of 68, loss 20 %", mtu: 68, loss: 20, answered: 80, ..WELL },
    Case { name: "silence for 5 s", silence: 5, ..WELL },
    Case { name: "silence for 3 min", silence: 180, answered: 70, ..WELL },
    Case { name: "all at once", loss: 5, damage: 5, duplicated: 20, jitter: 100, window: 100, mtu: 100, answered: 95, ..WELL },
    Case { name: "all at once, and worse", loss: 20, damage: 10, duplicated: 20, jitter: 300, silence: 90, window: 64, mtu: 68, answered: 50 },
];
