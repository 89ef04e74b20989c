//! Telling screens: what changed, as topics. A screen queries what it shows when its topic changes.
//!
//! A subscription starts with every topic once (so that a screen draws at once), then tells changes in order. It holds
//! at most one pending note of a topic, so it is bounded whatever happens: a slow screen gets one note for many
//! changes. Dropping it ends it.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// What can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Parcels: list, marks, states.
    Parcels,
    /// Batches and their people.
    Batches,
    /// [`SyncState`](crate::sync::SyncState) or the length of the queue.
    Sync,
    /// Who is signed in.
    Session,
    /// Calls that came in, their sound on this phone, and whether calls are taken.
    Calls,
    /// Work orders.
    Orders,
    /// Announcements.
    Announcements,
    /// Knowledge: folders, articles, favourites.
    Knowledge,
    /// What the own calls cost.
    Charges,
}

/// Every topic.
pub(crate) const ALL: [Topic; 9] = [
    Topic::Parcels,
    Topic::Batches,
    Topic::Sync,
    Topic::Session,
    Topic::Calls,
    Topic::Orders,
    Topic::Announcements,
    Topic::Knowledge,
    Topic::Charges,
];

/// What an answer to an operation may change.
pub(crate) const CHANGING: [Topic; 7] = [
    Topic::Parcels,
    Topic::Batches,
    Topic::Sync,
    Topic::Calls,
    Topic::Orders,
    Topic::Announcements,
    Topic::Knowledge,
];

#[derive(Default)]
struct Inbox {
    pending: Mutex<BTreeSet<Topic>>,
    wake: Notify,
}

/// Where changes are told. Cheap to clone.
#[derive(Clone, Default)]
pub struct Bus {
    inboxes: Arc<Mutex<Vec<Weak<Inbox>>>>,
}

/// A handle that ends the subscription when it is dropped.
pub struct Subscription {
    inbox: Arc<Inbox>,
}

impl Bus {
    /// A new subscription.
    pub fn subscribe(&self) -> Subscription {
        let inbox = Arc::new(Inbox::default());
        inbox.pending.lock().extend(ALL);
        let mut inboxes = self.inboxes.lock();
        inboxes.retain(|i| i.strong_count() > 0);
        inboxes.push(Arc::downgrade(&inbox));
        Subscription { inbox }
    }

    /// Tells a change.
    pub fn tell(&self, topic: Topic) {
        for inbox in self.inboxes.lock().iter().filter_map(Weak::upgrade) {
            inbox.pending.lock().insert(topic);
            inbox.wake.notify_one();
        }
    }

    /// Subscriptions that are alive.
    pub fn alive(&self) -> usize {
        self.inboxes.lock().iter().filter(|i| i.strong_count() > 0).count()
    }
}

impl Subscription {
    /// The next change. Cancelling the future loses nothing.
    pub async fn next(&self) -> Topic {
        loop {
            if let Some(topic) = self.inbox.pending.lock().pop_first() {
                return topic;
            }
            self.inbox.wake.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn starts_with_everything_and_is_bounded() {
        let bus = Bus::default();
        let sub = bus.subscribe();
        for _ in 0..1000 {
            bus.tell(Topic::Parcels);
        }
        let mut seen = Vec::new();
        for _ in ALL {
            seen.push(sub.next().await);
        }
        assert_eq!(seen, ALL);
        bus.tell(Topic::Sync);
        assert_eq!(sub.next().await, Topic::Sync);
        drop(sub);
        assert_eq!(bus.alive(), 0);
    }
}
