//! Questions that were asked before.
//!
//! INVARIANT (`pure_decision`): the same question under the same law has the same answer, to the byte. So an answer may
//! be kept, and whether it is makes no difference to what is told; a property test holds that.

use std::{collections::HashMap, rc::Rc};

use crate::domain::outcome::Outcome;

/// Most bytes of questions and answers that a thread keeps: about 25,000 of them, and small beside a rulebook.
const BYTES_MAX: usize = 32 << 20;
/// What a kept answer takes beside its bytes: its place in the table, and what the allocator adds.
const OVERHEAD_BYTES: usize = 128;
/// Questions after which it shows whether the log repeats itself.
const TRIAL: u32 = 8_192;
/// Fewer known questions than one in so many do not pay for keeping them.
const WORTH_ONE_IN: u32 = 32;
/// Questions for which nothing is kept when it did not pay, before it is tried again.
const REST: u32 = 16 * TRIAL;

/// A decision of the replay.
#[derive(Clone, Debug)]
pub(super) struct Decided {
    pub outcome: Outcome,
    /// Canonical bytes.
    pub bytes: Rc<[u8]>,
}

/// Answers by the bytes of their question.
#[derive(Debug, Default)]
pub(super) struct Memo {
    answers: HashMap<Box<[u8]>, Decided>,
    bytes: usize,
    asked: u32,
    known: u32,
    /// Questions left to pass by without a look.
    rest: u32,
}

impl Memo {
    /// Is it worth a look at all? A log in which nothing comes twice is not slowed down by looking.
    pub fn looks(&mut self) -> bool {
        if self.rest > 0 {
            self.rest -= 1;
            return false;
        }
        if self.asked >= TRIAL {
            if self.known < self.asked / WORTH_ONE_IN {
                // This question is the first of them.
                self.rest = REST - 1;
                self.forget();
                (self.asked, self.known) = (0, 0);
                return false;
            }
            (self.asked, self.known) = (0, 0);
        }
        true
    }

    /// The answer to a question that was asked before.
    pub fn recall(&mut self, question: &[u8]) -> Option<Decided> {
        self.asked += 1;
        let found = self.answers.get(question).cloned();
        self.known += u32::from(found.is_some());
        found
    }

    /// Keeps an answer. When it grows too large, all are forgotten: what comes often is soon there again.
    pub fn keep(&mut self, question: &[u8], decided: Decided) {
        let length = question.len() + decided.bytes.len() + OVERHEAD_BYTES;
        if self.bytes + length > BYTES_MAX {
            self.forget();
        }
        if length <= BYTES_MAX {
            self.bytes += length;
            self.answers.insert(question.into(), decided);
        }
    }

    fn forget(&mut self) {
        self.answers.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(length: usize) -> Decided {
        Decided { outcome: Outcome::Review, bytes: vec![7; length].into() }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut memo = Memo::default();
        for at in 0..100_u32 {
            memo.keep(&at.to_be_bytes(), decided(1 << 20));
            assert!(memo.bytes <= BYTES_MAX);
            assert!(memo.recall(&at.to_be_bytes()).is_some());
        }
        assert!(memo.recall(&0_u32.to_be_bytes()).is_none());
        memo.keep(b"large", decided(BYTES_MAX));
        assert!(memo.recall(b"large").is_none());
    }

    #[test]
    fn a_log_without_repetition_is_not_looked_up_for_long() {
        let mut memo = Memo::default();
        let mut looked = 0;
        for at in 0..TRIAL + REST {
            if memo.looks() && memo.recall(&at.to_be_bytes()).is_none() {
                memo.keep(&at.to_be_bytes(), decided(1));
                looked += 1;
            }
        }
        assert_eq!((looked, memo.bytes), (TRIAL, 0));
        // It is tried again, and where all is known it goes on.
        memo.keep(b"often", decided(1));
        for _ in 0..3 * TRIAL {
            assert!(memo.looks());
            assert!(memo.recall(b"often").is_some());
        }
    }
}
