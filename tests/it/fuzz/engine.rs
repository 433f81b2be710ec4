//! Counts cases and time, and tells how to see a finding again.

use std::time::{Duration, Instant};

/// No case may take longer.
const LONGEST: Duration = Duration::from_secs(1);
/// A busy machine makes some cases slow that are not: this many, and one in so many of all, are forgiven.
const FORGIVEN: (u64, u64) = (3, 200);
const SEED: u64 = 20261121;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// Random numbers that are the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
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

/// One run over one target.
pub struct Hunt {
    name: &'static str,
    seed: u64,
    chance: Chance,
    most: u64,
    until: Option<Instant>,
    began: Instant,
    case_began: Instant,
    cases: u64,
    taken: u64,
    slow: u64,
    slowest: Duration,
    longest: Duration,
    tried: String,
}

impl Hunt {
    /// So many cases, or as many as fit into EGGMONEY_FUZZ_SECONDS.
    pub fn new(name: &'static str, most: u64) -> Self {
        let seed = number("EGGMONEY_FUZZ_SEED").unwrap_or(SEED);
        let now = Instant::now();
        let until = number("EGGMONEY_FUZZ_SECONDS").map(|s| now + Duration::from_secs(s));
        Self {
            name,
            seed,
            chance: Chance(seed),
            most,
            until,
            began: now,
            case_began: now,
            cases: 0,
            taken: 0,
            slow: 0,
            slowest: Duration::ZERO,
            longest: LONGEST,
            tried: String::new(),
        }
    }

    /// For a target that does more than read: the same, with another bound.
    pub fn within(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// The chance of the next case; `None` when it is enough.
    pub fn next(&mut self) -> Option<Chance> {
        if self.cases > 0 {
            let took = self.case_began.elapsed();
            self.slowest = self.slowest.max(took);
            if took > self.longest {
                self.slow += 1;
                println!("fuzz {}: case {} took {took:?}: {}", self.name, self.cases, self.tried);
                assert!(self.slow <= FORGIVEN.0 + self.cases / FORGIVEN.1, "too slow, again and again");
            }
        }
        let over = self.until.map_or(self.cases >= self.most, |until| Instant::now() >= until);
        if over {
            return None;
        }
        self.cases += 1;
        self.case_began = Instant::now();
        Some(Chance(self.chance.next()))
    }

    /// What is tried now, for the report of a finding.
    pub fn tries(&mut self, what: impl AsRef<[u8]>) {
        let text = String::from_utf8_lossy(what.as_ref());
        self.tried = text.chars().take(4_000).flat_map(char::escape_debug).collect();
    }

    /// The target took what it was given. A hunt in which nothing is ever taken only tries the door.
    pub fn taken(&mut self) {
        self.taken += 1;
    }
}

impl Drop for Hunt {
    fn drop(&mut self) {
        let (name, seed, cases) = (self.name, self.seed, self.cases);
        if std::thread::panicking() {
            println!("fuzz {name}: FINDING in case {cases}; again with EGGMONEY_FUZZ_SEED={seed}\ninput: {}", self.tried);
        } else {
            let (seconds, taken, slowest) = (self.began.elapsed().as_secs_f64(), self.taken, self.slowest);
            println!("fuzz {name}: {cases} cases in {seconds:.1} s, {taken} taken, slowest {slowest:.1?}, seed {seed}");
        }
    }
}
