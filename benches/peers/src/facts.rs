//! What the figures were made with.

use std::{fs, thread};

const LOCKFILE: &str = include_str!("../Cargo.lock");

/// The version that the lockfile names for a package; of several, the newest.
#[must_use]
pub fn version(package: &str) -> String {
    let name = format!("name = \"{package}\"");
    let versions = LOCKFILE.split("[[package]]").filter_map(|entry| {
        let mut lines = entry.trim().lines();
        let version = (lines.next()? == name).then(|| lines.next())??;
        version.strip_prefix("version = \"")?.strip_suffix('"')
    });
    versions.last().unwrap_or("?").to_owned()
}

/// The compiler, by its own words.
pub const RUSTC: &str = env!("RUSTC_VERSION");

/// The kind of the machine, not its name.
#[must_use]
pub fn machine() -> String {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let is_virtual = info
        .lines()
        .any(|line| line.starts_with("flags") && line.split(' ').any(|flag| flag == "hypervisor"));
    if is_virtual {
        format!("{cpus} shared vCPUs of a virtual machine")
    } else {
        format!("{cpus} CPUs")
    }
}
