//! The Frontend API: the instance, its proxy, and the addresses that its metadata may name.

use crate::{
    ClerkConfigBuilder,
    checks::{Flaw, Problems, may_be_secret, origin::discovery_origin},
    clerk::instance::Instance,
};

impl ClerkConfigBuilder {
    /// Checks the URL of the proxy. `None` without one.
    pub(super) fn check_proxy(
        &self,
        instance: Option<&Instance>,
        problems: &mut Problems,
    ) -> Option<Instance> {
        if self.proxy_url.is_empty() {
            return None;
        }
        if instance.is_some_and(Instance::has_path) {
            let flaw = Flaw::hidden(
                "the instance is the URL of a proxy already: give its host or publishable key beside `proxy_url`, or \
                 leave `proxy_url` out",
            );
            problems.add("proxy_url", flaw);
        }
        problems.check("proxy_url", self.parse_proxy())
    }

    fn parse_proxy(&self) -> Result<Instance, Flaw> {
        let value = &self.proxy_url;
        // Clerk's libraries for browsers also take a path, which they resolve with the address of the page.
        const WHOLE: &str =
            "give the whole URL of the proxy, such as https://app.example.com/__clerk";
        if !value.contains("://") {
            return Err(match may_be_secret(value) {
                true => Flaw::hidden(WHOLE),
                false => Flaw::invalid(value, WHOLE),
            });
        }
        Instance::parse(value, self.danger_allow_http)
    }

    /// Returns the base URLs that discovered addresses may have, in ASCII and without a slash at the end: the issuers,
    /// and the configured origins. `None` without discovery.
    pub(super) fn check_discovery<'a>(
        &self,
        issuers: impl Iterator<Item = &'a str>,
        problems: &mut Problems,
    ) -> Option<Vec<String>> {
        let origins = self.discover.as_ref()?;
        let mut bases: Vec<_> = issuers.map(ToOwned::to_owned).collect();
        for origin in origins {
            let origin = discovery_origin(origin, self.danger_allow_http);
            bases.extend(problems.check("discover", origin));
        }
        Some(bases)
    }
}
