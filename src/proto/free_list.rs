//! Things that are kept for the next one who needs one.
//!
//! A list belongs to one thread: each user has its own in a `thread_local!`. Memory and engines are
//! worth sharing among connections because few of them work at one moment. A thread needs no lock
//! for that, and it finds what it gave back in its own caches.
//!
//! Each thing has a weight, bytes for instance. The sum of the weights has a bound; the oldest things
//! go when it is reached.

use std::cell::{Cell, RefCell};

/// What a thing weighs in its list.
pub(crate) trait Weight {
    /// Does not change while it is kept.
    fn weight(&self) -> usize;
}

/// Its room in bytes.
impl Weight for Vec<u8> {
    #[inline]
    fn weight(&self) -> usize {
        self.capacity()
    }
}

/// See the module.
pub(crate) struct FreeList<T> {
    /// Mostly it is the only one, and it comes and goes with each message: that is a few moves.
    newest: Cell<Option<T>>,
    /// The others, oldest first.
    older: RefCell<Vec<T>>,
    /// The sum of their weights.
    older_weight: Cell<usize>,
    /// The largest sum of all weights.
    most: usize,
}

impl<T: Weight> FreeList<T> {
    /// A list of things that weigh at most so much together.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            newest: Cell::new(None),
            older: RefCell::new(Vec::new()),
            older_weight: Cell::new(0),
            most,
        }
    }

    /// Takes the newest.
    #[inline]
    #[allow(dead_code, reason = "the core alone, without compression, takes the best")]
    pub(crate) fn take(&self) -> Option<T> {
        match self.newest.take() {
            None => self.take_older(),
            newest => newest,
        }
    }

    #[cold]
    fn take_older(&self) -> Option<T> {
        let thing = self.older.borrow_mut().pop()?;
        self.older_weight.set(self.older_weight.get() - thing.weight());
        Some(thing)
    }

    /// Takes the one with the highest rank, and the newest of those. Things without a rank stay.
    pub(crate) fn take_best<R: Ord>(&self, rank: impl Fn(&T) -> Option<R>) -> Option<T> {
        let mut older = self.older.borrow_mut();
        if let Some(newest) = self.newest.take() {
            if older.is_empty() && rank(&newest).is_some() {
                return Some(newest);
            }
            self.older_weight.set(self.older_weight.get() + newest.weight());
            older.push(newest);
        }
        let ranks = older.iter().enumerate().filter_map(|(at, thing)| Some((rank(thing)?, at)));
        let (_, at) = ranks.max()?;
        let thing = older.remove(at);
        self.older_weight.set(self.older_weight.get() - thing.weight());
        Some(thing)
    }

    /// Keeps a thing, which must not weigh too much alone. The oldest are dropped if all weigh too much
    /// together.
    #[inline]
    pub(crate) fn give(&self, thing: T) {
        debug_assert!(thing.weight() <= self.most);
        let second = self.newest.replace(Some(thing));
        if second.is_some() || self.older_weight.get() > 0 {
            self.give_older(second);
        }
    }

    /// Takes one in that is no longer the newest, and drops the oldest until the sum is in bounds.
    #[cold]
    fn give_older(&self, second: Option<T>) {
        let mut older = self.older.borrow_mut();
        older.extend(second);
        let newest = self.newest.take();
        let mut sum = newest.iter().chain(&*older).map(T::weight).sum::<usize>();
        let too_much = older.iter().take_while(|oldest| {
            let is_over = sum > self.most;
            if is_over {
                sum -= oldest.weight();
            }
            is_over
        });
        let dropped = too_much.count();
        older.drain(..dropped);
        self.older_weight.set(sum - newest.as_ref().map_or(0, T::weight));
        self.newest.set(newest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Thing(usize, char);

    impl Weight for Thing {
        fn weight(&self) -> usize {
            self.0
        }
    }

    /// A list to which these were given, and all that it gives back.
    fn kept(most: usize, things: &[(usize, char)]) -> String {
        let list = FreeList::new(most);
        things.iter().for_each(|&(weight, name)| list.give(Thing(weight, name)));
        let back = std::iter::from_fn(|| list.take()).map(|thing| thing.1).collect();
        assert_eq!((list.older_weight.get(), list.take()), (0, None));
        back
    }

    #[test]
    fn the_newest_comes_back_first() {
        assert_eq!(kept(3, &[]), "");
        assert_eq!(kept(3, &[(1, 'a'), (1, 'b'), (1, 'c')]), "cba");
    }

    #[test]
    fn the_oldest_go_when_it_is_too_much() {
        assert_eq!(kept(3, &[(1, 'a'), (1, 'b'), (1, 'c'), (1, 'd')]), "dcb");
        assert_eq!(kept(10, &[(4, 'a'), (3, 'b'), (2, 'c'), (5, 'd')]), "dcb");
        assert_eq!(kept(10, &[(4, 'a'), (3, 'b'), (10, 'c')]), "c");
    }

    #[test]
    fn what_comes_back_leaves_its_place() {
        let list = FreeList::new(10);
        list.give(Thing(4, 'a'));
        list.give(Thing(4, 'b'));
        assert_eq!(list.take(), Some(Thing(4, 'b')));
        // The older one counts while there is no newest.
        list.give(Thing(7, 'c'));
        assert_eq!([list.take(), list.take()], [Some(Thing(7, 'c')), None]);
    }

    #[test]
    fn the_best_is_the_newest_of_the_highest_rank() {
        let list = FreeList::new(10);
        for (weight, name) in [(1, 'a'), (2, 'b'), (2, 'c'), (3, 'd')] {
            list.give(Thing(weight, name));
        }
        let rank = |thing: &Thing| (thing.0 != 3).then_some(thing.0);
        let best = || list.take_best(rank).map(|thing| thing.1);
        assert_eq!([best(), best(), best(), best()], [Some('c'), Some('b'), Some('a'), None]);
        assert_eq!([list.take(), list.take()], [Some(Thing(3, 'd')), None]);
    }
}
