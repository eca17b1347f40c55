//! What the fuzzers found worth keeping, through the very functions that they call.

#[path = "../../fuzz/src/lib.rs"]
mod properties;

use std::path::Path;

#[test]
fn what_was_found_once_holds() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut size = 0;
    for (name, check) in properties::ALL {
        let mut files: Vec<_> = std::fs::read_dir(seeds.join(name))
            .unwrap_or_else(|error| panic!("fuzz/seeds/{name}: {error}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(files.len() >= 10, "{name} has {} seeds", files.len());
        for file in files {
            let octets = std::fs::read(&file).unwrap();
            size += octets.len();
            let shown = file.display().to_string();
            let held = std::panic::catch_unwind(|| check(&octets));
            assert!(held.is_ok(), "{shown}");
        }
    }
    assert!(size <= 200 * 1024, "{size} octets of seeds");
}
