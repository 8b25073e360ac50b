// Clerk's own `has()` against the rules of tower-clerk, over generated claims of session tokens. The
// program `has.rs` gets a signed token for each set of claims, and prints its verdicts. Nothing that Clerk
// rejects may be granted. What Clerk grants may be rejected only for a reason in the table below.
//
//     node has.mjs generate CASES
//     node has.mjs compare CASES VERDICTS

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createCheckAuthorization, validateReverificationConfig } from "@clerk/shared/authorization";
import { isReverificationHint } from "@clerk/shared/authorization-errors";
import { __experimental_JWTPayloadToAuthObjectProperties as toAuthObject } from "@clerk/shared/jwtPayloadParser";

const CASES = 5000;
const SEED = 20261128;

/** The differences: Clerk grants, tower-clerk rejects. */
const DIFFERENCES = [
  {
    name: "a plan or a feature in a token of version 1",
    reason: "Clerk writes none there: the claim belongs to the application, and may have a value that the user set",
    applies: ({ claims, kind }) => claims.v !== 2 && isBilling(kind),
  },
  {
    name: "an entitlement of an organization, and none is active",
    reason: "the entitlement would count for no organization in particular",
    applies: ({ claims, kind, needed }) =>
      isBilling(kind) && !claims.o && !scopeIs(needed, ["u", "user"]) && !listedFor(claims, kind, needed, "u"),
  },
  {
    name: "a needed name with a second colon",
    reason: "Clerk ignores what comes after it, so `org:pro:x` would be `org:pro`",
    applies: ({ kind, needed }) => isBilling(kind) && needed.split(":").length > 2,
  },
  {
    name: "a needed name that is empty, beside a scope or a prefix",
    reason: "nothing is asked for, so nothing can be granted",
    applies: ({ kind, needed }) =>
      kind !== "reverification" &&
      (isBilling(kind) ? needed.split(":").at(-1) : needed.replace(/^(org:)*/, "")) === "",
  },
  {
    name: "a list of permissions that is ambiguous or malformed",
    reason: "Clerk's own libraries read it differently: all or nothing",
    applies: ({ claims, kind }) => kind === "permission" && claims.v === 2 && !isUnambiguous(claims),
  },
  {
    name: "a factor that has grown too old since the token was issued",
    reason: "the age in the token is that at issue: the age of the token is added",
    applies: ({ claims, age, kind, needed }) =>
      kind === "reverification" && age > 0 && !granted({ ...claims, fva: older(claims.fva, age) }, kind, needed),
  },
  {
    name: "an age that is no whole number",
    reason: "Clerk writes whole minutes",
    applies: ({ claims, kind }) => kind === "reverification" && !claims.fva.every(Number.isInteger),
  },
];

const isBilling = (kind) => kind === "plan" || kind === "feature";
const scopeIs = (needed, scopes) => needed.includes(":") && scopes.includes(needed.split(":")[0]);
const listOf = (claims, kind) => (kind === "plan" ? claims.pla : claims.fea) ?? "";
const listedFor = (claims, kind, needed, scope) =>
  listOf(claims, kind)
    .split(",")
    .map((part) => part.trim().split(":"))
    .some(([scopes, name]) => scopes.includes(scope) && name === needed.split(":").at(-1)) &&
  !scopeIs(needed, ["o", "org", "organization"]);
const older = (fva, age) => fva.map((minutes) => (minutes === -1 ? -1 : minutes + age / 60));

function isUnambiguous({ fea = "", o }) {
  const features = fea.split(",");
  const organizations = features.filter((part) => !part.startsWith("u:"));
  const names = (o.per ?? "").split(",");
  const masks = (o.fpm ?? "").split(",");
  const unique = (list) => new Set(list).size === list.length;
  return (
    features.every((part) => /^(o|u|ou|uo):[^:]+$/.test(part)) &&
    names.every((name) => /^[^:\s]+$/.test(name)) &&
    masks.every((mask) => /^\d+$/.test(mask)) &&
    unique(names) &&
    unique(organizations.map((part) => part.split(":")[1])) &&
    masks.length === organizations.length &&
    features.slice(0, organizations.length).every((part) => organizations.includes(part))
  );
}

/** Clerk's verdict, from the claims as `@clerk/backend` makes its auth object from them. */
function granted(claims, kind, needed) {
  const all = { sub: "user_1", sid: "sess_1", sts: "active", ...claims };
  let auth;
  try {
    auth = toAuthObject(all);
  } catch {
    // A list without a colon makes Clerk's parser throw. There is no verdict on the rest then, so the list is left out.
    auth = toAuthObject({ ...all, fea: undefined });
  }
  const has = createCheckAuthorization({
    userId: auth.userId,
    orgId: auth.orgId,
    orgRole: auth.orgRole,
    orgPermissions: auth.orgPermissions,
    factorVerificationAge: auth.factorVerificationAge,
    features: all.fea || "",
    plans: all.pla || "",
  });
  return has({ [kind]: needed });
}

/** A generator of 32-bit numbers (mulberry32), so that every run has the same cases. */
function generator(state) {
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (n) => next() % n;
  return {
    below,
    one: (list) => list[below(list.length)],
    chance: (percent) => below(100) < percent,
    some: (list, most) => Array.from({ length: below(most + 1) }, () => list[below(list.length)]),
  };
}

const NAMES = ["pro", "basic", "team-a", "x"];
const ODD_ENTRIES = ["pro", "z:pro", "O:pro", "o:", "u:", "o:pro:x", " o:pro ", "o: pro", "\tu:basic", "", ":pro", "org:pro"];
const ROLES = ["admin", "member", "org:admin", "org:org:admin", "org:member", "Admin"];
const PERMISSIONS = ["org:pro:read", "org:pro:manage", "org:x:read", "pro:read", "org:org:pro:read", "org:sys_a:b", "read"];
const MINUTES = [-1, -1, 0, 1, 4, 5, 9, 10, 11, 59, 60, 61, 1439, 1440, 1441];
const ODD_FVA = [null, [], [1], [1, 2, 3], [0.5, 1], [1, 2.5], ["1", "2"], [-2, 1], [1, -3], "1,2", 5];

function claimsOf(random) {
  const { one, chance, some, below } = random;
  const list = () => {
    const scopes = ["o", "o", "u", "u", "ou", "uo"];
    const entries = some(NAMES, 3).map((name) => `${one(scopes)}:${name}`);
    if (chance(12)) entries.splice(below(entries.length + 1), 0, one(ODD_ENTRIES));
    return entries.length > 0 || chance(30) ? entries.join(",") : undefined;
  };
  const claims = { v: chance(70) ? 2 : one([null, 1]) };
  claims.pla = list();
  claims.fea = list();
  claims.fva = chance(90) ? [one(MINUTES), one(MINUTES)] : one(ODD_FVA);
  if (claims.v !== 2) {
    if (chance(85)) {
      claims.org_id = chance(95) ? "org_1" : "";
      claims.org_slug = "acme";
      claims.org_role = one([...ROLES, "", "org:"]);
      claims.org_permissions = some([...PERMISSIONS, "org:"], 4);
    }
    return claims;
  }
  if (chance(80)) {
    claims.o = { id: "org_1", slg: "acme", rol: one([...ROLES, ""]) };
    // Features of users come last, as Clerk writes them. Sometimes they do not.
    const names = [...new Set(some(NAMES, 3))];
    const isOrganizations = names.map(() => chance(75)).sort((a, b) => (chance(90) ? b - a : 0));
    const features = names.map((name, i) => (isOrganizations[i] ? one(["o", "ou"]) : "u") + `:${name}`);
    const permissions = [...new Set(some(["read", "manage", "delete"], 3))];
    if (features.length > 0 && permissions.length > 0) {
      claims.fea = features.join(",");
      claims.o.per = permissions.join(",");
      const count = chance(85) ? isOrganizations.filter(Boolean).length : below(features.length + 2);
      claims.o.fpm = Array.from({ length: count }, () => (chance(95) ? `${below(10)}` : one(["", "x", " 3", "-1"]))).join(",");
      if (chance(8)) claims.fea += `,${one(ODD_ENTRIES)}`;
      if (chance(5)) claims.o.per += one([",", ", manage", ",read"]);
    }
  }
  return claims;
}

function queriesOf({ one, chance }) {
  const prefixes = ["", "org:", "org:", "org:org:"];
  const scopes = ["", "", "org:", "org:", "o:", "organization:", "user:", "user:", "u:"];
  const entitlement = () =>
    chance(85)
      ? one(scopes) + one(NAMES)
      : one(["", ":", "org:", "user:", ":pro", "pro:", "team:pro", "ORG:pro", "ou:pro", "org:pro:x", "user:basic:", "org:org:pro", "org", " pro"]);
  const minutes = [1, 5, 10, 11, 60, 1440];
  const levels = ["first_factor", "second_factor", "multi_factor"];
  const reverification = () =>
    chance(50) ? one(["strict_mfa", "strict", "moderate", "lax"]) : { level: one(levels), afterMinutes: one(minutes) };
  return [
    { role: one(prefixes) + one(["admin", "member", "Admin", "", "org"]) },
    { permission: one(prefixes) + one(["pro:read", "pro:manage", "x:read", "basic:read", "team-a:delete", "sys_a:b", "read", ""]) },
    { permission: one(prefixes) + one(["pro:read", "pro:manage", "x:read"]) },
    { plan: entitlement() },
    { plan: entitlement() },
    { feature: entitlement() },
    { feature: entitlement() },
    { reverification: reverification() },
    { reverification: reverification() },
  ];
}

function generate() {
  const random = generator(SEED);
  return Array.from({ length: CASES }, () => ({
    claims: claimsOf(random),
    age: random.chance(70) ? 0 : random.one([1, 29, 59, 60, 61, 600]),
    queries: queriesOf(random),
  }));
}

/** Checks the body of a rejection: Clerk's front end finds in it what is needed. */
function checkBody(body, needed) {
  assert.ok(isReverificationHint(body), JSON.stringify(body));
  const found = validateReverificationConfig(body.clerk_error.metadata.reverification);
  assert.ok(found, JSON.stringify(body));
  assert.deepEqual(found(), validateReverificationConfig(needed)());
}

function compare(cases, verdicts) {
  assert.equal(verdicts.length, cases.length);
  const counts = new Map(DIFFERENCES.map(({ name }) => [name, 0]));
  const both = {};
  const wrong = [];
  cases.forEach(({ claims, age, queries }, i) => {
    assert.ok(verdicts[i], `a token is rejected: ${JSON.stringify(claims)}`);
    queries.forEach((query, j) => {
      const [[kind, needed]] = Object.entries(query);
      if (typeof verdicts[i][j] === "object") checkBody(verdicts[i][j], needed);
      const [ours, theirs] = [verdicts[i][j] === true, granted(claims, kind, needed)];
      if (ours === theirs) {
        both[kind] ??= { granted: 0, rejected: 0 };
        both[kind][ours ? "granted" : "rejected"] += 1;
        return;
      }
      const difference = DIFFERENCES.find(({ applies }) => theirs && applies({ claims, age, kind, needed }));
      if (difference) counts.set(difference.name, counts.get(difference.name) + 1);
      else wrong.push({ ours, theirs, query, age, claims });
    });
  });
  console.log("both:", JSON.stringify(both));
  for (const { name, reason } of DIFFERENCES) console.log(`${counts.get(name)} × ${name}: ${reason}`);
  for (const it of wrong.slice(0, 10)) console.log("WRONG", JSON.stringify(it));
  assert.equal(wrong.length, 0, `${wrong.length} verdicts differ without a listed reason`);
  for (const [name, count] of counts) assert.ok(count > 0, `no longer occurs: ${name}`);
  for (const kind of ["role", "permission", "plan", "feature", "reverification"]) {
    assert.ok(both[kind].granted > 200 && both[kind].rejected > 200, `${kind} is compared in earnest`);
  }
  console.log(`${cases.length} sets of claims: nothing is granted that Clerk rejects`);
}

const [command, cases, verdicts] = process.argv.slice(2);
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
if (command === "generate") writeFileSync(cases, JSON.stringify(generate()));
else if (command === "compare") compare(read(cases), read(verdicts));
else throw new Error("generate CASES, or compare CASES VERDICTS");
