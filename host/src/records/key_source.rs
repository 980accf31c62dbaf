//! Keys for records that come without one: unique without asking anybody, so that tables of several hosts can be put together.
//!
//! A number has 53 bits, so that a double holds it: ten from the clock, which count steps of 2^40 microseconds (12.7 days),
//! and 43 that are random. It is not drawn alone: a source draws a place and counts on from there, because keys that are
//! neighbours are stored side by side. Its first place is for one number, each further one for twice as many, up to 16,384.
//! Places begin at multiples of their size, so two of one size are the same or have nothing in common.
//!
//! How probable is a collision? Two hosts that each generate a million numbers within the same twelve days draw some 75
//! places each, most of them for 16,384 numbers, of which there are 2^29: some of those coincide in about one of 150,000
//! cases. A host that draws a place where a table has a million numbers of the same twelve days hits one with a probability
//! of 2^20 / 2^43, one in eight million. The store writes a record whose generated key is taken with another one, so a
//! collision within a table does no harm; between hosts it shows when the tables are put together.

use std::sync::{Arc, Mutex, PoisonError};

use rand::Rng;

use super::Clock;
use super::key::Key;

const RANDOM_BITS: u32 = 43;
const CLOCK_BITS: u32 = 10;
/// Microseconds of one step, as a power of two.
const CLOCK_STEP: u32 = 40;
/// Numbers at one place at most.
const MOST_AT_A_PLACE: u64 = 16_384;

/// Generates keys. Clones go on with the same place.
#[derive(Clone)]
pub struct KeySource(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    random: Box<dyn Fn() -> u64 + Send + Sync>,
    place: Mutex<Place>,
}

/// Numbers that were drawn and not given yet.
#[derive(Debug, Default)]
struct Place {
    next: u64,
    left: u64,
    /// How many there were.
    size: u64,
}

impl KeySource {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        KeySource::with_random(clock, || rand::rng().next_u64())
    }

    /// With random numbers of one's own, so that a test decides what collides.
    pub fn with_random(clock: Arc<dyn Clock>, random: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        KeySource(Arc::new(Inner { clock, random: Box::new(random), place: Mutex::default() }))
    }

    /// A number from 0 to 2^53 - 1.
    pub fn number(&self) -> Key {
        let mut place = self.0.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.left == 0 {
            place.size = (place.size * 2).clamp(1, MOST_AT_A_PLACE);
            place.left = place.size;
            let step = (self.0.clock.now().0 >> CLOCK_STEP) & ((1 << CLOCK_BITS) - 1);
            let random = (self.0.random)() & ((1 << RANDOM_BITS) - 1) & !(place.size - 1);
            place.next = step << RANDOM_BITS | random;
        }
        let number = place.next;
        place.next += 1;
        place.left -= 1;
        Key::Number(number as f64)
    }

    /// A random UUID, for a key that is declared a string.
    pub fn uuid(&self) -> Key {
        let bits = u128::from((self.0.random)()) << 64 | u128::from((self.0.random)());
        let uuid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        Key::String(uuid.hyphenated().to_string().into())
    }

    /// Another key of the same kind.
    pub fn instead_of(&self, key: &Key) -> Key {
        match key {
            Key::Number(_) => self.number(),
            Key::String(_) => self.uuid(),
        }
    }
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySource")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::records::Timestamp;

    struct At(u64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp(self.0)
        }
    }

    fn number(source: &KeySource) -> u64 {
        match source.number() {
            Key::Number(number) => number as u64,
            Key::String(_) => panic!("a number"),
        }
    }

    #[test]
    fn numbers_fit_a_double_and_are_whole_in_json() {
        // The least, some of this century, and the greatest that a clock can tell.
        for now in [0, 1_795_478_945_747_000, 4_000_000_000_000_000, u64::MAX] {
            for bits in [0, u64::MAX] {
                let source = KeySource::with_random(Arc::new(At(now)), move || bits);
                for _ in 0..40_000 {
                    let key = source.number();
                    let json = key.to_json().to_string();
                    assert!(json.bytes().all(|byte| byte.is_ascii_digit()), "{json}");
                    assert!(json.parse::<u64>().unwrap() < 1 << 53);
                }
            }
        }
    }

    #[test]
    fn numbers_do_not_repeat_and_lie_together() {
        let source = KeySource::new(Arc::new(At(1_795_478_945_747_000)));
        let numbers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..25_000).map(|_| number(&source)).collect::<Vec<_>>())).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let known: HashSet<_> = numbers.iter().copied().collect();
        assert_eq!(known.len(), numbers.len());
        let places = known.iter().filter(|number| !known.contains(&number.wrapping_sub(1))).count();
        assert!(places <= 30, "{places}");
    }

    #[test]
    fn sources_share_nothing_but_the_time() {
        let numbers: HashSet<_> = (0..1_000).map(|_| number(&KeySource::new(Arc::new(At(1 << CLOCK_STEP))))).collect();
        assert_eq!(numbers.len(), 1_000);
        assert!(numbers.iter().all(|number| number >> RANDOM_BITS == 1));
    }

    #[test]
    fn places_double_and_begin_at_multiples_of_their_size() {
        let draws = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&draws);
        let source = KeySource::with_random(Arc::new(At(0)), move || {
            counted.fetch_add(1, Ordering::Relaxed);
            u64::MAX
        });
        let last = 1 << RANDOM_BITS;
        assert_eq!([number(&source), number(&source), number(&source)], [last - 1, last - 2, last - 1]);
        for _ in 3..32_767 {
            number(&source);
        }
        assert_eq!(draws.load(Ordering::Relaxed), 15);
        assert_eq!([number(&source), number(&source)], [last - 16_384, last - 16_383]);
    }

    #[test]
    fn uuids_are_random_ones() {
        let source = KeySource::new(Arc::new(At(0)));
        let Key::String(text) = source.uuid() else { panic!("a string") };
        assert_eq!(uuid::Uuid::parse_str(&text).unwrap().get_version_num(), 4);
        assert_ne!(source.uuid(), source.instead_of(&source.uuid()));
    }
}
