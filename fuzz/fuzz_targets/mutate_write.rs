//! Change a broken image: names, data, attributes, trees.
#![no_main]

use lwext4_broken::run::Target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    lwext4_broken::fuzz(bytes, Target::Change);
});
