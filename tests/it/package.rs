//! The published package: its pages and their links.

use std::path::Path;

use crate::docs::source;

#[test]
fn no_link_of_the_package_can_break() {
    // fault H13
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: toml::Table = source("Cargo.toml").parse().unwrap();
    let included = manifest["package"]["include"].as_array().unwrap();
    let included: Vec<_> = included.iter().map(|it| it.as_str().unwrap()).collect();
    let is_in_package = |path: &Path| {
        let path = path.strip_prefix(root).unwrap();
        // Cargo leaves out folders that are packages themselves.
        let mut folders = path.ancestors().skip(1).filter(|it| *it != Path::new(""));
        let is_other_package = folders.any(|folder| root.join(folder).join("Cargo.toml").exists());
        let path = format!("/{}", path.display());
        let matches = |pattern: &&str| match pattern.split_once('*') {
            Some((start, end)) => path.starts_with(start) && path.ends_with(end),
            None => path == *pattern || path.starts_with(&format!("{pattern}/")),
        };
        !is_other_package && included.iter().any(matches)
    };
    let mut links = 0;
    for page in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "benches/README.md",
        "benches/comparison/results.md",
    ] {
        assert!(is_in_package(&root.join(page)), "{page}");
        let text = source(page);
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        let relative = targets.filter(|it| !it.starts_with("https://") && !it.starts_with('#'));
        for target in relative {
            // A registry shows this page, and resolves its links against an address of its own.
            assert_ne!(page, "README.md", "{target}");
            let file = root
                .join(page)
                .with_file_name(target.split('#').next().unwrap());
            assert!(file.is_file() && is_in_package(&file), "{page}: {target}");
            links += 1;
        }
    }
    assert!(links > 5, "{links}");
    // The check finds what is missing.
    assert!(!is_in_package(&root.join("crates/fake-clerk/README.md")));
    assert!(!is_in_package(&root.join("examples/frameworks/src/lib.rs")));
    assert!(!is_in_package(&root.join("fuzz/Cargo.toml")));
}
