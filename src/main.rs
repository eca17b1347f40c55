//! The command `jisr`.

use std::process::ExitCode;

fn main() -> ExitCode {
    jisr::console::main()
}
