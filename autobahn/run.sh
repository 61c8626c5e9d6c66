#!/usr/bin/env bash
# Puts bowstring through the Autobahn|Testsuite, as a server, as a client, or both.
#
#   autobahn/run.sh [server|client|all] [--http2] [--cases 'PATTERN …']
#
# With --http2 all WebSockets of a role are streams of one connection of HTTP/2 (RFC 8441). wstest speaks HTTP/1.1, so a
# relay stands between: it passes on what follows the opening handshake as it comes.
#
# Environment:
#   WSTEST           a wstest to use instead of installing one
#   ECHO_SERVER      a server to test instead of target/release/echo-server
#   AUTOBAHN_CLIENT  a client to test instead of target/release/examples/autobahn-client
#   AUTOBAHN_HTTP2   a program for both roles over HTTP/2 instead of target/release/examples/autobahn-http2
#   SLICES           how many wstest processes share the cases (5)
#   TIME_LIMIT       seconds after which a role is stopped (2400)
#
# wstest's exit code proves nothing: it is 0 with no server running at all. So the verdict is
# report.py's, which counts the cases and reads both verdicts of each.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$PWD/autobahn/.work
slices=${SLICES:-5}
time_limit=${TIME_LIMIT:-2400}
agent=bowstring
pids=()

say() { printf 'autobahn: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

usage() {
    sed -n '2,16s/^# \{0,1\}//p' autobahn/run.sh
    exit "$1"
}

# --- processes -------------------------------------------------------------------------------

stop_all() {
    local pid
    for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null || true; done
    for pid in ${pids[@]+"${pids[@]}"}; do wait "$pid" 2>/dev/null || true; done
    pids=()
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# limited SECONDS COMMAND…: nothing here may outlive its time, nor ignore being told to stop.
limited() { exec timeout --kill-after=10 "$@"; }

# wait_for FILE PATTERN PID: until a line of FILE matches; fails when PID ends first, or after 20 s.
wait_for() {
    local file=$1 pattern=$2 pid=$3 tries
    for ((tries = 0; tries < 200; tries++)); do
        grep -q "$pattern" "$file" 2>/dev/null && return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# --- wstest ----------------------------------------------------------------------------------

# The path of a Python that really is 2.7; a command called python2 may be a shim that only fails.
find_python27() {
    local python
    for python in python2.7 python2 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7; do
        "$python" -c 'import sys; sys.version_info[:2] == (2, 7) or sys.exit(1); print(sys.executable)' \
            2>/dev/null && return 0
    done
    return 1
}

find_wstest() {
    if [[ -n ${WSTEST:-} ]]; then
        command -v "$WSTEST" >/dev/null || die "WSTEST=$WSTEST is not a command"
        return
    fi
    WSTEST=$work/wstest/bin/wstest
    # The list is copied into the environment last: if it is there and equal, all of it is installed.
    cmp -s autobahn/requirements.txt "$work/wstest/requirements.txt" && return

    local python27
    python27=$(find_python27) || die "wstest needs Python 2.7, and none was found. Either
  - install one (pyenv install 2.7.18; it needs gcc and the headers of zlib and OpenSSL), or
  - set WSTEST to a wstest you have, for instance a wrapper round the container image
    crossbario/autobahn-testsuite (with the host's network, and this directory mounted in place)."
    say "installing wstest for $("$python27" --version 2>&1), once; this takes about a minute"
    rm -rf "$work/virtualenv" "$work/wstest"
    python3 -m venv "$work/virtualenv" ||
        die "python3 cannot make a virtual environment (on Debian: apt-get install python3-venv)"
    # 20.22 dropped Python 2.7.
    "$work/virtualenv/bin/pip" install --quiet --disable-pip-version-check 'virtualenv==20.21.1'
    "$work/virtualenv/bin/virtualenv" --quiet --python "$python27" "$work/wstest"
    "$work/wstest/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --no-python-version-warning -r autobahn/requirements.txt ||
        die "pip could not install autobahn/requirements.txt (two of the packages are built with gcc)"
    cp autobahn/requirements.txt "$work/wstest/"
}

# The cases of slice N, as a JSON list. They are dealt out like cards, so that every slice gets its
# share of the slow ones, and named one by one: wstest's patterns are not anchored at their end.
cases_of() { python3 autobahn/report.py slice "$1" "$slices" "${patterns[@]}"; }

# --- bowstring as the server -----------------------------------------------------------------

run_server() {
    local dir=$work/runs/server$over url server n
    say "server: ${server_program[*]} against $slices slices"
    rm -rf "$dir" && mkdir -p "$dir"
    (limited "$time_limit" "${server_program[@]}" 127.0.0.1:0) >"$dir/server.out" 2>"$dir/server.err" &
    server=$!
    pids+=("$server")
    wait_for "$dir/server.out" '^listening on ws://' "$server" || {
        cat "$dir/server.err" >&2
        die "the server did not say 'listening on ws://…' on its first line"
    }
    url=$(sed -n '1s/^listening on //p' "$dir/server.out")

    local running=()
    for ((n = 0; n < slices; n++)); do
        mkdir "$dir/$n"
        cat >"$dir/$n/spec.json" <<-EOF
		{
		  "outdir": "$dir/$n",
		  "servers": [{"agent": "$agent", "url": "$url"}],
		  "cases": $(cases_of "$n"),
		  "exclude-cases": [],
		  "exclude-agent-cases": {}
		}
		EOF
        # A little longer than the server: when the server goes, wstest still writes what it has.
        (limited "$((time_limit + 30))" "$WSTEST" -m fuzzingclient -s "$dir/$n/spec.json") \
            >"$dir/$n/wstest.log" 2>&1 &
        running+=($!)
        pids+=($!)
    done
    wait "${running[@]}" || say "server: a wstest ended badly; see $dir/*/wstest.log"
    kill -0 "$server" 2>/dev/null || say "server: it ended before the tests did"
    stop_all
}

# --- bowstring as the client -----------------------------------------------------------------

# Starts the fuzzing server of slice N; sets port and fuzzer. Between our choosing a free port and
# wstest's taking it, someone else may; then wstest ends at once, and another port is tried.
start_fuzzer() {
    local n=$1 dir=$2 attempt
    for attempt in 1 2 3; do
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        cat >"$dir/spec.json" <<-EOF
		{
		  "url": "ws://127.0.0.1:$port",
		  "outdir": "$dir",
		  "cases": $(cases_of "$n"),
		  "exclude-cases": []
		}
		EOF
        # -u 0: without it wstest also serves the web on port 8080, and only one slice could run.
        (PYTHONUNBUFFERED=1 limited "$((time_limit + 30))" "$WSTEST" -m fuzzingserver -u 0 \
            -s "$dir/spec.json") >"$dir/wstest.log" 2>&1 &
        fuzzer=$!
        pids+=("$fuzzer")
        wait_for "$dir/wstest.log" '^Ok, will run' "$fuzzer" && return
        say "client: slice $n did not start on port $port (attempt $attempt)"
    done
    tail -n 20 "$dir/wstest.log" >&2
    die "the fuzzing server of slice $n does not start"
}

run_client() {
    local dir=$work/runs/client$over port fuzzer n tries
    local fuzzers=() clients=()
    say "client: ${client_program[*]} against $slices slices"
    rm -rf "$dir" && mkdir -p "$dir"
    for ((n = 0; n < slices; n++)); do
        mkdir "$dir/$n"
        start_fuzzer "$n" "$dir/$n"
        fuzzers+=("$fuzzer")
        (limited "$time_limit" "${client_program[@]}" "ws://127.0.0.1:$port") >"$dir/$n/client.log" 2>&1 &
        clients+=($!)
        pids+=($!)
    done
    for ((n = 0; n < slices; n++)); do
        wait "${clients[n]}" || {
            say "client: it failed in slice $n with exit code $?; the end of $dir/$n/client.log:"
            tail -n 5 "$dir/$n/client.log" >&2
            kill "${fuzzers[n]}" 2>/dev/null || true
        }
    done
    # The client's last request makes wstest write its report and end, which takes it a moment. Where
    # that request was never made, wstest would wait for ever.
    for ((n = 0, tries = 0; n < slices; n++)); do
        for (( ; tries < 300; tries++)); do
            kill -0 "${fuzzers[n]}" 2>/dev/null || break
            sleep 0.1
        done
    done
    stop_all
}

# --- what was asked for ----------------------------------------------------------------------

roles=(server client)
over=
patterns=()
while (($#)); do
    case $1 in
        server | client) roles=("$1") ;;
        all) roles=(server client) ;;
        --http2) over=-http2 ;;
        --cases)
            (($# > 1)) || usage 2
            read -ra patterns <<<"$2"
            shift
            ;;
        -h | --help) usage 0 ;;
        *) usage 2 ;;
    esac
    shift
done
if ((${#patterns[@]} == 0)); then
    patterns=('1.*' '2.*' '3.*' '4.*' '5.*' '6.*' '7.*' '9.*' '10.*' '12.*' '13.*')
fi
count=$(python3 autobahn/report.py count "${patterns[@]}")
((slices <= count)) || slices=$count

target=${CARGO_TARGET_DIR:-target}
server_program=("${ECHO_SERVER:-$target/release/echo-server}")
client_program=("${AUTOBAHN_CLIENT:-$target/release/examples/autobahn-client}")
build=()
if [[ -n $over ]]; then
    program=${AUTOBAHN_HTTP2:-$target/release/examples/autobahn-http2}
    server_program=("$program" server) client_program=("$program" client)
    [[ -n ${AUTOBAHN_HTTP2:-} ]] || build+=(-p bowstring --features hyper,http2,deflate --example autobahn-http2)
else
    for role in "${roles[@]}"; do
        case $role in
            server) [[ -n ${ECHO_SERVER:-} ]] || build+=(--bin echo-server) ;;
            client) [[ -n ${AUTOBAHN_CLIENT:-} ]] || build+=(--example autobahn-client) ;;
        esac
    done
fi

mkdir -p "$work"
find_wstest
((${#build[@]} == 0)) || cargo build --release "${build[@]}"
for role in "${roles[@]}"; do "run_$role"; done
python3 autobahn/report.py check "${roles[@]/%/$over}" --cases "${patterns[@]}"
