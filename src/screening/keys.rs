//! From a word to the listed words that may resemble it: one table of hashes.
//!
//! Each listed word stands in the table by its text, its sound and its bones, whole and with each one letter left
//! out. A word of a query is looked up the same way, so that one letter more, less or other, or two exchanged, still
//! meet. Everything found is compared; the table only makes sure that little is.

use smallvec::SmallVec;

use super::word::Forms;

/// Forms shorter than this are looked up whole only.
const SHORTEST_CUT: usize = 3;

/// Which form a key is of.
#[derive(Clone, Copy)]
pub(super) enum Salt {
    Text = 1,
    Sound = 2,
    Bones = 3,
}

/// Hashes with the words that have them, in buckets by the top bits of the hash.
#[derive(Debug, Default)]
pub(super) struct Keys {
    shift: u32,
    /// First row of each bucket, and the end.
    buckets: Vec<u32>,
    /// Hash and word.
    rows: Vec<(u32, u32)>,
}

/// FNV-1a with a finish that moves all bits to the top, where buckets look.
pub(super) fn hash(salt: Salt, bytes: impl Iterator<Item = u8>) -> u32 {
    let mut hash = 0x811c_9dc5_u32 ^ (salt as u32).wrapping_mul(0x9e37_79b9);
    for byte in bytes {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash ^= hash >> 15;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^ (hash >> 13)
}

/// Calls with the key of the whole form, and of the form less each letter.
pub(super) fn each_key(salt: Salt, form: &[u8], cut: bool, push: &mut impl FnMut(u32)) {
    push(hash(salt, form.iter().copied()));
    if cut && form.len() >= SHORTEST_CUT {
        for gone in 0..form.len() {
            // Of two equal letters in a row, either gives the same.
            if gone > 0 && form.get(gone) == form.get(gone - 1) {
                continue;
            }
            let kept = form.iter().enumerate().filter(|(at, _)| *at != gone);
            push(hash(salt, kept.map(|(_, byte)| *byte)));
        }
    }
}

/// The keys of a word.
///
/// `bare` is for a word without vowels: only its bones can meet a listed word, and they look for one bone more or less.
pub(super) fn keys(text: &[u8], forms: &Forms, bare: bool, push: &mut impl FnMut(u32)) {
    each_key(Salt::Text, text, !bare, push);
    if !bare {
        each_key(Salt::Sound, &forms.sound, true, push);
    }
    // Two consonants alone meet too many words, unless they are all that is written.
    if bare || forms.bones.len() >= 3 {
        each_key(Salt::Bones, &forms.bones, bare, push);
    }
}

/// The keys of the bones less each one: for listed words, beside [`keys`].
pub(super) fn bone_cuts(forms: &Forms, push: &mut impl FnMut(u32)) {
    let whole = hash(Salt::Bones, forms.bones.iter().copied());
    each_key(Salt::Bones, &forms.bones, true, &mut |key| {
        if key != whole || forms.bones.len() < 3 {
            push(key);
        }
    });
}

impl Keys {
    /// Builds the table from rows of hash and word.
    pub(super) fn build(rows: &[(u32, u32)]) -> Self {
        // About eight rows a bucket, and at most a million buckets.
        let bits = usize::BITS - (rows.len() / 8).leading_zeros();
        let bits = bits.clamp(4, 20);
        let shift = 32 - bits;
        let bucket = |hash: u32| (hash >> shift) as usize;
        let mut buckets = vec![0u32; (1 << bits) + 1];
        for (hash, _) in rows {
            if let Some(count) = buckets.get_mut(bucket(*hash) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut buckets {
            sum += *count;
            *count = sum;
        }
        let mut next = buckets.clone();
        let mut sorted = vec![(0, 0); rows.len()];
        for row in rows {
            if let Some(at) = next.get_mut(bucket(row.0)) {
                if let Some(place) = sorted.get_mut(*at as usize) {
                    *place = *row;
                }
                *at += 1;
            }
        }
        Self { shift, buckets, rows: sorted }
    }

    /// The words that have this key.
    pub(super) fn words(&self, hash: u32) -> impl Iterator<Item = u32> {
        let bucket = hash.checked_shr(self.shift).unwrap_or(0) as usize;
        let from = self.buckets.get(bucket).copied().unwrap_or(0) as usize;
        let until = self.buckets.get(bucket + 1).copied().unwrap_or(0) as usize;
        let rows = self.rows.get(from..until).unwrap_or_default();
        rows.iter().filter(move |row| row.0 == hash).map(|row| row.1)
    }
}

/// The keys of a word, collected.
pub(super) fn keys_of(text: &[u8], forms: &Forms, bare: bool) -> SmallVec<[u32; 64]> {
    let mut found = SmallVec::new();
    keys(text, forms, bare, &mut |key| found.push(key));
    found
}
