# Sourced by the scripts beside it: where things lie, and how the peers are installed.
# shellcheck shell=bash
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$here/.work # git-ignored; everything that is installed goes here

say() { printf '%s: %s\n' "${who:-interop}" "$*" >&2; }
die() { say "$@"; exit 1; }

# Both installers copy the list of what they installed last: if it is there and equal, all is there.
need_python() {
    cmp -s "$here/requirements.txt" "$work/venv/requirements.txt" && return
    say "installing the peers in Python into $work/venv"
    mkdir -p "$work"
    python3 -m venv --clear "$work/venv" ||
        die "python3 cannot make a virtual environment (on Debian: apt-get install python3-venv)"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$work/venv/"
}

need_node() {
    export NODE_PATH=$work/npm/node_modules
    cmp -s "$here/package.json" "$work/npm/.installed" && return
    command -v npm >/dev/null || die "node and npm are needed (on Debian: apt-get install nodejs npm)"
    say "installing the peers in JavaScript into $work/npm"
    mkdir -p "$work/npm"
    cp "$here/package.json" "$work/npm/"
    npm install --prefix "$work/npm" --no-package-lock --no-audit --no-fund --silent
    cp "$here/package.json" "$work/npm/.installed"
}

# Sets chromium to the browser's path.
# shellcheck disable=SC2034  # it is for the script that sources this one
need_chromium() {
    local name
    for name in "${CHROMIUM:-chromium}" chromium-browser google-chrome; do
        chromium=$(command -v "$name") && return
    done
    need_debian chromium chromium
    chromium=$(command -v chromium)
}

# Sets firefox to the browser's path.
# shellcheck disable=SC2034
need_firefox() {
    firefox=$(command -v "${FIREFOX:-firefox-esr}" || command -v firefox) && return
    need_debian firefox-esr firefox-esr
    firefox=$(command -v firefox-esr)
}

# need_debian COMMAND PACKAGE: installs the package if there is no such command.
need_debian() {
    command -v "$1" >/dev/null && return
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        die "$1 is missing: install it (on Debian: apt-get install $2)"
    fi
    say "$1 is missing; installing $2 with apt-get"
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$2" >/dev/null; } ||
        die "apt-get could not install $2"
    command -v "$1" >/dev/null || die "apt-get installed $2, but there is no $1"
}

# start_server NAME PROGRAM ARGUMENT…: starts an echo server; what it says is in $work/NAME.out and .err.
# Adds its process to servers, and sets url to where it listens.
start_server() {
    local out=$work/$1.out err=$work/$1.err server tries
    shift
    : >"$out" # or the address of the last run is read before the server empties it
    "$@" >"$out" 2>"$err" &
    server=$!
    servers+=("$server")
    for ((tries = 0; tries < 100; tries++)); do
        grep -q '^listening on wss\?://' "$out" && break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    url=$(sed -n '1s/^listening on //p' "$out")
    [[ -n $url ]] || {
        cat "$err" >&2
        die "the server did not say 'listening on ws://…' on its first line"
    }
}

# end_server PROCESS: asked to end, a server ends well, and soon. If not, sets fault to what it did.
end_server() {
    local tries status=0
    fault=
    kill -TERM "$1" 2>/dev/null || { fault="was gone before it was asked to go"; return 1; }
    for ((tries = 0; tries < 150; tries++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null && fault="did not end within 15 s of SIGTERM"
    wait "$1" 2>/dev/null || status=$?
    [[ -n $fault ]] || ((status == 0)) || fault="ended with exit code $status"
    [[ -z $fault ]]
}

# count FILE…: what the last lines of these files count together.
count() {
    local file
    for file; do tail -n 1 "$file"; done |
        sed -nE 's/^.*: ([0-9]+) scenarios, ([0-9]+) messages, 0 failed$/\1 \2/p' |
        awk -v files=$# '{ s += $1; m += $2 } END { print s " scenarios, " m " messages"; exit NR != files }'
}
