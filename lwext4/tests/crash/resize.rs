//! Power cuts while a file system changes its size.

use crate::power::{Plan, Script, check_recording, record_on};
use crate::tools::{Dir, Family, JOURNALED, available};
use crate::workload::Workload;
use crate::{full, seed};
use lwext4::OpenOptions;

/// The device's size: there is room to grow. Power cuts do not change it.
const DEVICE: usize = 40 << 20;

const MIB: u64 = 1 << 20;

fn plan() -> Plan {
    if full() {
        Plan {
            prefixes: usize::MAX,
            orders: 1000,
        }
    } else {
        Plan {
            prefixes: 25,
            orders: 25,
        }
    }
}

fn run(families: &[Family], script: Script) {
    let dir = Dir::new();
    for (i, family) in families.iter().enumerate() {
        let mut start = family.image(&dir);
        start.resize(DEVICE, 0);
        // What an earlier file system left there.
        start[(family.size as usize)..].fill(0xA5);
        let seed = seed() * 1000 + 700 + i as u64;
        let options = OpenOptions::default();
        let recording = record_on(start, family.name, seed, options, script);
        let (prefixes, orders) = check_recording(&recording, &plan(), seed);
        println!(
            "{}: {} events; {prefixes} prefixes and {orders} orders",
            family.name,
            recording.events.len()
        );
    }
}

fn grow(workload: &mut Workload<'_>) -> lwext4::Result<()> {
    (0..40).try_for_each(|_| workload.step())?;
    for mib in [19, 26, 40] {
        workload.volume.grow(mib * MIB)?;
        (0..10).try_for_each(|_| workload.step())?;
    }
    Ok(())
}

#[test]
fn power_cuts_while_growing() {
    if available() {
        let without = Family {
            name: "1k ^resize_inode",
            options: &[
                "-t",
                "ext4",
                "-b",
                "1024",
                "-J",
                "size=1",
                "-O",
                "^resize_inode",
            ],
            ..JOURNALED[1]
        };
        run(&[JOURNALED[0], JOURNALED[1], without, JOURNALED[4]], grow);
    }
}
