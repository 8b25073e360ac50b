//! Tells the program which compiler made it.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    let rustc = env::var_os("RUSTC").expect("Cargo names the compiler");
    let output = Command::new(rustc).arg("--version").output();
    let output = output.expect("the compiler says its version").stdout;
    let version = String::from_utf8_lossy(&output);
    let version: Vec<_> = version.split_whitespace().take(2).collect();
    println!("cargo::rustc-env=RUSTC_VERSION={}", version.join(" "));
}
