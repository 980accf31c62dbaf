//! Tests of leaves: encoding round-trips, merging, removal and damage.

use std::collections::BTreeMap;

use super::*;

type Leaves = Vec<(Vec<u8>, Vec<u8>)>;

fn finish(builder: &mut LeafBuilder, fill: Fill) -> Leaves {
    let mut leaves = Vec::new();
    builder
        .finish(fill, |key, value| {
            assert!(value.len() <= MOST_BYTES);
            leaves.push((key.to_vec(), value.to_vec()));
            Ok(())
        })
        .unwrap();
    leaves
}

/// Fills an empty builder.
fn fill<'k>(builder: &mut LeafBuilder, pairs: impl Iterator<Item = (&'k [u8], u64)> + Clone) -> Option<Fill> {
    builder.merge(&Leaf::EMPTY, pairs, 0, |_, _| panic!("an empty leaf has no keys")).unwrap()
}

fn read(leaves: &Leaves) -> Vec<(Vec<u8>, u64)> {
    let mut all = Vec::new();
    for (key, value) in leaves {
        let pairs: Vec<_> = Leaf::decode(value).unwrap().pairs().map(|pair| pair.unwrap()).collect();
        assert_eq!(pairs[0].0, key);
        for (key, number) in &pairs {
            assert_eq!(Leaf::decode(value).unwrap().find(key).unwrap(), Some(*number));
        }
        all.extend(pairs.into_iter().map(|(key, number)| (key.to_vec(), number)));
    }
    all
}

fn keys(seed: u64, count: usize, uniform: bool) -> BTreeMap<Vec<u8>, u64> {
    let mut state = seed;
    (0..count)
        .map(|number| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let mut key = (state >> 40).to_be_bytes().to_vec();
            if !uniform {
                key.truncate(5 + (state >> 33) as usize % 4);
                key.extend_from_slice(&vec![7; (state >> 20) as usize % 60]);
            }
            (key, number as u64)
        })
        .collect()
}

#[test]
fn merging_returns_the_union_and_reports_existing_keys() {
    for (old_uniform, new_uniform) in [(true, true), (true, false), (false, true), (false, false)] {
        for seed in 0..40 {
            let old = keys(seed, 60, old_uniform);
            let mut new = keys(seed + 1000, 300, new_uniform);
            for (key, _) in old.iter().step_by(3) {
                new.insert(key.clone(), 999_999);
            }
            let mut builder = LeafBuilder::default();
            fill(&mut builder, old.iter().map(|(key, number)| (&key[..], *number)));
            let leaves = finish(&mut builder, Fill::Full);
            assert_eq!(leaves.len(), 1);
            let leaf = Leaf::decode(&leaves[0].1).unwrap();
            let mut found = BTreeMap::new();
            let fill = builder
                .merge(&leaf, new.iter().map(|(key, number)| (&key[..], *number)), 0, |index, number| {
                    found.insert(index, number);
                })
                .unwrap()
                .unwrap();
            let mut union = new.clone();
            union.extend(old.clone());
            assert_eq!(read(&finish(&mut builder, fill)), union.into_iter().collect::<Vec<_>>());
            for (index, (key, _)) in new.iter().enumerate() {
                assert_eq!(found.get(&index), old.get(key));
            }
        }
    }
}

#[test]
fn keys_added_at_the_end_fill_leaves_and_others_leave_room() {
    let mut builder = LeafBuilder::default();
    let all: Vec<_> = (0..1000u64).map(|number| (number.to_be_bytes(), number)).collect();
    let split = fill(&mut builder, all.iter().map(|(key, number)| (&key[..], *number)));
    assert!(split == Some(Fill::Full));
    let full = finish(&mut builder, Fill::Full);
    assert_eq!(full.len(), 1000_usize.div_ceil((MOST_BYTES - HEADER_BYTES) / 14));
    let even = finish(&mut builder, Fill::Even);
    let sizes: Vec<_> = even.iter().map(|(_, value)| value.len()).collect();
    assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() < 100, "{sizes:?}");
}

#[test]
fn the_longest_keys_fit() {
    let mut builder = LeafBuilder::default();
    for count in 1..20u8 {
        let all: Vec<_> =
            (0..count).map(|number| (vec![number; if number == 5 { 1978 } else { 1979 }], u64::from(number))).collect();
        fill(&mut builder, all.iter().map(|(key, number)| (&key[..], *number)));
        for fill in [Fill::Full, Fill::Even] {
            assert_eq!(read(&finish(&mut builder, fill)), all);
        }
    }
}

#[test]
fn removing_deletes_the_keys_that_exist() {
    for uniform in [true, false] {
        let old = keys(5, 50, uniform);
        let mut builder = LeafBuilder::default();
        fill(&mut builder, old.iter().map(|(key, number)| (&key[..], *number)));
        let leaves = finish(&mut builder, Fill::Full);
        let leaf = Leaf::decode(&leaves[0].1).unwrap();
        let absent = vec![0xff; 9];
        let gone: Vec<_> = old.keys().step_by(2).chain([&absent]).collect();
        let mut found = 0;
        assert!(builder.remove(&leaf, gone.iter().map(|key| &key[..]), |_, _| found += 1).unwrap());
        assert_eq!(found, gone.len() - 1);
        assert_eq!(read(&finish(&mut builder, Fill::Even)).len(), old.len() - found);
        assert!(!builder.remove(&leaf, [&[0xff; 9][..]].into_iter(), |_, _| panic!()).unwrap());
        assert!(builder.remove(&leaf, old.keys().map(|key| &key[..]), |_, _| {}).unwrap());
        assert!(finish(&mut builder, Fill::Even).is_empty());
    }
}

#[test]
fn damaged_leaves_are_reported_as_errors() {
    let mut builder = LeafBuilder::default();
    for uniform in [true, false] {
        let old = keys(5, 20, uniform);
        fill(&mut builder, old.iter().map(|(key, number)| (&key[..], *number)));
        let value = finish(&mut builder, Fill::Full).remove(0).1;
        for length in 0..value.len() {
            let leaf = Leaf::decode(&value[..length]);
            assert!(leaf.is_err() || leaf.unwrap().pairs().any(|pair| pair.is_err()));
        }
    }
}

#[test]
fn entries_of_deleted_records_are_replaced() {
    for uniform in [true, false] {
        let old = keys(7, 60, uniform);
        let mut builder = LeafBuilder::default();
        fill(&mut builder, old.iter().map(|(key, number)| (&key[..], *number)));
        let leaves = finish(&mut builder, Fill::Full);
        let leaf = Leaf::decode(&leaves[0].1).unwrap();
        let first_live = 20;
        let mut found = 0;
        let fill = builder
            .merge(&leaf, old.keys().map(|key| (&key[..], 1000)), first_live, |index, number| {
                assert!(number >= first_live, "{index}");
                found += 1;
            })
            .unwrap()
            .unwrap();
        let all = read(&finish(&mut builder, fill));
        let expected = old.iter().map(|(key, number)| (key.clone(), if *number < first_live { 1000 } else { *number }));
        assert_eq!(all, expected.collect::<Vec<_>>());
        assert_eq!(found, old.values().filter(|number| **number >= first_live).count());
    }
}

#[test]
fn leaves_that_are_built_pair_by_pair_are_full() {
    for uniform in [true, false] {
        let all = keys(9, 2000, uniform);
        let mut builder = LeafBuilder::default();
        let mut leaves = Leaves::new();
        let mut push = |key: &[u8], value: &[u8]| {
            leaves.push((key.to_vec(), value.to_vec()));
            Ok(())
        };
        for (key, number) in &all {
            if !builder.has_room(key) {
                builder.emit(&mut push).unwrap();
            }
            builder.add(key, *number);
        }
        builder.emit(&mut push).unwrap();
        assert!(builder.is_empty());
        assert_eq!(read(&leaves), all.into_iter().collect::<Vec<_>>());
        let longest = 8 + 60 + 2 + NUMBER_BYTES;
        for (_, value) in leaves.iter().rev().skip(1) {
            assert!((MOST_BYTES - longest..=MOST_BYTES).contains(&value.len()), "{}", value.len());
        }
    }
}
