//! What a target is, how long a case may take, and the short run of every test.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::TARGETS;

/// A machine that is busy with something else makes a case slow that is not: it is tried again so often.
const TRIES: usize = 3;
const SEED: u64 = 20261121;
/// A case is shown up to so many characters.
const SHOWN: usize = 4_000;

/// A parser with all that it stands on.
pub trait Target {
    /// Real samples, in the target's form. Of each kind (first byte) at least one is taken.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// Words of the formats, which nobody finds by flipping bits.
    fn words(&self) -> &'static [&'static str] {
        &[]
    }

    /// A case out of another one, by damage that knows the form.
    fn spoil(&self, chance: &mut Chance, case: &[u8]) -> Vec<u8>;

    /// Tries a case; whether it was taken.
    ///
    /// # Panics
    /// When something was taken that must not be.
    fn tries(&mut self, case: &[u8]) -> bool;

    /// No case may take longer.
    fn longest(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// A target before it is set up.
pub struct Entry {
    pub name: &'static str,
    /// Cases of a short run.
    pub short: u64,
    pub open: fn() -> Box<dyn Target>,
}

/// The entry of this name.
pub fn entry(name: &str) -> &'static Entry {
    let names = || TARGETS.map(|entry| entry.name).join(", ");
    TARGETS.iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("no target {name:?}; there are {}", names()))
}

/// The processor's time of this process: the clock on the wall also tells what else the machine does.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Tries a case and looks at the clock.
pub fn timed(target: &mut dyn Target, case: &[u8]) -> bool {
    let longest = target.longest();
    let mut least = Duration::MAX;
    for _ in 0..TRIES {
        let began = spent();
        let taken = target.tries(case);
        least = least.min(spent() - began);
        if least <= longest {
            return taken;
        }
    }
    panic!("takes {least:?}");
}

/// Random numbers that are the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `end`; 0 when that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap()
    }

    /// Once in `n`.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// Tells what was tried when a finding ends the run.
struct Trying<'t> {
    name: &'t str,
    seed: u64,
    case: u64,
    bytes: Vec<u8>,
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { name, seed, case, bytes } = self;
            let text: String = String::from_utf8_lossy(bytes).chars().take(SHOWN).flat_map(char::escape_debug).collect();
            println!("fuzz {name}: FINDING in case {case}; again with EGGMONEY_FUZZ_SEED={seed}\ncase: {text}");
        }
    }
}

/// Tries the samples as they are, and then spoilt at random: EGGMONEY_FUZZ_CASES of them or a few hundred, the
/// same for the same EGGMONEY_FUZZ_SEED.
pub fn short(name: &str) {
    let entry = entry(name);
    let (seed, most) = (number("EGGMONEY_FUZZ_SEED").unwrap_or(SEED), number("EGGMONEY_FUZZ_CASES").unwrap_or(entry.short));
    let began = Instant::now();
    let mut target = (entry.open)();
    let samples = target.seeds();
    let mut trying = Trying { name, seed, case: 0, bytes: Vec::new() };
    // A target that takes no sample only has its door tried.
    let mut kinds = BTreeMap::new();
    for sample in &samples {
        trying.bytes.clone_from(sample);
        *kinds.entry(sample[0]).or_insert(false) |= timed(&mut *target, sample);
    }
    let never: Vec<u8> = kinds.into_iter().filter_map(|(kind, taken)| (!taken).then_some(kind)).collect();
    assert!(never.is_empty(), "no sample of the kinds {never:?} is taken");
    let mut chance = Chance::new(seed);
    let mut taken = 0;
    while trying.case < most {
        trying.case += 1;
        let mut chance = Chance::new(chance.next());
        let sample = chance.pick(&samples);
        trying.bytes = target.spoil(&mut chance, sample);
        if chance.once_in(8) && !target.words().is_empty() {
            let at = trying.bytes.len().min(1 + chance.below(trying.bytes.len()));
            trying.bytes.splice(at..at, chance.pick(target.words()).bytes());
        }
        taken += u64::from(timed(&mut *target, &trying.bytes));
    }
    println!("fuzz {name}: {most} cases in {:.1} s, {taken} taken, seed {seed}", began.elapsed().as_secs_f64());
}
