#!/usr/bin/env bash
# Other people's MCP clients, and a scanner, against the examples `mcp` and `fake_clerk`: each one finds
# Clerk by itself, registers, gets a token, calls the tools and steps up. They are installed into a directory
# that is removed again. A client whose language is not on this machine is skipped, visibly; with CI_REQUIRE=clients, it
# counts as a failure.
# Beside them, the has() of Clerk's own library, against the rules about session tokens.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

work=$(mktemp -d)
processes=()
clean_up() {
    for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
    rm -rf "$work"
}
trap clean_up EXIT

failures=0
check() { # NAME COMMAND…
    local name=$1
    shift
    echo "== $name"
    if "$@" >"$work/log" 2>&1; then
        tail -n 1 "$work/log"
    else
        cat "$work/log"
        echo "FAILED: $name"
        failures=$((failures + 1))
    fi
}

skip() { # REASON
    if [ "${CI_REQUIRE:-}" = clients ]; then
        echo "FAILED: $1"
        failures=$((failures + 1))
    else
        echo "SKIPPED: $1"
    fi
}

free_port() {
    local port
    while port=$((20000 + RANDOM % 20000)); (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

start() { # EXAMPLE PORT VARIABLE=VALUE…
    local example=$1 port=$2
    shift 2
    env "$@" LISTEN="127.0.0.1:$port" "${CARGO_TARGET_DIR:-target}/debug/examples/$example" >"$work/$example.log" 2>&1 &
    processes+=($!)
    for _ in $(seq 100); do
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
        sleep 0.1
    done
    cat "$work/$example.log"
    echo "FAILED: the example $example does not start"
    exit 1
}

install_node() {
    mkdir "$work/node"
    cp "$here/package.json" "$here"/typescript{,_provider}.mjs "$here/has.mjs" "$work/node"
    (cd "$work/node" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock)
}

compare_with_has() {
    local has="$work/node/has.mjs"
    local cases="$work/cases.json" verdicts="$work/verdicts.json"
    node "$has" generate "$cases" &&
        "${CARGO_TARGET_DIR:-target}/debug/examples/has" <"$cases" >"$verdicts" &&
        node "$has" compare "$cases" "$verdicts"
}

install_early_node() { # VERSION
    mkdir "$work/early"
    cp "$here"/typescript_{early,provider}.mjs "$work/early"
    echo '{"private": true, "type": "module"}' >"$work/early/package.json"
    (cd "$work/early" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock "@modelcontextprotocol/sdk@$1")
}

install_python() { # REQUIREMENTS
    python3 -m venv "$work/$1"
    "$work/$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/$1.txt"
}

scan() {
    local authlab="$work/requirements-authlab/bin/mcp-authlab"
    # Beside `if`, `set -e` does not hold. A grade can hide a failed check that has little weight.
    "$authlab" login --no-browser --no-color --scope "mcp:tools offline_access" "$server" &&
        "$authlab" scan --no-color --verbose --fail-under A "$server" | tee "$work/report" &&
        grep -q " 0 fail " "$work/report" &&
        grep "grade" "$work/report"
}

cargo build --quiet --example mcp --example fake_clerk --example has
id=ClientOfTheService1
secret=SecretOfTheServiceThatProtectsNoOne
port=$(free_port)
clerk="http://127.0.0.1:$port"
start fake_clerk "$port" CLERK_OAUTH_CLIENT_ID=$id CLERK_OAUTH_CLIENT_SECRET=$secret
port=$(free_port)
server="http://127.0.0.1:$port/mcp"
start mcp "$port" CLERK_OAUTH_CLIENT_ID=$id CLERK_OAUTH_CLIENT_SECRET=$secret CLERK_DOMAIN="$clerk" \
    CLERK_RESOURCE="$server" CLERK_REQUIRED_SCOPES=mcp:tools CLERK_ALLOWED_CLIENTS='*'

if command -v npm >/dev/null && node -e 'process.exit(+(process.versions.node.split(".")[0] < 18))'; then
    check "npm: install" install_node
    # A server for early clients, whose tokens have no audience.
    port=$(free_port)
    early="http://127.0.0.1:$port/mcp"
    start mcp "$port" CLERK_OAUTH_CLIENT_ID=$id CLERK_OAUTH_CLIENT_SECRET=$secret CLERK_DOMAIN="$clerk" \
        CLERK_RESOURCE="$early" CLERK_ALLOWED_CLIENTS='*' MCP_EARLY_CLIENTS=1
    for version in $(sed -n 's/.*"sdk-\(.*\)": .*/\1/p' "$here/package.json"); do
        at=$server
        # It requests no resource.
        if [ "$version" = 1.12 ]; then at=$early; fi
        check "npm: @modelcontextprotocol/sdk $version" timeout 120 node "$work/node/typescript.mjs" "$at" "$version"
    done
    check "npm: has() of @clerk/shared" compare_with_has
    # MCP's first revision: the client finds Clerk by metadata at the server itself.
    check "npm: install 1.10.2" install_early_node 1.10.2
    check "npm: @modelcontextprotocol/sdk 1.10.2" timeout 120 node "$work/early/typescript_early.mjs" \
        "$early" "$clerk"
else
    skip "the TypeScript SDK, and has() of @clerk/shared: there is no Node of version 18 or later, with npm"
fi

if python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    check "PyPI: install" install_python requirements
    for client in mcp fastmcp; do
        check "PyPI: $client" timeout 120 "$work/requirements/bin/python" "$here/python_$client.py" "$server"
    done
    check "PyPI: install mcp-authlab" install_python requirements-authlab
    export MCP_AUTHLAB_TOKENS="$work/tokens.json"
    check "PyPI: mcp-authlab" scan
else
    skip "the clients mcp and fastmcp, and mcp-authlab: there is no Python of version 3.10 or later, with venv"
fi

exit $((failures > 0))
