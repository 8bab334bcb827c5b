//! Many short lists as two: their items one behind the other, and where each ends.
//!
//! Knows no items.

/// Lists by number; a list costs four bytes beside its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists<T> {
    items: Vec<T>,
    ends: Vec<u32>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { items: Vec::new(), ends: Vec::new() }
    }
}

impl<T> Lists<T> {
    /// No lists yet, with room for so many.
    pub fn with_capacity(lists: usize) -> Self {
        Self { items: Vec::new(), ends: Vec::with_capacity(lists) }
    }

    /// Adds a list.
    pub fn push(&mut self, items: impl IntoIterator<Item = T>) {
        self.items.extend(items);
        self.ends.push(u32::try_from(self.items.len()).unwrap_or(u32::MAX));
    }

    /// How many lists there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A list; empty where there is none of this number.
    pub fn get(&self, number: usize) -> &[T] {
        let begin = number.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        let end = self.ends.get(number).map_or(begin, |end| *end as usize);
        &self.items[begin..end]
    }

    /// The lists in order.
    pub fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).map(|number| self.get(number))
    }

    /// Gives back room that is not used.
    pub fn shrink(&mut self) {
        self.items.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::Lists;

    #[test]
    fn lists_come_out_as_they_went_in() {
        let mut lists = Lists::with_capacity(2);
        assert!(lists.is_empty());
        let all: [&[u32]; 4] = [&[], &[1, 2], &[], &[3]];
        all.iter().for_each(|list| lists.push(list.iter().copied()));
        assert_eq!((lists.len(), lists.iter().collect::<Vec<_>>()), (4, all.to_vec()));
        assert!(lists.get(4).is_empty());
    }
}
