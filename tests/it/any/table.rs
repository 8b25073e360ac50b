//! Kind of token × instance that issued it × state of each instance: the outcome, and the calls that each received.

use tower_clerk::fake_clerk::{Endpoint, Fault};

use super::Pair;
use crate::{
    jwt::{message, parts, with},
    support::World,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    OAuth,
    OAuthJwt,
    Session,
    ApiKey,
    Machine,
    MachineJwt,
}

const KINDS: [Kind; 6] = [
    Kind::OAuth,
    Kind::OAuthJwt,
    Kind::Session,
    Kind::ApiKey,
    Kind::Machine,
    Kind::MachineJwt,
];

impl Kind {
    fn is_jwt(self) -> bool {
        matches!(self, Self::OAuthJwt | Self::Session | Self::MachineJwt)
    }

    fn endpoint(self) -> Endpoint {
        match self {
            Self::OAuth | Self::OAuthJwt => Endpoint::Introspection,
            Self::Session | Self::MachineJwt => Endpoint::Jwks,
            Self::ApiKey => Endpoint::ApiKeyVerification,
            Self::Machine => Endpoint::MachineTokenVerification,
        }
    }

    fn issue(self, world: &World) -> String {
        let clerk = &world.clerk;
        match self {
            Self::OAuth => clerk.token("user_1").issue(),
            Self::OAuthJwt => clerk.token("user_1").jwt().issue(),
            Self::Session => clerk.session("user_1").issue(),
            Self::ApiKey => clerk.api_key("user_1").issue(),
            Self::Machine => clerk.machine_token("mch_1").scopes(["mch_us"]).issue(),
            Self::MachineJwt => {
                let token = clerk.machine_token("mch_1").scopes(["mch_us"]);
                token.jwt().issue()
            }
        }
    }

    /// A token that the instance rejects: unknown, or with the signature of another token.
    fn issue_invalid(self, world: &World) -> String {
        let token = self.issue(world);
        match self {
            Self::OAuth => "oat_unknown".to_owned(),
            Self::ApiKey => "ak_unknown".to_owned(),
            Self::Machine => "mt_unknown".to_owned(),
            Self::OAuthJwt | Self::Session | Self::MachineJwt => {
                let [header, payload] = parts(&token);
                let signature = token.rsplit('.').next().unwrap();
                let message = message(header, with(&payload, "other", 1));
                format!("{message}.{signature}")
            }
        }
    }
}

/// One combination.
#[derive(Clone, Copy, Debug)]
struct Case {
    kind: Kind,
    /// The place of the instance that issued the token.
    issuer: usize,
    is_valid: bool,
    is_down: [bool; 2],
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        let bits = (0..2 * 2 * 2 * 2).map(|bits| [1, 2, 4, 8].map(|bit| bits & bit != 0));
        KINDS.into_iter().flat_map(move |kind| {
            bits.clone()
                .map(move |[issuer, is_valid, first, second]| Self {
                    kind,
                    issuer: usize::from(issuer),
                    is_valid,
                    is_down: [first, second],
                })
        })
    }

    /// The instances that verify the token, in their order.
    fn asked(self) -> Vec<usize> {
        let accepts = |place: usize| self.is_valid && place == self.issuer && !self.is_down[place];
        match (self.kind.is_jwt(), accepts(0)) {
            (true, _) => vec![self.issuer],
            (false, true) => vec![0],
            (false, false) => vec![0, 1],
        }
    }

    fn status(self) -> u16 {
        let is_any_down = self.asked().iter().any(|place| self.is_down[*place]);
        match (self.is_valid && !self.is_down[self.issuer], is_any_down) {
            (true, _) => 200,
            (false, true) => 503,
            (false, false) => 401,
        }
    }

    /// The calls to each instance: for the first request, then for the second.
    fn calls(self) -> [[usize; 2]; 2] {
        let first = [0, 1].map(|place| usize::from(self.asked().contains(&place)));
        // An outage is not cached.
        let again = [0, 1].map(|place| match self.status() {
            200 => 0,
            _ => first[place] * usize::from(self.is_down[place]),
        });
        [first, again]
    }
}

#[tokio::test]
async fn each_token_is_verified_by_the_instances_that_can_have_issued_it() {
    let pair = Pair::new();
    for case in Case::all() {
        let world = &pair.worlds[case.issuer];
        let token = match case.is_valid {
            true => case.kind.issue(world),
            false => case.kind.issue_invalid(world),
        };
        let app = pair.app();
        for (world, is_down) in pair.worlds.iter().zip(case.is_down) {
            world.clerk.heal_all();
            if is_down {
                // Not a 503, for which a call is repeated.
                world.clerk.fail(case.kind.endpoint(), Fault::status(500));
            }
        }
        for (expected, time) in case.calls().into_iter().zip(["first", "second"]) {
            pair.forget_calls();
            let answer = app.bearer(&token).await;
            assert_eq!(
                answer.status(),
                case.status(),
                "{case:?}, {time}: {answer:?}"
            );
            if answer.status() == 200 {
                let claims = answer.claims();
                assert_eq!(claims.instance(), pair.url(case.issuer), "{case:?}, {time}");
            }
            // A key set that cannot be fetched is not fetched again at once.
            let is_document = case.kind.endpoint() == Endpoint::Jwks && time == "second";
            match is_document {
                true => assert_eq!(pair.calls()[1 - case.issuer], 0, "{case:?}, {time}"),
                false => assert_eq!(pair.calls(), expected, "{case:?}, {time}"),
            }
        }
        let accepted = if case.status() == 200 { 2 } else { 0 };
        assert_eq!(app.inner_calls(), accepted, "{case:?}");
    }
}
