//! Events of every type that Clerk documents (webhooks, version 2025-04-15): random ones are read, and those of the fake
//! have the documented members.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Hooked, secret};
use crate::documented::{
    generate::{anything, object},
    shape::{Shape, departures},
    tables::{DELETED, EVENT, ORGANIZATION_MEMBERSHIP, SESSION, USER, WEBHOOK_ORGANIZATION},
};

/// The types of events, with the shape of `data`. `None`: no member of it is read.
const TYPES: [(&str, Option<Shape>); 45] = [
    ("session.created", Some(SESSION)),
    ("session.pending", Some(SESSION)),
    ("session.ended", Some(SESSION)),
    ("session.removed", Some(SESSION)),
    ("session.revoked", Some(SESSION)),
    ("user.created", Some(USER)),
    ("user.updated", Some(USER)),
    ("user.deleted", Some(DELETED)),
    ("organization.created", Some(WEBHOOK_ORGANIZATION)),
    ("organization.updated", Some(WEBHOOK_ORGANIZATION)),
    ("organization.deleted", Some(DELETED)),
    (
        "organizationMembership.created",
        Some(ORGANIZATION_MEMBERSHIP),
    ),
    (
        "organizationMembership.updated",
        Some(ORGANIZATION_MEMBERSHIP),
    ),
    (
        "organizationMembership.deleted",
        Some(ORGANIZATION_MEMBERSHIP),
    ),
    ("organizationDomain.created", None),
    ("organizationDomain.updated", None),
    ("organizationDomain.deleted", Some(DELETED)),
    ("organizationInvitation.created", None),
    ("organizationInvitation.accepted", None),
    ("organizationInvitation.revoked", None),
    ("role.created", None),
    ("role.updated", None),
    ("role.deleted", Some(DELETED)),
    ("permission.created", None),
    ("permission.updated", None),
    ("permission.deleted", Some(DELETED)),
    ("email.created", None),
    ("sms.created", None),
    ("waitlistEntry.created", None),
    ("waitlistEntry.updated", None),
    ("paymentAttempt.created", None),
    ("paymentAttempt.updated", None),
    ("subscription.created", None),
    ("subscription.updated", None),
    ("subscription.active", None),
    ("subscription.pastDue", None),
    ("subscriptionItem.abandoned", None),
    ("subscriptionItem.active", None),
    ("subscriptionItem.canceled", None),
    ("subscriptionItem.ended", None),
    ("subscriptionItem.freeTrialEnding", None),
    ("subscriptionItem.incomplete", None),
    ("subscriptionItem.pastDue", None),
    ("subscriptionItem.upcoming", None),
    ("subscriptionItem.updated", None),
];

#[tokio::test]
async fn events_of_every_documented_type_are_read() {
    let hooked = Hooked::new();
    let (mut random, mut number) = (Rng::with_seed(1), 0);
    for (name, shape) in TYPES {
        for _ in 0..40 {
            let mut event = object(&mut random, EVENT);
            event["type"] = json!(name);
            event["data"] = match shape {
                Some(shape) => object(&mut random, shape),
                None => anything(&mut random),
            };
            number += 1;
            let request = hooked.signed(&format!("msg_{number}"), &event.to_string());
            assert_eq!(hooked.send(request).await, 204, "{event}");
        }
    }
}

#[test]
fn events_of_the_fake_have_the_documented_members() {
    let hooked = Hooked::new();
    let clerk = &hooked.world.clerk;
    let _ = clerk.session("user_1").session_id("sess_1").issue();
    clerk.webhooks("http://127.0.0.1:1/", secret()).unwrap();
    clerk.user("user_1").name("Ada").save();
    clerk.user("user_2").bare().save();
    clerk.revoke_session("sess_1");
    clerk.end_session("sess_1");
    clerk.remove_session("sess_1");
    clerk.delete_user("user_1");
    clerk.organization("org_1").update();
    clerk.organization("org_1").delete();
    clerk
        .organization("org_1")
        .member("user_2")
        .create("org:admin");
    clerk
        .organization("org_1")
        .member("user_2")
        .update("org:admin");
    clerk.organization("org_1").member("user_2").delete();
    let requests = clerk.webhook_requests();
    assert_eq!(requests.len(), 2 * 11);
    for request in requests {
        let event: Value = serde_json::from_slice(request.body()).unwrap();
        let name = event["type"].as_str().unwrap();
        assert_eq!(departures(&event, EVENT), Vec::<String>::new(), "{event}");
        let shape = TYPES
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap()
            .1
            .unwrap();
        let wrong = departures(&event["data"], shape);
        assert_eq!(wrong, Vec::<String>::new(), "{event}");
    }
}
