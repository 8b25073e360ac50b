//! Permissions: each that is given is one that the claims name, and that both readings of them give.
//! Lines are the claims `fea`, `o.per` and `o.fpm`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_clerk::fuzzing::permissions;

fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (features, names, masks) = (next(), next(), next());
    let given = permissions(features, names, masks);
    for permission in &given {
        assert!(is_given(features, names, masks, permission), "{permission}");
    }
    let mut distinct: Vec<_> = given.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), given.len());
});

fn is_given(features: &str, names: &str, masks: &str, permission: &str) -> bool {
    let parts: Vec<_> = permission.split(':').collect();
    let ["org", feature, name] = parts[..] else {
        return false;
    };
    let all: Vec<_> = features.split(',').collect();
    let is_organizations = |entry: &&str| {
        ["o:", "ou:", "uo:"]
            .iter()
            .any(|scope| entry.starts_with(scope))
    };
    let organizations: Vec<_> = all.iter().copied().filter(is_organizations).collect();
    let is_it = |entry: &&str| {
        is_organizations(entry) && entry.split_once(':').is_some_and(|(_, it)| it == feature)
    };
    let masks: Vec<_> = masks.split(',').collect();
    let Some(bit) = names.split(',').position(|other| other == name) else {
        return false;
    };
    // Beyond what fits, nothing is said here.
    let has = |mask: &str| {
        mask.parse::<u128>().is_err() || bit > 127 || mask.parse::<u128>().unwrap() >> bit & 1 == 1
    };
    let readings = [organizations, all];
    let mut readings = readings
        .iter()
        .filter(|entries| entries.len() == masks.len())
        .peekable();
    readings.peek().is_some()
        && readings.all(|entries| {
            let at = entries.iter().position(is_it);
            at.is_some_and(|at| has(masks[at]))
        })
}
