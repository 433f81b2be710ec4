//! The parsers that face outside, fed with real samples that were spoilt. None may panic, take longer than
//! a second, or take what it must not.
//!
//! Every run of the tests tries a few hundred cases of each, spoilt at random: [`engine::short`]. The
//! program in `tests/guided` shares the targets, is led by what each case reached, and is what
//! `scripts/prove fuzz` runs.
//!
//! A case is bytes in a form of the target's own. Its first byte mostly says which of a target's parsers
//! is meant. Where a sample differs from one start to the next (tokens, keys), the case has a name in braces
//! or a [`spoil::script`] in its place, so that a case found in one process is the same in another.

pub mod engine;
pub mod spoil;

mod archives;
mod broker_answers;
mod broker_frames;
mod masters;
mod old_files;
mod providers;
mod requests;
mod tokens;
mod world;

use engine::Entry;

pub const TARGETS: [Entry; 8] = [
    Entry { name: "requests", short: 1_500, open: || Box::new(requests::Requests::open()) },
    Entry { name: "tokens", short: 600, open: || Box::new(tokens::Tokens::open()) },
    Entry { name: "providers", short: 500, open: || Box::new(providers::SignIn::open()) },
    Entry { name: "broker-answers", short: 300, open: || Box::new(broker_answers::Answers::open()) },
    Entry { name: "broker-frames", short: 300, open: || Box::new(broker_frames::Frames::open()) },
    Entry { name: "masters", short: 600, open: || Box::new(masters::Lists::open()) },
    Entry { name: "archives", short: 60, open: || Box::new(archives::Archives::open()) },
    Entry { name: "old-files", short: 40, open: || Box::new(old_files::Old::open()) },
];

#[cfg(test)]
mod tests {
    use super::engine::short;

    #[test]
    fn requests() {
        short("requests");
    }

    #[test]
    fn tokens() {
        short("tokens");
    }

    #[test]
    fn providers() {
        short("providers");
    }

    #[test]
    fn broker_answers() {
        short("broker-answers");
    }

    #[test]
    fn broker_frames() {
        short("broker-frames");
    }

    #[test]
    fn masters() {
        short("masters");
    }

    #[test]
    fn archives() {
        short("archives");
    }

    #[test]
    fn old_files() {
        short("old-files");
    }
}
