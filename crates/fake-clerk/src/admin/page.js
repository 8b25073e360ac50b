"use strict";
// What comes from outside is text: nothing here makes markup of it.

const $ = (id) => document.getElementById(id);
const ROOT = location.pathname.replace(/\/$/, "");

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

let noticeTimer;
function notice(text, isBad = false) {
  $("notice").textContent = text;
  $("notice").className = isBad ? "bad" : "";
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => ($("notice").textContent = ""), 4000);
}

async function call(method, path, body) {
  const options = { method, cache: "no-store" };
  if (body !== undefined) {
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(`${ROOT}/api/${path}`, options);
  const text = await response.text();
  const answer = text ? JSON.parse(text) : {};
  if (!response.ok) throw new Error(answer.error || `status ${response.status}`);
  return answer;
}

/** Does something that changes the fake, says so, and shows what came of it. */
async function act(done, action) {
  try {
    const answer = await action();
    notice(done);
    await poll();
    return answer;
  } catch (error) {
    notice(`Not done: ${error.message}`, true);
  }
}

// === what is shown ===

const shown = new Map();

/** Fills an element anew if its data have changed, and leaves the focus where it was. */
function show(id, data, children) {
  const text = JSON.stringify(data);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  const key = $(id).contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  $(id).replaceChildren(...data.map(children));
  if (key) for (const element of $(id).querySelectorAll("[data-key]")) if (element.dataset.key === key) element.focus();
  const empty = $(`${id}-empty`);
  if (empty) empty.hidden = data.length > 0;
}

const two = (number) => String(number).padStart(2, "0");
function clock(milliseconds) {
  const time = new Date(milliseconds);
  const fraction = `.${String(time.getMilliseconds()).padStart(3, "0")}`;
  return [`${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`, make("span", { className: "fine" }, fraction)];
}

function day(seconds) {
  const style = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  return new Date(seconds * 1000).toLocaleString(undefined, style);
}

function latency(micros) {
  if (micros === null) return "";
  if (micros < 1000) return `${micros} µs`;
  return micros < 100000 ? `${(micros / 1000).toFixed(1)} ms` : `${Math.round(micros / 1000)} ms`;
}

function callStatus(one) {
  if (one.outcome === "waiting") return make("span", { className: "badge warn" }, "waiting");
  if (one.outcome === "dropped") return make("span", { className: "badge bad" }, "dropped");
  const kind = one.status < 400 ? "good" : one.status < 500 ? "warn" : "bad";
  return make("span", { className: `badge ${kind}` }, String(one.status));
}

function callRow(one) {
  return make("tr", {},
    make("td", { className: "mono" }, ...clock(one.at)),
    make("td", {}, make("span", {}, one.endpoint || "no endpoint"), make("small", { className: "mono" }, `${one.method} ${one.path}`)),
    make("td", {}, callStatus(one)),
    make("td", { className: "number" }, latency(one.micros)));
}

function tokenRow(token) {
  const button = make("button", { type: "button", "aria-label": `Revoke ${token.text}` }, "Revoke");
  button.dataset.key = button.dataset.revoke = token.id;
  button.addEventListener("click", () =>
    act(`Revoked ${token.text}`, () => call("DELETE", `tokens/${encodeURIComponent(token.id)}`)));
  const more = [token.scopes.join(" ") || "no scopes"];
  let kind = token.format;
  if (token.kind === "oauth") {
    if (token.client_id !== state.client_id) more.push(`client ${token.client_id}`);
    if (token.resources.length) more.push(`for ${token.resources.join(", ")}`);
  } else if (token.kind === "api_key") {
    kind = "API key";
    more.push(token.name);
  } else {
    kind = "machine";
    more[0] = `for ${token.scopes.join(" ") || "no machine"}`;
  }
  const kinds = { active: "good", expired: "warn", revoked: "bad", used: "" };
  const end = token.expires_at === null ? "for ever" : `until ${day(token.expires_at)}`;
  // The roles stay where the style makes blocks of the rows.
  const cell = (className, ...children) => make("td", { role: "cell", className }, ...children);
  const row = make("tr", { role: "row" },
    cell("mono", token.text, make("small", {}, kind)),
    cell("", token.subject, ...more.map((line) => make("small", {}, line))),
    cell("", make("span", { className: `badge ${kinds[token.status]}` }, token.status),
      make("small", {}, token.status === "active" ? end : "")),
    cell("", token.status === "active" ? button : ""));
  row.dataset.token = token.id;
  return row;
}

function faultRow(endpoint) {
  const button = make("button", { type: "button", "aria-label": `Heal ${endpoint.name}` }, "Heal");
  button.dataset.key = button.dataset.heal = endpoint.name;
  button.addEventListener("click", () =>
    act(`Healed ${endpoint.name}`, () => call("DELETE", `faults/${endpoint.name}`)));
  return make("li", {}, make("span", { className: "grow" }, endpoint.name),
    ...endpoint.faults.map((fault) => make("span", { className: "badge bad" }, fault)), button);
}

function keyRow(kid, index) {
  const badge = index === 0 ? make("span", { className: "badge good" }, "signs") : "published";
  return make("li", {}, make("span", { className: "grow mono" }, kid), badge);
}

function userForm(user) {
  const field = (label, name, value) => make("label", {}, label, make("input", { name, value: value || "", spellcheck: false }));
  const banned = make("input", { type: "checkbox", name: "banned", checked: user.banned });
  const form = make("form", { "aria-label": `User ${user.id}` },
    make("span", { className: "id mono" }, user.id),
    field("Name", "name", user.name), field("E-mail", "email", user.email),
    make("label", { className: "check" }, banned, "banned"), make("button", {}, "Save"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { name, email } = Object.fromEntries(new FormData(form));
    // What was left empty because there is nothing stays nothing.
    const changed = { id: user.id, banned: banned.checked };
    if (name !== (user.name || "")) changed.name = name;
    if (email !== (user.email || "")) changed.email = email;
    act(`Saved ${user.id}`, () => call("PUT", "users", changed));
  });
  return form;
}

let state;
function render() {
  $("issuer").textContent = state.issuer;
  $("environment").textContent = state.environment;
  $("environment-of-kinds").textContent = state.environment_of_kinds;
  show("kids", state.kids, keyRow);
  show("calls", state.calls, callRow);
  show("tokens", state.tokens, tokenRow);
  show("faults", state.endpoints.filter((one) => one.faults.length), faultRow);
  show("fault-endpoint", state.endpoints.map((one) => one.name), (name) => make("option", {}, name));
  show("user-ids", state.users.map((user) => user.id), (value) => make("option", { value }));
  // Nobody's typing is lost to a change from elsewhere.
  if (!$("users").contains(document.activeElement) || document.activeElement.tagName === "BUTTON") {
    show("users", state.users, userForm);
  }
  const settings = JSON.stringify(state.settings);
  if (shown.get("settings") !== settings) {
    shown.set("settings", settings);
    for (const [name, value] of Object.entries(state.settings)) {
      const field = $("settings-form").elements[name];
      if (typeof value === "boolean") field.checked = value;
      else field.value = value;
    }
  }
}

let polls = 0;
async function poll() {
  const number = ++polls;
  try {
    const answer = await call("GET", "state");
    // A later poll knows more.
    if (number !== polls) return;
    state = answer;
    render();
    pulse("live", "live");
  } catch {
    pulse("lost", "not reachable");
  }
}

function pulse(kind, text) {
  if ($("pulse").dataset.state === kind) return;
  $("pulse").dataset.state = kind;
  $("pulse").querySelector("b").textContent = text;
}

// === what a person does ===

const values = (form) => Object.fromEntries(new FormData(form));
const number = (text) => (text === "" || text === undefined ? undefined : Number(text));
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** What the fields of a group say. A number that is left empty is not there. */
function typed(group) {
  const said = {};
  for (const field of group.elements) {
    const isNumber = field.type === "number" || "number" in field.dataset;
    said[field.name] = field.type === "checkbox" ? field.checked : isNumber ? number(field.value) : field.value;
  }
  return said;
}

const kinds = [...$("mint-form").querySelectorAll("[data-kind]")];
const kind = $("mint-kind");
// The fields of the other kinds are neither checked nor sent.
kind.addEventListener("change", () => {
  for (const group of kinds) group.hidden = group.disabled = group.dataset.kind !== kind.value;
});

$("mint-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { service } = values(event.target);
  const group = kinds.find((one) => !one.disabled);
  const minted = await act("Token minted", () => call("POST", group.dataset.kind, typed(group)));
  if (!minted) return;
  $("minted-token").textContent = minted.token;
  $("minted-curl").textContent = `curl -i -H ${quoted(`Authorization: Bearer ${minted.token}`)} ${quoted(service)}`;
  $("minted").hidden = false;
});

$("settings-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target.elements;
  act("Behaviour saved", () => call("PUT", "settings", {
    jwts: form.jwts.checked, describe: form.describe.checked,
    reject_consent: form.reject_consent.checked, lifetime: number(form.lifetime.value),
  }));
});

const faultKind = $("fault-form").elements.kind;
faultKind.addEventListener("change", () => {
  for (const label of $("fault-form").querySelectorAll("[data-for]")) label.hidden = label.dataset.for !== faultKind.value;
});

$("fault-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const { endpoint, kind, status, retry_after, millis, times } = values(event.target);
  act(`${endpoint} is at fault now`, () => call("PUT", "faults", {
    endpoint, kind, status: number(status), retry_after: number(retry_after), millis: number(millis), times: number(times),
  }));
});

$("user-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { id } = values(event.target);
  if (await act(`Added ${id}`, () => call("PUT", "users", { id }))) event.target.reset();
});

$("rotate-key").addEventListener("click", () => act("A new key signs", () => call("POST", "keys", { kid: "new" })));
$("replace-key").addEventListener("click", () => act("A new key signs under the same kid", () => call("POST", "keys", { kid: "same" })));
$("retire-keys").addEventListener("click", () => act("The old keys are published no more", () => call("DELETE", "keys")));
$("heal-all").addEventListener("click", () => act("All endpoints are well", () => call("DELETE", "faults")));
$("clear-calls").addEventListener("click", () => act("Calls cleared", () => call("DELETE", "calls")));

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText($(button.dataset.copy).textContent);
    notice("Copied");
  } catch {
    getSelection().selectAllChildren($(button.dataset.copy));
    notice("Selected: copy it with the keyboard");
  }
});

poll();
setInterval(poll, 1000);
