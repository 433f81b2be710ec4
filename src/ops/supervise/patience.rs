//! How long a supervisor waits: before it starts a server again, and for a server to answer. Both count
//! what they are told, so that no clock that jumps misleads them.

use std::time::Duration;

/// The first pause after a crash; each further crash doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// It never becomes longer, and there is no last attempt.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// A server that ran so long was all right: its end is a first one again.
const SETTLED: Duration = Duration::from_mins(10);

/// Pauses between attempts.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    in_a_row: u32,
}

impl Pauses {
    /// The pause after a server that ran for a while ended by itself.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= SETTLED {
            self.in_a_row = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.in_a_row)).min(LONGEST_PAUSE);
        self.in_a_row = self.in_a_row.saturating_add(1);
        pause
    }
}

/// Seconds between looks at a server that has not answered yet, or is on trial.
const CLOSE_LOOK: Duration = Duration::from_secs(1);
/// Between looks at one that has: nothing that keeps a disk awake.
const LOOK: Duration = Duration::from_secs(30);
/// Good answers in a row that prove a release.
const PROOF: u32 = 3;
/// A server that has answered before may be silent for this long.
const SILENCE: Duration = Duration::from_mins(10);

/// What a look at the server showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It answered that all is well.
    Well,
    /// It answered that something is wrong.
    Unwell,
    Nothing,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    /// The release on trial has proved itself.
    Proved,
    /// It hangs.
    Hangs,
}

/// Looks after one run of a server.
#[derive(Debug)]
pub(super) struct Watch {
    on_trial: bool,
    /// How long the first answer, or the proof, may take.
    patience: Duration,
    answered: bool,
    waited: Duration,
    good: u32,
}

impl Watch {
    pub(super) fn new(on_trial: bool, patience: Duration) -> Self {
        Self { on_trial, patience, answered: false, waited: Duration::ZERO, good: 0 }
    }

    /// When to look next.
    pub(super) fn period(&self) -> Duration {
        if self.on_trial || !self.answered { CLOSE_LOOK } else { LOOK }
    }

    /// Takes in what a look showed, `since` the one before.
    pub(super) fn look(&mut self, answer: Answer, since: Duration) -> Verdict {
        self.good = if answer == Answer::Well { self.good + 1 } else { 0 };
        if self.on_trial {
            if self.good >= PROOF {
                self.on_trial = false;
                self.answered = true;
                self.waited = Duration::ZERO;
                return Verdict::Proved;
            }
            self.waited += since;
        } else if answer == Answer::Nothing {
            self.waited += since;
        } else {
            self.answered = true;
            self.waited = Duration::ZERO;
        }
        let patience = if self.answered { SILENCE.max(self.patience) } else { self.patience };
        if self.waited > patience { Verdict::Hangs } else { Verdict::Wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_grow_to_five_minutes_and_begin_anew_after_a_good_run() {
        let mut pauses = Pauses::default();
        let seconds = |pauses: &mut Pauses, ran: u64| pauses.after(Duration::from_secs(ran)).as_secs();
        let first: Vec<u64> = (0..6).map(|_| seconds(&mut pauses, 0)).collect();
        assert_eq!(first, [1, 2, 4, 8, 16, 32]);
        for _ in 0..100 {
            seconds(&mut pauses, 599);
        }
        assert_eq!(seconds(&mut pauses, 0), 300, "for ever, but no slower than that");
        assert_eq!((seconds(&mut pauses, 600), seconds(&mut pauses, 0)), (1, 2));
    }

    #[test]
    fn a_release_on_trial_is_proved_by_three_good_answers_in_a_row() {
        let mut watch = Watch::new(true, Duration::from_mins(5));
        for answer in [Answer::Nothing, Answer::Well, Answer::Well, Answer::Unwell, Answer::Well, Answer::Well] {
            assert_eq!((watch.look(answer, SECOND), watch.period()), (Verdict::Wait, CLOSE_LOOK), "{answer:?}");
        }
        assert_eq!((watch.look(Answer::Well, SECOND), watch.period()), (Verdict::Proved, LOOK));
        assert_eq!(watch.look(Answer::Well, LOOK), Verdict::Wait, "once");
    }

    #[test]
    fn on_trial_an_unwell_answer_does_not_buy_time() {
        for answer in [Answer::Nothing, Answer::Unwell] {
            let mut watch = Watch::new(true, Duration::from_secs(60));
            for _ in 0..60 {
                assert_eq!(watch.look(answer, SECOND), Verdict::Wait);
            }
            assert_eq!(watch.look(answer, SECOND), Verdict::Hangs, "{answer:?}");
        }
    }

    #[test]
    fn a_running_server_may_be_unwell_but_not_silent() {
        let mut watch = Watch::new(false, Duration::from_mins(5));
        assert_eq!((watch.look(Answer::Well, SECOND), watch.period()), (Verdict::Wait, LOOK));
        for _ in 0..100 {
            assert_eq!(watch.look(Answer::Unwell, LOOK), Verdict::Wait, "it says what is wrong, and people are told");
        }
        for _ in 0..20 {
            assert_eq!(watch.look(Answer::Nothing, LOOK), Verdict::Wait);
        }
        assert_eq!(watch.look(Answer::Nothing, LOOK), Verdict::Hangs);
        let mut never = Watch::new(false, Duration::from_secs(5));
        let verdicts: Vec<_> = (0..6).map(|_| never.look(Answer::Nothing, SECOND)).collect();
        assert_eq!((verdicts[4], verdicts[5]), (Verdict::Wait, Verdict::Hangs));
    }
}
