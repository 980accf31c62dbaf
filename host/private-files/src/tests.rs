use std::collections::BTreeSet;
use std::fs;
use std::sync::Barrier;

use super::*;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_mode_with_access_for_others_is_repaired_and_a_stricter_one_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    open_directory(&data).unwrap();
    assert_eq!(mode(&data), 0o700);
    for (found, after) in [(0o755, 0o700), (0o770, 0o700), (0o2750, 0o700), (0o500, 0o500)] {
        set_mode(&data, found);
        open_directory(&data).unwrap();
        assert_eq!(mode(&data), after, "{found:o}");
    }
    set_mode(&data, 0o755);
    create_directory(&data).unwrap();
    assert_eq!(mode(&data), 0o755, "a directory that may be shared is left as it is");
    set_mode(&data, 0o700);
    let path = data.join("key");
    keep_private(&path).unwrap();
    let key = open_key(&path, 32, 32..=32).unwrap();
    assert_eq!(mode(&path), 0o600);
    for (found, after) in [(0o644, 0o600), (0o660, 0o600), (0o400, 0o400)] {
        set_mode(&path, found);
        keep_private(&path).unwrap();
        assert_eq!(mode(&path), after, "{found:o}");
        set_mode(&path, found);
        assert_eq!(open_key(&path, 32, 32..=32).unwrap(), key);
        assert_eq!(mode(&path), after, "{found:o}");
    }
    set_mode(&path, 0o644);
    replace(&path, &[b"new"]).unwrap();
    assert_eq!(mode(&path), 0o600, "a file that is replaced does not keep the mode of the old one");
}

#[test]
fn concurrent_creators_return_the_same_key() {
    const CREATORS: usize = 8;
    for _ in 0..50 {
        let home = tempfile::tempdir().unwrap();
        let (path, start) = (home.path().join("key"), Barrier::new(CREATORS));
        let keys: BTreeSet<Vec<u8>> = std::thread::scope(|scope| {
            let create = || {
                start.wait();
                open_key(&path, 32, 32..=32).unwrap()
            };
            let threads: Vec<_> = (0..CREATORS).map(|_| scope.spawn(create)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
        assert_eq!(keys.first(), Some(&fs::read(&path).unwrap()));
        assert_eq!(names(home.path()), ["key"], "nothing temporary stays");
    }
}

#[test]
fn a_creator_does_not_change_an_existing_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    fs::write(&path, "first").unwrap();
    let error = create(&path, &[b"second"], Existing::Keep, &mut File::sync_all).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(names(home.path()), ["key"]);
}

#[test]
fn a_key_of_the_wrong_length_is_rejected_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    for (bytes, expected) in [(0, 32..=32), (31, 32..=32), (33, 32..=32), (31, 32..=64), (65, 32..=64), (9000, 32..=64)]
    {
        fs::write(&path, vec![b'k'; bytes]).unwrap();
        let error = open_key(&path, 32, expected.clone()).unwrap_err();
        assert!(matches!(error, KeyFileError::Length { found, .. } if found == bytes as u64), "{error}");
        let told = error.to_string();
        assert!(told.contains(&format!("{bytes} bytes")) && told.contains("remove it"), "{told}");
        assert!(told.contains(&path.display().to_string()) && !told.contains("kkk"), "{told}");
        assert_eq!(fs::read(&path).unwrap().len(), bytes);
    }
    fs::write(&path, [7; 48]).unwrap();
    assert_eq!(open_key(&path, 32, 32..=64).unwrap(), [7; 48]);
}

#[test]
fn only_regular_files_are_accepted_and_none_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for path in [home.path(), &pipe, Path::new("/dev/zero")] {
        assert!(matches!(open_key(path, 32, 32..=32), Err(KeyFileError::NotAFile { .. })), "{}", path.display());
    }
}

#[test]
fn the_file_is_synced_before_it_is_renamed_and_the_directory_afterwards() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    for existing in [Existing::Keep, Existing::Replace] {
        let _ = fs::remove_file(&path);
        let mut synced = Vec::new();
        let mut record = |file: &File| {
            let is_directory = file.metadata()?.is_dir();
            synced.push((is_directory, file.metadata()?.len(), path.exists()));
            file.sync_all()
        };
        create(&path, &[b"whole ", b"content"], existing, &mut record).unwrap();
        let [file, directory] = synced[..] else { panic!("{synced:?}") };
        assert_eq!(file, (false, 13, false), "whole, and not yet under its name");
        assert!(directory.0 && directory.2, "{directory:?}");
        assert_eq!(fs::read(&path).unwrap(), b"whole content");
    }
}

#[test]
fn a_file_that_cannot_be_synced_never_appears() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    let mut full = |_: &File| Err(ErrorKind::StorageFull.into());
    assert!(create(&path, &[b"lost"], Existing::Keep, &mut full).is_err());
    assert!(names(home.path()).is_empty());
    replace(&path, &[b"old"]).unwrap();
    assert!(create(&path, &[b"lost"], Existing::Replace, &mut full).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(home.path()), ["key"]);
}
