//! The latest pushes of a topic, as contiguous bytes.

use std::collections::VecDeque;

/// The latest pushes, oldest first. A run of them is copied at once. The memory is kept until [`clear`](Latest::clear).
#[derive(Default)]
pub(super) struct Latest {
    bytes: VecDeque<u8>,
    /// The position after each push. Positions count all bytes that were ever added.
    ends: VecDeque<u64>,
    /// The position of the first byte of `bytes`.
    begin: u64,
    next: u64,
}

impl Latest {
    /// Returns the number of the next push.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Returns the number of the oldest push.
    pub(super) fn first(&self) -> u64 {
        self.next - self.ends.len() as u64
    }

    /// Adds a push. Removes the oldest one if there are `most` already.
    pub(super) fn add(&mut self, push: &[u8], most: usize) {
        if self.ends.len() == most
            && let Some(end) = self.ends.pop_front()
        {
            self.bytes.drain(..index(end - self.begin));
            self.begin = end;
        }
        self.bytes.extend(push);
        self.ends.push_back(self.begin + self.bytes.len() as u64);
        self.next += 1;
    }

    /// Removes all pushes, and frees their memory.
    pub(super) fn clear(&mut self) {
        *self = Self {
            begin: self.begin + self.bytes.len() as u64,
            next: self.next,
            ..Self::default()
        };
    }

    /// Copies the pushes from the number `from` on, at most `most`, that fit `space` in whole. `from` is the number
    /// of a push that is kept, or the next one. Returns the number of pushes and of bytes.
    pub(super) fn copy(&self, from: u64, most: usize, space: &mut [u8]) -> (usize, usize) {
        let skipped = index(from - self.first());
        let begin = match skipped.checked_sub(1) {
            Some(last) => self.ends[last],
            None => self.begin,
        };
        let fits = |end: &u64| end.saturating_sub(begin) <= space.len() as u64;
        let due = self.ends.len() - skipped;
        let pushes = if due <= most && self.ends.back().is_none_or(fits) {
            due
        } else {
            (self.ends.partition_point(fits) - skipped).min(most)
        };
        let Some(last) = (skipped + pushes).checked_sub(1) else {
            return (0, 0);
        };
        let start = index(begin - self.begin);
        let end = index(self.ends[last] - self.begin);
        let (front, back) = self.bytes.as_slices();
        let split = front.len();
        let front = &front[start.min(split)..end.min(split)];
        let back = &back[start.max(split) - split..end.max(split) - split];
        let (one, rest) = space.split_at_mut(front.len());
        one.copy_from_slice(front);
        rest[..back.len()].copy_from_slice(back);
        (pushes, end - start)
    }
}

/// Returns a distance between two positions or numbers that are kept. It fits, because they are in memory.
fn index(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::Latest;
    use std::collections::VecDeque;

    #[test]
    fn a_copy_holds_the_whole_pushes_that_fit_wherever_the_ring_wraps() {
        let mut latest = Latest::default();
        let mut model: VecDeque<Vec<u8>> = VecDeque::new();
        for number in 0..2000u64 {
            let push = vec![number.to_le_bytes()[0]; usize::try_from(number * 7 % 23).unwrap()];
            latest.add(&push, 5);
            model.push_back(push);
            if model.len() > 5 {
                model.pop_front();
            }
            let first = number + 1 - model.len() as u64;
            assert_eq!((latest.first(), latest.next()), (first, number + 1));
            for (skipped, room) in
                (0..=model.len()).flat_map(|skipped| [(skipped, 30), (skipped, 200)])
            {
                for most in [1, 3, 9] {
                    let mut space = vec![0; room];
                    let mut expected = Vec::new();
                    let mut pushes = 0;
                    for push in model.iter().skip(skipped).take(most) {
                        if expected.len() + push.len() > room {
                            break;
                        }
                        expected.extend_from_slice(push);
                        pushes += 1;
                    }
                    let copied = latest.copy(first + skipped as u64, most, &mut space);
                    assert_eq!(copied, (pushes, expected.len()));
                    assert_eq!(space[..copied.1], expected);
                }
            }
        }
        latest.clear();
        assert_eq!((latest.first(), latest.next()), (2000, 2000));
        latest.add(b"more", 5);
        let mut space = [0; 4];
        assert_eq!(latest.copy(2000, 9, &mut space), (1, 4));
        assert_eq!(&space, b"more");
    }
}
