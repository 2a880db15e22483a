//! Random operations against a model.

use super::*;
use crate::error::Error;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    /// Fill the holes of a range.
    Fill {
        at: u32,
        len: u32,
        goal: Option<u64>,
        unwritten: bool,
    },
    /// Fill every other block of a range: as many extents.
    Comb {
        at: u32,
        count: u32,
        unwritten: bool,
    },
    /// Change the state of a range.
    Convert { at: u32, len: u32, unwritten: bool },
    /// Change the state of every other block of a range.
    CombConvert {
        at: u32,
        count: u32,
        unwritten: bool,
    },
    /// Unmap a range.
    Punch { at: u32, len: u32 },
    /// Unmap every other block of a range.
    CombPunch { at: u32, count: u32 },
    /// Unmap everything behind a block.
    Truncate { at: u32 },
    /// Let freed blocks be used again.
    Commit,
}

/// Where operations happen: parts of the file that indirect maps reach by different levels.
const PLACES: [u32; 4] = [0, 200, 65_700, 1_000_000];

fn place() -> impl Strategy<Value = u32> {
    (prop::sample::select(&PLACES[..]), 0u32..600).prop_map(|(base, at)| base + at)
}

fn op() -> impl Strategy<Value = Op> {
    let goal = prop::option::of(100u64..16_000);
    prop_oneof![
        4 => (place(), 1u32..60, goal, any::<bool>())
            .prop_map(|(at, len, goal, unwritten)| Op::Fill { at, len, goal, unwritten }),
        2 => (place(), 1u32..150, any::<bool>())
            .prop_map(|(at, count, unwritten)| Op::Comb { at, count, unwritten }),
        3 => (place(), 1u32..80, any::<bool>())
            .prop_map(|(at, len, unwritten)| Op::Convert { at, len, unwritten }),
        1 => (place(), 1u32..80, any::<bool>())
            .prop_map(|(at, count, unwritten)| Op::CombConvert { at, count, unwritten }),
        3 => (place(), 1u32..200).prop_map(|(at, len)| Op::Punch { at, len }),
        1 => (place(), 1u32..80).prop_map(|(at, count)| Op::CombPunch { at, count }),
        1 => place().prop_map(|at| Op::Truncate { at }),
        1 => Just(Op::Commit),
    ]
}

fn apply(bench: &mut Bench, op: &Op, extents: bool) -> Result<()> {
    match *op {
        Op::Fill {
            at,
            len,
            goal,
            unwritten,
        } => bench.fill(at, len, goal, unwritten && extents),
        Op::Comb {
            at,
            count,
            unwritten,
        } => (0..count).try_for_each(|i| bench.fill(at + 2 * i, 1, None, unwritten && extents)),
        Op::Convert { at, len, unwritten } => bench.convert(at, len, unwritten && extents),
        Op::CombConvert {
            at,
            count,
            unwritten,
        } => (0..count).try_for_each(|i| bench.convert(at + 2 * i, 1, unwritten && extents)),
        Op::Punch { at, len } => bench.remove(at, u64::from(at + len)).map(drop),
        Op::CombPunch { at, count } => (0..count).try_for_each(|i| {
            let at = at + 2 * i;
            bench.remove(at, u64::from(at) + 1).map(drop)
        }),
        Op::Truncate { at } => bench.remove(at, 1 << 32).map(drop),
        Op::Commit => {
            bench.commit();
            Ok(())
        }
    }
}

fn run_all(mut bench: Bench, ops: &[Op], extents: bool) {
    for op in ops {
        match apply(&mut bench, op, extents) {
            Ok(()) | Err(Error::NoSpace) => bench.check(),
            Err(error) => panic!("{op:?}: {error}"),
        }
        if extents && bench.depth() > 0 {
            assert!(runs(&bench.model) > 4, "the tree is as low as it can be");
        }
    }
    for place in PLACES {
        bench.check_blocks(place..place + 900);
    }
    bench.finish();
}

/// How many extents the model needs at least.
fn runs(model: &Model) -> usize {
    let mut last = None;
    let mut count = 0;
    for (&at, &(phys, unwritten)) in model {
        if last != Some((at, phys, unwritten)) {
            count += 1;
        }
        last = Some((at + 1, phys + 1, unwritten));
    }
    count
}

/// Runs up to `most` operations on many an image that `bench` makes.
fn run_random(most: usize, extents: bool, bench: impl Fn() -> Bench) {
    let config = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(ops in prop::collection::vec(op(), 1..most))| {
        run_all(bench(), &ops, extents);
    });
}

#[test]
fn extents_map_what_the_model_maps() {
    if !can_run("extents_map_what_the_model_maps", &NEEDS) {
        return;
    }
    run_random(60, true, || Bench::with_extents(16_384));
}

#[test]
fn extents_with_a_journal() {
    if !can_run("extents_with_a_journal", &NEEDS) {
        return;
    }
    run_random(40, true, || Bench::new(16_384, &["-J", "size=1"]));
}

#[test]
fn indirect_maps_map_what_the_model_maps() {
    if !can_run("indirect_maps_map_what_the_model_maps", &NEEDS) {
        return;
    }
    run_random(60, false, || Bench::with_indirect(16_384));
}

#[test]
fn a_nearly_full_image_loses_nothing() {
    if !can_run("a_nearly_full_image_loses_nothing", &NEEDS) {
        return;
    }
    run_random(60, true, || Bench::with_extents(1_024));
}
