//! A Clerk to develop against, without an account: the program of the crate `fake-clerk`.
//!
//! ```sh
//! cargo run --example fake_clerk -- --help
//! ```

use std::process::ExitCode;

fn main() -> ExitCode {
    tower_clerk::fake_clerk::cli::main()
}
