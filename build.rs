//! Tells the build that the embedded migrations come from a folder, where a new file is a change,
//! and lists the built-in shapes, so that one more is a file and nothing else.

use std::fmt::Write as _;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=src/operator/shapes");
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("src/operator/shapes");
    let mut files = std::fs::read_dir(&folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| file.extension().is_some_and(|kind| kind == "yaml"));
    files.sort();
    let mut list = String::from("static BUILT_IN: &[(&str, &str)] = &[\n");
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        writeln!(list, "    ({name:?}, include_str!({file:?})),")?;
    }
    list.push_str("];\n");
    let out = Path::new(&std::env::var("OUT_DIR")?).join("shapes.rs");
    std::fs::write(out, list)?;
    Ok(())
}
