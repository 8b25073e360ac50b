//! Compares the public items of the published crates with the lists in the repository, so that a change of the public API
//! is seen in its review. With `--accept`, writes the lists.

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Each published crate, and the file with its items.
const CRATES: [(&str, &str); 2] = [
    ("tower-clerk", "tests/public-api.txt"),
    ("fake-clerk", "crates/fake-clerk/tests/public-api.txt"),
];

/// The compiler whose format `public-api` reads. If another one is the default, rustup installs it.
const TOOLCHAIN: &str = "1.95.0";

const ACCEPT: &str = "cargo run --manifest-path .ci/public-api/Cargo.toml -- --accept";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let accepts = env::args().nth(1).as_deref() == Some("--accept");
    let mut is_same = true;
    for (name, list) in CRATES {
        let items = items(&root, name)?;
        let list = root.join(list);
        if accepts {
            fs::write(&list, items)?;
        } else {
            is_same &= compare(name, &fs::read_to_string(&list)?, &items);
        }
    }
    if is_same {
        return Ok(ExitCode::SUCCESS);
    }
    println!("if this is intended: {ACCEPT}");
    Ok(ExitCode::FAILURE)
}

/// Returns the public items of a crate with all features, one a line.
fn items(root: &Path, name: &str) -> Result<String, Box<dyn Error>> {
    // Only nightly compilers write the documentation as JSON. Stable ones do with `RUSTC_BOOTSTRAP`.
    let mut rustdoc = Command::new("cargo");
    if !is_default(TOOLCHAIN)? {
        rustdoc.env("RUSTUP_TOOLCHAIN", TOOLCHAIN);
    }
    let status = rustdoc
        .args(["rustdoc", "--quiet", "--lib", "--all-features", "--package", name])
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(root)
        .status()?;
    if !status.success() {
        return Err("the documentation cannot be made".into());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let json = target.join(format!("doc/{}.json", name.replace('-', "_")));
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}

/// Returns true if the default compiler has this version.
fn is_default(version: &str) -> Result<bool, Box<dyn Error>> {
    let output = Command::new("rustc").arg("--version").output()?;
    let found = String::from_utf8(output.stdout)?;
    Ok(found.split(' ').nth(1) == Some(version))
}

/// Prints the lines that differ. Returns true if there are none.
fn compare(name: &str, listed: &str, found: &str) -> bool {
    let [listed, found] = [listed, found].map(|text| text.lines().collect::<BTreeSet<_>>());
    for line in listed.difference(&found) {
        println!("{name}: -{line}");
    }
    for line in found.difference(&listed) {
        println!("{name}: +{line}");
    }
    listed == found
}
