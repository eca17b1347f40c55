//! Tells the build that the embedded migrations come from a folder: a new file there is a change.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
