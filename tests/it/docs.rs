//! What the documents say is so.

const README: &str = include_str!("../../README.md");
const MANIFEST: &str = include_str!("../../Cargo.toml");

/// The value of a key in the manifest's first table that has it.
fn manifest(key: &str) -> &str {
    let line = MANIFEST
        .lines()
        .find(|line| line.starts_with(&format!("{key} = ")))
        .expect("the manifest has it");
    line.split('"').nth(1).expect("it is a string")
}

#[test]
fn the_readme_shows_the_version_of_the_manifest() {
    let shown = format!("tower-clerk = {{ version = \"{}\"", manifest("version"));
    assert!(README.contains(&shown), "{shown}");
}

#[test]
fn the_readme_names_the_minimum_of_the_manifest() {
    let shown = format!("The minimum is {},", manifest("rust-version"));
    assert!(README.contains(&shown), "{shown}");
}

#[test]
fn the_readme_lists_every_feature() {
    let features = MANIFEST.split("[features]").nth(1).unwrap();
    let features = features.split("\n[").next().unwrap();
    for line in features.lines() {
        let Some((name, _)) = line.split_once(" = ") else {
            continue;
        };
        if name != "default" {
            assert!(README.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}

#[test]
fn every_test_can_fail_and_none_is_ignored() {
    // What is not run proves nothing.
    let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let ignored = concat!("#[", "ignore");
                assert!(!text.contains(ignored), "{}", path.display());
            }
        }
    }
}
