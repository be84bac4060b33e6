//! Damaged, foreign and newer files.

use std::path::PathBuf;

use redb::Database;

use super::{busy, sight};
use crate::domain::standing::Stand;
use crate::store::conformance::EPOCH;
use crate::store::embedded::{Embedded, OpenError};
use crate::store::survey::Survey;

/// A directory with a busy store's file, closed in good order.
async fn written() -> (tempfile::TempDir, PathBuf, Vec<u8>, (Survey, Vec<Stand>)) {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), EPOCH).unwrap();
    busy(&store).await;
    let seen = sight(&store).await;
    drop(store);
    let file = folder.path().join("anteroom.redb");
    let bytes = std::fs::read(&file).unwrap();
    (folder, file, bytes, seen)
}

#[tokio::test]
async fn empty_foreign_and_cut_files_are_refused_with_what_to_do() {
    let (folder, file, whole, _) = written().await;
    let cuts = [0, 1, 64, 512, 4_096, 10_000, whole.len() / 2];
    let cut_files = cuts.map(|length| whole[..length].to_vec());
    let foreign = [b"once upon a time".to_vec(), vec![0; 1 << 16]];
    for bytes in cut_files.into_iter().chain(foreign) {
        std::fs::write(&file, &bytes).unwrap();

        let fault = Embedded::open(folder.path(), EPOCH).unwrap_err();

        let text = fault.to_string();
        assert!(matches!(fault, OpenError::Damaged { .. }), "{text}");
        assert!(text.contains("anteroom.redb") && text.contains("Restore it from a backup"));
        assert_eq!(
            std::fs::read(&file).unwrap(),
            bytes,
            "the evidence is left alone"
        );
    }
}

#[tokio::test]
async fn a_flipped_bit_is_found_or_harmless() {
    let (folder, file, whole, seen) = written().await;
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let flags = (0..8).map(|bit| (9, bit));
    let header = (0..320).map(|at| (at, at % 8)).chain(flags);
    let spread = used
        .iter()
        .step_by(used.len() / 150)
        .map(|at| (*at, at % 8));
    let mut refused = 0;
    for (at, bit) in header.chain(spread) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << bit;
        std::fs::write(&file, &bytes).unwrap();

        let mut opened = Embedded::open(folder.path(), EPOCH);
        // A process that another test starts holds the lock of the last round until it runs.
        while matches!(opened, Err(OpenError::InUse { .. })) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            opened = Embedded::open(folder.path(), EPOCH);
        }
        match opened {
            Ok(store) => assert_eq!(sight(&store).await, seen, "byte {at}, bit {bit}"),
            Err(OpenError::Damaged { .. } | OpenError::Foreign { .. }) => refused += 1,
            Err(other) => panic!("byte {at}, bit {bit}: {other}"),
        }
    }
    assert!(refused > 20, "{refused} refused");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_by_name() {
    let (folder, file, ..) = written().await;
    let database = Database::open(&file).unwrap();
    let write = database.begin_write().unwrap();
    let about: redb::TableDefinition<&str, &str> = redb::TableDefinition::new("about");
    write
        .open_table(about)
        .unwrap()
        .insert("format", "anteroom 3")
        .unwrap();
    write.commit().unwrap();
    drop(database);

    let fault = Embedded::open(folder.path(), EPOCH).unwrap_err();

    assert!(matches!(fault, OpenError::Foreign { .. }));
    assert!(
        fault
            .to_string()
            .contains("another version of Anteroom (anteroom 3)")
    );
}
