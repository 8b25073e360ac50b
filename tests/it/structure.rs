//! The structure of the source: no import cycle between top-level modules, and kinds of tokens named in few places.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::docs::files;

type Edges = BTreeMap<String, BTreeMap<String, String>>;

#[test]
fn no_top_level_modules_import_each_other_in_a_cycle() {
    let edges = imports();
    assert!(edges.len() > 12, "modules are found: {edges:?}");
    let found: usize = edges.values().map(BTreeMap::len).sum();
    assert!(found > 40, "imports are found: {found}");
    let cycles: Vec<_> = edges
        .keys()
        .filter(|module| reaches(&edges, module, module))
        .map(|module| {
            let back = edges[module].iter();
            let back = back.filter(|(target, _)| reaches(&edges, target, module));
            format!("{module} -> {:?}", back.collect::<Vec<_>>())
        })
        .collect();
    assert!(cycles.is_empty(), "{}", cycles.join("\n"));
}

#[test]
fn a_kind_of_token_is_named_in_few_files() {
    for kind in ["OAuthTokens", "SessionTokens", "ApiKeys", "MachineTokens"] {
        let naming: Vec<_> = files("src")
            .into_iter()
            .filter(|file| !file.to_str().unwrap().contains("tests"))
            .filter(|file| fs::read_to_string(file).unwrap().contains(kind))
            .collect();
        // The type, its list, and one place for each thing that differs by kind.
        assert!((3..=8).contains(&naming.len()), "{kind}: {naming:#?}");
    }
}

#[test]
fn a_cycle_is_found() {
    let edges = |pairs: &[(&str, &str)]| {
        let mut edges = Edges::new();
        for (from, to) in pairs {
            let targets = edges.entry((*from).to_owned()).or_default();
            targets.insert((*to).to_owned(), String::new());
        }
        edges
    };
    let line = edges(&[("a", "b"), ("b", "c")]);
    assert!(!reaches(&line, "a", "a") && reaches(&line, "a", "c"));
    let circle = edges(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]);
    for (module, expected) in [("a", true), ("b", true), ("c", true), ("d", false)] {
        assert_eq!(reaches(&circle, module, module), expected, "{module}");
    }
}

#[test]
fn paths_of_imports_are_found() {
    let text = "use crate::{AuthError, cache::{self, Entry}, sync::Mutex as Lock};\n\
                // use crate::comment::Thing;\n\
                use super::other;\npub(crate) use crate::reject::Class;\n\
                fn f() { crate::observe::hit(); }";
    let found: BTreeSet<_> = paths(text).into_iter().collect();
    let expected = ["AuthError", "cache", "observe", "reject", "sync"];
    assert_eq!(found, expected.map(str::to_owned).into());
}

/// The top-level modules, the modules that each of them imports, and a file that does so. Tests, the guide, and what
/// is compiled for fuzzing do not count.
fn imports() -> Edges {
    let src = &Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = fs::read_to_string(src.join("lib.rs")).unwrap();
    let modules: BTreeSet<String> = lib
        .lines()
        .filter_map(|line| {
            let line = line.strip_prefix("pub ").unwrap_or(line);
            line.strip_prefix("mod ")?.strip_suffix(';')
        })
        .filter(|name| !["guide", "fuzzing"].contains(name))
        .map(str::to_owned)
        .collect();
    let owners = owners(&lib, &modules);
    let mut edges: Edges = modules
        .iter()
        .map(|it| (it.clone(), BTreeMap::new()))
        .collect();
    for file in files("src") {
        let name = file.strip_prefix(src).unwrap().to_str().unwrap();
        let module = name.split(['/', '.']).next().unwrap();
        if !modules.contains(module) || name.split(['/', '.']).any(|part| part == "tests") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for first in paths(text) {
            let target = if modules.contains(&first) {
                Some(&first)
            } else {
                owners.get(&first)
            };
            if let Some(target) = target.filter(|target| *target != module) {
                let targets = edges.get_mut(module).unwrap();
                targets
                    .entry(target.clone())
                    .or_insert_with(|| name.to_owned());
            }
        }
    }
    edges
}

/// The module of each name that `lib.rs` exports at the root.
fn owners(lib: &str, modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    for statement in statements(lib) {
        for path in expand(&statement, &[]) {
            let path: Vec<_> = path.into_iter().filter(|part| part != "self").collect();
            if let [module, .., name] = path.as_slice()
                && modules.contains(module)
            {
                owners.insert(name.clone(), module.clone());
            }
        }
    }
    owners
}

/// The first part behind `crate::` of all paths in a file.
fn paths(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .fold(String::new(), |code, line| code + line + "\n");
    let imported = statements(&code)
        .into_iter()
        .flat_map(|it| expand(&it, &[]));
    let imported = imported.filter(|path| path.first().is_some_and(|first| first == "crate"));
    let mut found: Vec<String> = imported.filter_map(|path| path.get(1).cloned()).collect();
    found.extend(code.split("crate::").skip(1).filter_map(|rest| {
        let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_')?;
        (end > 0).then(|| rest[..end].to_owned())
    }));
    found
}

/// The trees of all `use` statements.
fn statements(code: &str) -> Vec<String> {
    let uses = code.match_indices("use ").filter(|(at, _)| {
        let before = code[..*at].chars().next_back();
        before.is_none_or(char::is_whitespace)
    });
    uses.filter_map(|(at, _)| Some(code[at + 4..].split_once(';')?.0.to_owned()))
        .collect()
}

/// The paths of a tree: `a::{b, c::{d as e}}` has `a::b` and `a::c::d`.
fn expand(tree: &str, prefix: &[String]) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let (path, group) = match tree.split_once('{') {
        Some((path, group)) => (path, Some(group.trim_end().trim_end_matches('}'))),
        None => (tree.split(" as ").next().unwrap_or_default(), None),
    };
    let parts = path
        .split("::")
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let path: Vec<String> = prefix
        .iter()
        .cloned()
        .chain(parts.map(str::to_owned))
        .collect();
    let Some(group) = group else {
        return vec![path];
    };
    let mut depth = 0_usize;
    let members = group.split(|char| {
        match char {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        char == ',' && depth == 0
    });
    let members = members.filter(|member| !member.trim().is_empty());
    members.flat_map(|member| expand(member, &path)).collect()
}

fn reaches(edges: &Edges, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = targets(edges, from).collect();
    while let Some(module) = next.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            next.extend(targets(edges, module));
        }
    }
    false
}

fn targets<'a>(edges: &'a Edges, from: &str) -> impl Iterator<Item = &'a str> {
    edges
        .get(from)
        .into_iter()
        .flat_map(|it| it.keys().map(String::as_str))
}
