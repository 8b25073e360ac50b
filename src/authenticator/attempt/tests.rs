use super::{
    Knowledge::{Issued, NoAnswer, NotIssued},
    *,
};
use crate::observe::Seen;

const ACCEPTS: Relation = Relation {
    accepts: true,
    is_named: false,
    is_custom: false,
    was_valid: false,
};
const NAMED: Relation = Relation {
    is_named: true,
    ..ACCEPTS
};
const CUSTOM: Relation = Relation {
    is_custom: true,
    ..ACCEPTS
};
const WAS_VALID: Relation = Relation {
    was_valid: true,
    ..ACCEPTS
};

/// Another kind of token, or too long.
fn unaccepted(relation: Relation) -> Relation {
    Relation {
        accepts: false,
        ..relation
    }
}

#[test]
fn only_instances_that_can_have_issued_a_token_are_candidates() {
    struct Case {
        name: &'static str,
        relations: Vec<Relation>,
        jwt: &'static [usize],
        opaque: &'static [usize],
    }
    let cases = [
        Case {
            name: "none is named",
            relations: vec![ACCEPTS, ACCEPTS],
            jwt: &[],
            opaque: &[0, 1],
        },
        Case {
            name: "one is named",
            relations: vec![ACCEPTS, NAMED, CUSTOM],
            jwt: &[1],
            opaque: &[0, 1, 2],
        },
        Case {
            name: "two of one issuer",
            relations: vec![NAMED, ACCEPTS, NAMED],
            jwt: &[0, 2],
            opaque: &[0, 1, 2],
        },
        Case {
            name: "the named one does not accept it: no other one gets it",
            relations: vec![unaccepted(NAMED), ACCEPTS, CUSTOM],
            jwt: &[],
            opaque: &[1, 2],
        },
        Case {
            name: "a custom verifier gets what names none",
            relations: vec![ACCEPTS, CUSTOM],
            jwt: &[1],
            opaque: &[0, 1],
        },
        Case {
            name: "one accepted it before",
            relations: vec![ACCEPTS, WAS_VALID, CUSTOM],
            jwt: &[2],
            opaque: &[1],
        },
        Case {
            name: "one accepted it before, and does not accept its kind now",
            relations: vec![ACCEPTS, unaccepted(WAS_VALID)],
            jwt: &[],
            opaque: &[0],
        },
    ];
    for case in cases {
        let found = candidates(&case.relations, true);
        assert_eq!(found, case.jwt, "{}, JWT", case.name);
        let found = candidates(&case.relations, false);
        assert_eq!(found, case.opaque, "{}, opaque", case.name);
    }
}

#[test]
fn a_rejection_shows_if_the_instance_issued_the_token() {
    for (kind, expected) in [
        (AuthErrorKind::Inactive, NotIssued),
        (AuthErrorKind::InvalidSignature, NotIssued),
        (AuthErrorKind::UnsupportedToken, NotIssued),
        (AuthErrorKind::WrongIssuer, NotIssued),
        (AuthErrorKind::UpstreamUnavailable, NoAnswer),
        (AuthErrorKind::Overloaded, NoAnswer),
        (AuthErrorKind::RateLimited, NoAnswer),
        (AuthErrorKind::CredentialsRejected, NoAnswer),
        (AuthErrorKind::InvalidUpstreamResponse, NoAnswer),
        (AuthErrorKind::ProfileUnavailable, Issued),
        (AuthErrorKind::InsufficientScope, Issued),
        (AuthErrorKind::WrongAudience, Issued),
        (AuthErrorKind::WrongClient, Issued),
        (AuthErrorKind::Expired, Issued),
        (AuthErrorKind::SenderConstrained, Issued),
    ] {
        assert_eq!(Knowledge::of(kind), expected, "{kind:?}");
    }
}

#[test]
fn the_rejection_with_the_most_knowledge_prevails_and_else_the_earliest() {
    use AuthErrorKind::{Inactive, InsufficientScope, InvalidSignature, Overloaded, RateLimited};
    for (kinds, expected) in [
        (&[Inactive, InvalidSignature][..], Inactive),
        (&[Inactive, Overloaded, Inactive], Overloaded),
        (&[Overloaded, RateLimited], Overloaded),
        (&[Overloaded, InsufficientScope], InsufficientScope),
        (&[InsufficientScope, Overloaded], InsufficientScope),
    ] {
        let rejections = kinds
            .iter()
            .map(|kind| Rejected::new(*kind, Seen::default()));
        let prevails = rejections.fold(None, |earlier, later| Some(prevailing(earlier, later)));
        let kind = prevails.map(|it| it.error.kind());
        assert_eq!(kind, Some(expected), "{kinds:?}");
    }
}
