//! What the documents say is so.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const README: &str = include_str!("../../README.md");
const MANIFEST: &str = include_str!("../../Cargo.toml");
const MIGRATION: &str = include_str!("../../src/guide/migration.md");
const OBSERVATION: &str = include_str!("../../src/guide/observation.md");
const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");
const OPTIONS: &str = include_str!("../../src/guide/options.md");
const QUICK_START: &str = include_str!("../../src/guide/quick_start.md");
const REPLICAS: &str = include_str!("../../src/guide/replicas.md");
const SECURITY: &str = include_str!("../../src/guide/security.md");
const TESTING: &str = include_str!("../../src/guide/testing.md");
const TOKENS: &str = include_str!("../../src/guide/tokens.md");
const TROUBLESHOOTING: &str = include_str!("../../src/guide/troubleshooting.md");
const WEBHOOKS: &str = include_str!("../../src/guide/webhooks.md");
const WITHOUT_MIDDLEWARE: &str = include_str!("../../src/guide/without_middleware.md");
const GUIDE: [(&str, &str); 11] = [
    ("migration", MIGRATION),
    ("observation", OBSERVATION),
    ("options", OPTIONS),
    ("quick_start", QUICK_START),
    ("replicas", REPLICAS),
    ("security", SECURITY),
    ("testing", TESTING),
    ("tokens", TOKENS),
    ("troubleshooting", TROUBLESHOOTING),
    ("webhooks", WEBHOOKS),
    ("without_middleware", WITHOUT_MIDDLEWARE),
];

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
fn the_guide_shows_the_version_of_the_manifest() {
    let shown = format!("tower-clerk = {{ version = \"{}\"", manifest("version"));
    assert!(TESTING.contains(&shown), "{shown}");
}

#[test]
fn the_readme_names_the_minimum_of_the_manifest() {
    let shown = format!("\n{}. Raising it", manifest("rust-version"));
    assert!(README.contains(&shown), "{shown}");
}

#[test]
fn the_readme_is_short() {
    let (lines, words) = (README.lines().count(), README.split_whitespace().count());
    assert!(lines <= 130 && words <= 800, "{lines} lines, {words} words");
}

#[test]
fn the_map_names_every_source_file() {
    let mut found = 0;
    for path in files("src") {
        let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
        let name = path.strip_prefix("src").unwrap().to_str().unwrap();
        if name.split(['/', '.']).any(|part| part == "tests") || name == "lib.rs" {
            continue;
        }
        found += 1;
        let folder = name.split('/').next().unwrap();
        let file = path.file_stem().unwrap().to_str().unwrap();
        let row = ARCHITECTURE
            .lines()
            .find(|line| line.contains(&format!("| `{}` |", folder.trim_end_matches(".rs"))))
            .unwrap_or_else(|| panic!("no row for {folder}"));
        let is_named = row.contains(&format!("`{file}`")) || file == "mod";
        assert!(is_named, "{name} is not in its row");
    }
    assert!(found > 80, "only {found} files were found");
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
fn the_readme_lists_every_example() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let examples: Vec<_> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    assert!(examples.len() > 4, "{examples:?}");
    for example in examples {
        // A file, or a folder with its `main.rs`.
        let path = example.path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(README.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_guide_has_every_option() {
    let mut options = 0;
    for file in [
        "config/builder/setters.rs",
        "config/resource.rs",
        "fleet/options.rs",
        "kinds/api_key.rs",
        "kinds/machine.rs",
        "kinds/oauth.rs",
        "kinds/session.rs",
    ] {
        let source = source(&format!("src/{file}"));
        for line in source.lines() {
            let Some(name) = line
                .strip_prefix("    pub fn ")
                .and_then(|line| line.split(['(', '<']).next())
            else {
                continue;
            };
            if name == "new" {
                continue;
            }
            options += 1;
            let has = |text: &str| {
                text.contains(&format!("`{name}`")) || text.contains(&format!("::{name}`"))
            };
            assert!(has(OPTIONS), "guide: {name}");
        }
    }
    assert!(options > 35, "only {options} were found");
}

#[test]
fn the_guide_has_every_variable() {
    let source = source("src/config/env/names.rs");
    let (known, _) = source.split_once("const SDKS").unwrap();
    let names: BTreeSet<_> = known
        .split(|char: char| !char.is_ascii_uppercase() && char != '_')
        .filter(|word| word.len() > "CLERK_".len() && word.starts_with("CLERK_"))
        .collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        assert!(OPTIONS.contains(name), "guide: {name}");
    }
}

#[test]
fn the_guide_explains_every_log_line() {
    let mut found = 0;
    for path in files("src") {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = path.to_str().unwrap();
        if path.contains("tests") {
            continue;
        }
        for message in log_messages(&text) {
            found += 1;
            let block = format!("```text\n{message}\n```");
            assert!(TROUBLESHOOTING.contains(&block), "{path}: {message}");
        }
    }
    assert!(found > 10, "only {found} were found");
}

#[test]
fn log_messages_are_found_in_source() {
    struct Case {
        name: &'static str,
        source: &'static str,
        expected: &'static [&'static str],
    }
    for Case {
        name,
        source,
        expected,
    } in [
        Case {
            name: "with fields",
            source: r#"tracing::warn!(a.b = "word", c = f(1), "it is late");"#,
            expected: &["it is late"],
        },
        Case {
            name: "over two lines, with a parenthesis and a quote",
            source: "tracing::error!(\n \"add `.x(\\\"y\\\")` \\\n     here\"\n), \"not this\"",
            expected: &["add `.x(\"y\")` here"],
        },
        Case {
            name: "two calls, and another macro",
            source: r#"tracing::info!("is one"); panic!("is none"); tracing::debug!("is two")"#,
            expected: &["is one", "is two"],
        },
    ] {
        assert_eq!(log_messages(source), expected, "{name}");
    }
}

#[test]
fn the_guide_explains_every_kind_of_error() {
    // fault F1
    let source = source("src/error/kind.rs");
    let mut kinds = 0;
    for arm in source.split("Self::").skip(1) {
        let Some((kind, row)) = arm.split_once(" => Row {") else {
            continue;
        };
        let (_, words) = row.split_once("text: \"").expect("a kind has a text");
        let words = words.split('"').next().unwrap();
        kinds += 1;
        let section = format!("\n## {kind}\n\n*{words}.*");
        assert!(TROUBLESHOOTING.contains(&section), "{section}");
        let heading = format!("\n## {kind}\n");
        assert_eq!(TROUBLESHOOTING.matches(&heading).count(), 1, "{kind}");
    }
    assert!(kinds > 20, "only {kinds} were found");
}

#[test]
fn the_guide_lists_every_endpoint() {
    // fault F3
    let source = source("src/observe/labels.rs");
    let names = source
        .split("fn as_str(self)")
        .find(|function| function.contains("Self::Introspection =>"))
        .unwrap();
    let (names, _) = names.split_once("\n    }\n}").unwrap();
    let row = OBSERVATION
        .lines()
        .find(|line| line.starts_with("| `upstream.endpoint` |"))
        .expect("the guide has the field");
    let names: Vec<_> = names.split('"').skip(1).step_by(2).collect();
    assert_eq!(names.len(), 10, "{names:?}");
    for name in names {
        assert!(row.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn links_of_the_guide_lead_to_headings() {
    let mut links = 0;
    for (page, text) in GUIDE {
        for link in text.split("](").skip(1) {
            let Some((target, anchor)) =
                link.split(')').next().and_then(|link| link.split_once('#'))
            else {
                continue;
            };
            let target = match target.strip_prefix("crate::guide::") {
                Some(target) => target,
                None if target.is_empty() => page,
                None => continue,
            };
            let (_, text) = GUIDE
                .iter()
                .find(|(name, _)| *name == target)
                .unwrap_or_else(|| panic!("{page}: {target}"));
            links += 1;
            let leads = text
                .lines()
                .filter(|line| line.starts_with('#'))
                .any(|line| anchor_of(line) == anchor);
            assert!(leads, "{page}: {target}#{anchor}");
        }
    }
    assert!(links > 20, "only {links} were found");
}

/// A merge can join two rows. rustdoc then drops the cells beyond those of the heading.
#[test]
fn rows_of_a_table_have_the_cells_of_its_heading() {
    let mut rows = 0;
    for (page, text) in GUIDE {
        let mut heading = None;
        for line in text.lines() {
            let line = line.trim();
            if !line.starts_with('|') {
                heading = None;
                continue;
            }
            rows += 1;
            let cells = line.matches('|').count() - line.matches("\\|").count();
            let expected = *heading.get_or_insert(cells);
            assert_eq!(cells, expected, "{page}: {line}");
        }
    }
    assert!(rows > 150, "only {rows} were found");
}

/// The anchor that rustdoc derives from a heading.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim();
    text.chars()
        .filter_map(|char| match char {
            ' ' => Some('-'),
            '-' | '_' => Some(char),
            char => char.is_alphanumeric().then(|| char.to_ascii_lowercase()),
        })
        .collect()
}

#[test]
fn every_test_can_fail_and_none_is_ignored() {
    // What is not run proves nothing.
    for path in files("tests") {
        let text = fs::read_to_string(&path).unwrap();
        let ignored = concat!("#[", "ignore");
        assert!(!text.contains(ignored), "{}", path.display());
    }
}

/// The Rust files in a folder of the package and those below it.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The messages of calls of `tracing`'s macros: what is a string with a space in it.
fn log_messages(source: &str) -> Vec<String> {
    let levels = ["debug!(", "info!(", "warn!(", "error!("];
    let is_call = |text: &&str| levels.iter().any(|level| text.starts_with(level));
    let calls = source.split("tracing::").skip(1).filter(is_call);
    calls.flat_map(strings_of_call).collect()
}

fn strings_of_call(call: &str) -> Vec<String> {
    let (mut depth, mut strings) = (0, Vec::new());
    let mut chars = call.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            '"' => {
                let mut string = String::new();
                while let Some(char) = chars.next_if(|&char| char != '"') {
                    match char {
                        '\\' if chars.next_if_eq(&'\n').is_some() => {
                            while chars.next_if(|char| char.is_whitespace()).is_some() {}
                        }
                        '\\' => string.extend(chars.next()),
                        _ => string.push(char),
                    }
                }
                chars.next();
                strings.push(string);
            }
            _ => {}
        }
        if depth == 0 && char == ')' {
            break;
        }
    }
    strings.retain(|string| string.contains(' '));
    strings
}

pub fn source(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
