//! A fake Clerk for programs in any language; see `fake-clerk --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    fake_clerk::cli::main()
}
