//! From names to places in a list that holds them: places alone are kept, not the names a second time.
//!
//! Knows no list: whoever asks says what stands at a place.

use std::fmt;
use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Places by name, five bytes each where a map from owned names would take ten times as much.
#[derive(Clone, Default)]
pub struct PlaceIndex {
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl PlaceIndex {
    /// Indexes a list by the names of its items; of two equal ones the last counts.
    pub fn of<'l, T, N: Hash + Eq + ?Sized + 'l>(list: &'l [T], name: impl Fn(&'l T) -> &'l N) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut places: HashTable<u32> = HashTable::with_capacity(list.len());
        for (place, item) in (0..).zip(list) {
            let own = name(item);
            let is_own = |other: &u32| name(&list[*other as usize]) == own;
            let hash_of = |other: &u32| hasher.hash_one(name(&list[*other as usize]));
            *places.entry(hasher.hash_one(own), is_own, hash_of).or_insert(place).get_mut() = place;
        }
        Self { places, hasher }
    }

    /// The place of a name; `at` is the name that stands at a place.
    pub fn find<'l, N: Hash + Eq + ?Sized + 'l>(&self, name: &N, at: impl Fn(usize) -> &'l N) -> Option<usize> {
        let is_it = |place: &u32| at(*place as usize) == name;
        self.places.find(self.hasher.hash_one(name), is_it).map(|place| *place as usize)
    }
}

impl fmt::Debug for PlaceIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PlaceIndex").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::PlaceIndex;

    #[test]
    fn names_lead_to_their_places() {
        let list: Vec<String> = (0..1000).map(|number| format!("s{}", number % 999)).collect();
        let index = PlaceIndex::of(&list, String::as_str);
        let find = |name: &str| index.find(name, |place| list[place].as_str());
        assert_eq!((find("s1"), find("s998"), find("s0"), find("t")), (Some(1), Some(998), Some(999), None));
        assert_eq!(PlaceIndex::default().find("s1", |_| unreachable!("an empty index looks nothing up")), None);
    }
}
