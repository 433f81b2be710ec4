//! Who gets the broker's few slots.

use std::collections::BTreeMap;

use super::{FeedPriority, NotLive, Topic};

/// What is wanted, by whom, since when.
#[derive(Debug, Default)]
pub struct Slots {
    wanted: BTreeMap<Topic, Want>,
    arrivals: u64,
}

#[derive(Debug)]
struct Want {
    arrival: u64,
    /// How often it is wanted with each priority.
    by: BTreeMap<FeedPriority, usize>,
}

/// Who has a slot and who has none.
#[derive(Debug, PartialEq, Eq)]
pub struct Grants<R> {
    /// Most important first, each with its registration at the broker.
    pub granted: Vec<(Topic, R)>,
    pub denied: Vec<(Topic, NotLive)>,
}

impl Slots {
    /// Wants a topic once more.
    pub fn want(&mut self, topic: Topic, priority: FeedPriority) {
        let arrivals = &mut self.arrivals;
        let want = self.wanted.entry(topic).or_insert_with(|| {
            *arrivals += 1;
            Want { arrival: *arrivals, by: BTreeMap::new() }
        });
        *want.by.entry(priority).or_default() += 1;
    }

    /// Takes one want back; one that never was changes nothing.
    pub fn release(&mut self, topic: &Topic, priority: FeedPriority) {
        let Some(want) = self.wanted.get_mut(topic) else { return };
        if let Some(count) = want.by.get_mut(&priority) {
            *count -= 1;
            if *count == 0 {
                want.by.remove(&priority);
            }
        }
        if want.by.is_empty() {
            self.wanted.remove(topic);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Shares `capacity` slots out: by priority, then first come, first served, so that a topic loses
    /// its slot only to a more important one. `registration` names what a topic needs at the broker
    /// (topics with the same one share a slot) or why it can have none.
    pub fn share_out<R: PartialEq>(&self, capacity: usize, registration: impl Fn(&Topic) -> Result<R, NotLive>) -> Grants<R> {
        let mut order: Vec<(&FeedPriority, u64, &Topic)> = self
            .wanted
            .iter()
            .filter_map(|(topic, want)| want.by.first_key_value().map(|(priority, _)| (priority, want.arrival, topic)))
            .collect();
        order.sort_unstable();
        let mut grants = Grants { granted: Vec::new(), denied: Vec::new() };
        let mut used = 0;
        for (_, _, topic) in order {
            match registration(topic) {
                Err(reason) => grants.denied.push((topic.clone(), reason)),
                Ok(needed) => {
                    let shared = grants.granted.iter().any(|(_, other)| *other == needed);
                    if shared || used < capacity {
                        used += usize::from(!shared);
                        grants.granted.push((topic.clone(), needed));
                    } else {
                        grants.denied.push((topic.clone(), NotLive::NoSlot));
                    }
                }
            }
        }
        grants
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::AccountId;
    use crate::domain::instrument::{Exchange, Market};

    fn trades(symbol: &str) -> Topic {
        Topic::Trades { exchange: Exchange::Nasdaq, symbol: symbol.to_owned() }
    }

    fn executions() -> Topic {
        Topic::Executions { account: AccountId(Uuid::nil()), market: Market::Us }
    }

    fn live(slots: &Slots, capacity: usize) -> Vec<Topic> {
        slots.share_out(capacity, |topic| Ok(topic.clone())).granted.into_iter().map(|(topic, _)| topic).collect()
    }

    #[test]
    fn the_important_come_first_and_the_displaced_are_told() {
        let mut slots = Slots::default();
        slots.want(trades("A"), FeedPriority::WatchList);
        slots.want(trades("B"), FeedPriority::WatchList);
        slots.want(trades("C"), FeedPriority::Bots);
        assert_eq!(live(&slots, 2), [trades("C"), trades("A")], "of two equals the first stays");
        slots.want(executions(), FeedPriority::OwnExecutions);
        slots.want(trades("B"), FeedPriority::OpenOrders);
        assert_eq!(live(&slots, 2), [executions(), trades("B")]);
        let denied = slots.share_out(2, |topic| Ok(topic.clone())).denied;
        assert_eq!(denied, [(trades("C"), NotLive::NoSlot), (trades("A"), NotLive::NoSlot)]);
        slots.release(&trades("B"), FeedPriority::OpenOrders);
        assert_eq!(live(&slots, 3), [executions(), trades("C"), trades("A")], "B is only watched again");
    }

    #[test]
    fn a_topic_stays_until_the_last_one_lets_it_go() {
        let mut slots = Slots::default();
        slots.want(trades("A"), FeedPriority::Bots);
        slots.want(trades("A"), FeedPriority::Bots);
        slots.release(&trades("A"), FeedPriority::Bots);
        slots.release(&trades("A"), FeedPriority::WatchList);
        assert_eq!(live(&slots, 1), [trades("A")]);
        slots.release(&trades("A"), FeedPriority::Bots);
        assert!(slots.is_empty());
    }

    #[test]
    fn topics_of_one_registration_share_a_slot_and_impossible_ones_take_none() {
        let mut slots = Slots::default();
        for name in ["A", "B", "C"] {
            slots.want(trades(name), FeedPriority::Bots);
        }
        let grants = slots.share_out(1, |topic| if *topic == trades("A") { Err(NotLive::Unsupported) } else { Ok("one") });
        assert_eq!(grants.granted, [(trades("B"), "one"), (trades("C"), "one")]);
        assert_eq!(grants.denied, [(trades("A"), NotLive::Unsupported)]);
    }

    proptest! {
        #[test]
        fn no_slot_is_idle_while_somebody_waits_and_none_is_given_twice(
            wants in proptest::collection::vec((0_u8..30, 0_usize..4, any::<bool>()), 0..120),
            capacity in 0_usize..12,
        ) {
            let priorities = [FeedPriority::OwnExecutions, FeedPriority::OpenOrders, FeedPriority::Bots, FeedPriority::WatchList];
            let mut slots = Slots::default();
            for (name, priority, wanted) in wants {
                let topic = trades(&name.to_string());
                if wanted { slots.want(topic, priorities[priority]) } else { slots.release(&topic, priorities[priority]) }
            }
            let grants = slots.share_out(capacity, |topic| Ok(topic.clone()));
            prop_assert!(grants.granted.len() <= capacity);
            prop_assert!(grants.denied.is_empty() || grants.granted.len() == capacity);
            prop_assert_eq!(grants.granted.len() + grants.denied.len(), slots.wanted.len());
            let best = |topic: &Topic| *slots.wanted[topic].by.first_key_value().unwrap().0;
            let worst_granted = grants.granted.iter().map(|(topic, _)| best(topic)).max();
            let best_denied = grants.denied.iter().map(|(topic, _)| best(topic)).min();
            if let (Some(granted), Some(denied)) = (worst_granted, best_denied) {
                prop_assert!(granted <= denied);
            }
        }
    }
}
