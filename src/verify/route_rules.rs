//! The part of the configuration that rules and claims behind the layer need.

use std::sync::Arc;

use super::Rules;
use crate::{claims::RouteRules, clock::Clock};

/// The rules of a configuration, and its clock.
pub(crate) struct ConfiguredRules {
    pub(crate) rules: Arc<Rules>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log_token_ids: bool,
}

impl RouteRules for ConfiguredRules {
    fn is_granted(&self, granted: &str, needed: &str) -> bool {
        self.rules.is_granted(granted, needed)
    }

    fn issuer(&self) -> &str {
        &self.rules.issuer
    }

    fn unix_seconds(&self) -> i64 {
        self.clock.now().unix_seconds()
    }

    fn logs_token_ids(&self) -> bool {
        self.log_token_ids
    }
}
