//! The targets of `tests/it/fuzz` under libFuzzer: cases come from those that reached something new. Built by
//! `scripts/prove fuzz` with the wrapper `rustc` beside this file, which makes our library count its edges.
//!
//! EGGMONEY_FUZZ_TARGET names the target; without it the targets are named. The real samples, and the words of its formats, are put where
//! EGGMONEY_FUZZ_SAMPLES says before the first case. The arguments are libFuzzer's own.
#![no_main]

#[path = "../it/fuzz/mod.rs"]
#[allow(dead_code, reason = "the short run is not called from here")]
mod fuzz;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, reason = "the targets need a part of it")]
mod support;

use std::cell::RefCell;
use std::path::Path;

use fuzz::TARGETS;
use fuzz::engine::{Chance, Target, entry, timed};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

thread_local! {
    /// libFuzzer calls everything from one thread.
    static TARGET: RefCell<Option<Box<dyn Target>>> = const { RefCell::new(None) };
}

fn with_target<T>(f: impl FnOnce(&mut dyn Target) -> T) -> T {
    TARGET.with_borrow_mut(|target| f(&mut **target.as_mut().expect("set up before the first case")))
}

/// Writes samples and words where libFuzzer reads them next.
fn put(target: &dyn Target, folder: &Path) {
    for (n, sample) in target.seeds().into_iter().enumerate() {
        fs_err::write(folder.join("samples").join(format!("{n:03}")), sample).unwrap();
    }
    let word = |word: &&str| word.bytes().map(|b| format!("\\x{b:02x}")).collect::<String>();
    let words: String = target.words().iter().map(|text| format!("\"{}\"\n", word(text))).collect();
    fs_err::write(folder.join("words"), words).unwrap();
}

fuzz_target!(
    init: {
        let Ok(name) = std::env::var("EGGMONEY_FUZZ_TARGET") else {
            TARGETS.iter().for_each(|entry| println!("{}", entry.name));
            std::process::exit(0);
        };
        let target = (entry(&name).open)();
        put(&*target, Path::new(&std::env::var("EGGMONEY_FUZZ_SAMPLES").expect("EGGMONEY_FUZZ_SAMPLES names a folder")));
        TARGET.set(Some(target));
    },
    |case: &[u8]| {
        with_target(|target| timed(target, case));
    }
);

// Half of the cases are spoilt by what knows their form, the other half by libFuzzer.
fuzz_mutator!(|case: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut chance = Chance::new(seed.into());
    if size < 4 || chance.once_in(2) {
        return fuzzer_mutate(case, size, max_size);
    }
    let mut spoilt = with_target(|target| target.spoil(&mut chance, &case[..size]));
    spoilt.truncate(max_size);
    case[..spoilt.len()].copy_from_slice(&spoilt);
    spoilt.len()
});
