#!/bin/sh
# Installs what building needs, and with `tests` what the tests need beside it, where it may (Debian or Ubuntu, as root); otherwise
# names it exactly. The cluster's own packages (runc, iptables, ...) are looked after by `scenarios cluster up`.
set -eu

missing=""
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
command -v git >/dev/null || missing="$missing git"
# A browser for the test that presses a button of the Slack page; Ubuntu's runners have Chrome and its driver already.
if [ "${1:-}" = tests ]; then
    if ! command -v chromedriver >/dev/null || ! { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null; then
        missing="$missing chromium chromium-driver"
    fi
fi
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing$missing"
        # shellcheck disable=SC2086
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing
    else
        echo "missing:$missing. Install them with your package manager (Debian: apt-get install$missing)" >&2
        exit 3
    fi
fi
if ! command -v cargo >/dev/null; then
    echo "missing: Rust. Install it with rustup (https://rustup.rs); it then fetches the version that rust-toolchain.toml names" >&2
    exit 3
fi
if ! command -v go >/dev/null; then
    echo "missing: Go 1.26 or newer (https://go.dev/dl), which builds the local cluster from source, once" >&2
    exit 3
fi
