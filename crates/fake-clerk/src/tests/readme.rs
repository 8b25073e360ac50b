//! The README, compared with the program.

use super::*;
use crate::admin;

const README: &str = include_str!("../../README.md");

#[test]
fn the_readme_names_every_endpoint() {
    for endpoint in Endpoint::ALL {
        let path = endpoint.path();
        assert!(README.contains(path), "{path}");
    }
}

#[test]
fn the_readme_shows_the_printed_environment() {
    let clerk = FakeClerk::new();
    let lines = [
        admin::environment(&clerk.state),
        admin::environment_of_kinds(&clerk.state),
    ]
    .join("\n");
    assert_eq!(lines.lines().count(), 8);
    for line in lines.lines() {
        let (name, _) = line.split_once('=').unwrap();
        assert!(README.contains(&format!("export {name}=")), "{name}");
    }
}
