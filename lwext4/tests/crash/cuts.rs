//! Power cuts: the images that a recorded log may leave behind.

use crate::devices::{Event, Overlay, SECTOR};
use crate::random::Random;
use lwext4::BlockDevice;
use std::sync::Arc;

/// The images that a log may leave, from its start to its end. Cuts are asked for in ascending order.
pub struct Cuts<'a> {
    events: &'a [Event],
    /// Everything before event `durable`, which follows a flush (or is the first).
    base: Arc<Vec<u8>>,
    durable: usize,
}

impl<'a> Cuts<'a> {
    pub fn new(start: &[u8], events: &'a [Event]) -> Cuts<'a> {
        Cuts {
            events,
            base: Arc::new(start.to_vec()),
            durable: 0,
        }
    }

    /// Makes everything durable that the last flush before event `at` covers.
    fn go_to(&mut self, at: usize) {
        assert!(at >= self.durable, "cuts ascend");
        let flush = |event: &Event| matches!(event, Event::Flush);
        let Some(last) = self.events[self.durable..at].iter().rposition(flush) else {
            return;
        };
        let next = self.durable + last + 1;
        let base = Arc::make_mut(&mut self.base);
        for event in &self.events[self.durable..next] {
            if let Event::Write(offset, bytes) = event {
                let offset = *offset as usize;
                base[offset..offset + bytes.len()].copy_from_slice(bytes);
            }
        }
        self.durable = next;
    }

    fn pending(&self, at: usize) -> impl Iterator<Item = (u64, &Arc<Vec<u8>>)> {
        self.events[self.durable..at]
            .iter()
            .filter_map(|event| match event {
                Event::Write(offset, bytes) => Some((*offset, bytes)),
                Event::Flush => None,
            })
    }

    /// The image after the first `at` events, in their order.
    pub fn prefix(&mut self, at: usize) -> Overlay {
        self.go_to(at);
        let device = Overlay::new(self.base.clone());
        for (offset, bytes) in self.pending(at) {
            device.write_at(bytes, offset).unwrap();
        }
        device
    }

    /// An image that a disk may leave which was cut off after `at` events: of the writes since the
    /// last flush, any sectors.
    ///
    /// Two writes of one sector keep their order: a disk's cache holds the newer one only.
    pub fn reordered(&mut self, at: usize, random: &mut Random) -> Overlay {
        self.go_to(at);
        let device = Overlay::new(self.base.clone());
        let count = self.pending(at).count() as u64;
        // Sectors alone, whole writes, or one write left out of all, or one that overtook all.
        let how = random.below(5);
        let keep = 1 + random.below(9);
        let chosen = random.below(count.max(1));
        for (i, (offset, bytes)) in self.pending(at).enumerate() {
            let whole = match how {
                0 | 1 => None,
                2 => Some(random.below(10) < keep),
                3 => Some(i as u64 != chosen),
                _ => Some(i as u64 == chosen),
            };
            let torn = whole.is_none() || (i as u64 == chosen && random.one_in(2));
            for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                let kept = match whole {
                    Some(whole) if !torn => whole,
                    _ => random.below(10) < keep,
                };
                if kept {
                    device
                        .write_at(sector, offset + (n * SECTOR) as u64)
                        .unwrap();
                }
            }
        }
        device
    }
}
