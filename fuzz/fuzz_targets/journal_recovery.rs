//! Open broken images that a crash left behind: the journal is replayed, orphans are deleted.
#![no_main]

use lwext4_broken::run::Target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    lwext4_broken::fuzz(bytes, Target::Recover);
});
