# Sourced by run.sh: who is measured, on what, and how each is built and started.
# shellcheck shell=bash disable=SC2034,SC2154

ALL_WORKLOADS="a b c c16 d e e4 f a512 g h i room4 room64 j"
RUST_PEERS="fastwebsockets tokio-tungstenite axum tokio-websockets soketto yawc wtx sockudo-ws"
ALL_PEERS="raw-epoll raw-tokio bowstring bowstring-feed bowstring-send bowstring-hyper bowstring-http2 bowstring-axum bowstring-axum-moved $RUST_PEERS ws bun picows"

target=${CARGO_TARGET_DIR:-$here/target}
bin=$target/release
missing=

# Whether a peer has a server for a workload.
can() { # PEER WORKLOAD
    [[ " $missing " != *" $1 "* ]] || return 1
    [[ $1 != bowstring-http2 || " a b c c16 d f a512 " == *" $2 "* ]] || return 1
    case $2 in
        g) [[ $1 != raw-* ]] ;; # the limits keep a table, not connections
        i) [[ " raw-epoll bowstring tokio-tungstenite ws bun picows " == *" $1 "* ]] ;;
        room*) [[ " bowstring tokio-tungstenite ws bun picows " == *" $1 "* ]] ;; # the limit knows one message at a time
        j) [[ " bowstring yawc wtx sockudo-ws ws bun " == *" $1 "* ]] ;;
        *) true ;;
    esac
}

# How a server is started: sets $command, $flags for the generator, and $schedule. Bun, Node and
# Python starve under real-time scheduling: they and their generator only get a better `nice`.
command_of() { # PEER WORKLOAD
    local task=echo
    [[ $2 != i && $2 != room* ]] || task=broadcast
    [[ $2 != j ]] || task=deflate
    flags=() schedule=fifo
    case $1 in
        raw-epoll)
            if [[ $task == broadcast ]]; then
                command=("$work/floor-broadcast")
            else
                command=("$work/floor-echo") flags=(--raw)
            fi
            ;;
        raw-tokio) command=("$bin/serve-raw-tokio") flags=(--raw) ;;
        bowstring)
            if [[ $task == broadcast ]]; then
                command=("$bin/serve-bowstring-broadcast")
            else
                command=("$bin/echo-server" 127.0.0.1:0 --threads 1)
            fi
            ;;
        bowstring-http2) command=("$bin/serve-bowstring-hyper") flags=(--http2) ;;
        ws) command=(node "$here/peers/ws.cjs" "$task") schedule=nice ;;
        bun) command=("$work/npm/node_modules/.bin/bun" "$here/peers/bun.js" "$task") schedule=nice ;;
        picows) command=("$work/venv/bin/python" "$here/peers/picows_server.py" "$task") schedule=nice ;;
        *) command=("$bin/serve-$1" "$task") ;;
    esac
}

# Builds and installs what the chosen peers need; who fails is in $missing.
build_all() { # PEER…
    local peer cargo_bins=(--bin load --bin report)
    ${CC:-cc} -O2 -Wall -o "$work/floor-echo" "$here/floors/echo.c"
    ${CC:-cc} -O2 -Wall -o "$work/floor-broadcast" "$here/floors/broadcast.c"
    CARGO_TARGET_DIR=$target cargo build --quiet --release --manifest-path "$here/../Cargo.toml" --bin echo-server
    for peer; do
        case $peer in
            ws | bun) need_npm || missing+=" $peer" ;;
            picows) need_python || missing+=" $peer" ;;
            raw-epoll) ;;
            bowstring-http2) cargo_bins+=(--bin serve-bowstring-hyper) ;;
            bowstring) cargo_bins+=(--bin serve-bowstring-broadcast) ;; # it echoes with its own server
            *) cargo_bins+=(--bin "serve-$peer") ;;
        esac
    done
    CARGO_TARGET_DIR=$target cargo build --quiet --release --locked --manifest-path "$here/Cargo.toml" "${cargo_bins[@]}"
}

# Both keep a copy of the list of what they installed last: if it is equal, all is there.
need_npm() {
    export NODE_PATH=$work/npm/node_modules
    cmp -s "$here/peers/package.json" "$work/npm/.installed" && return
    command -v npm >/dev/null || return
    mkdir -p "$work/npm"
    cp "$here/peers/package.json" "$work/npm/"
    npm install --prefix "$work/npm" --no-package-lock --no-audit --no-fund --silent >&2 || return
    cp "$here/peers/package.json" "$work/npm/.installed"
}

need_python() {
    cmp -s "$here/peers/requirements.txt" "$work/venv/requirements.txt" && return
    python3 -m venv --clear "$work/venv" || return
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/peers/requirements.txt" >&2 || return
    cp "$here/peers/requirements.txt" "$work/venv/"
}

# The machine and the versions, for the head of the results.
about() { # ROUNDS WINDOW FIFO
    local peer version versions=
    printf 'Machine: %s, %s cores, Linux %s, %s.\n' \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$(uname -r)" "$(rustc --version)"
    printf 'Rounds: %s, interleaved; windows of %s ms in bursts of 150 ms (e and e4: twice as many, four times as long); %s.\n' "$1" "$2" \
        "$( (($3)) && echo 'real-time scheduling (nice for ws, bun and picows)' || echo 'no real-time scheduling')"
    for peer in $RUST_PEERS tokio; do
        # Of two versions the newer one is ours: the other is axum's.
        version=$(grep -A 1 "^name = \"$peer\"$" "$here/Cargo.lock" | sed -n 's/^version = "\(.*\)"/\1/p' | tail -n 1)
        versions+="$peer $version, "
    done
    versions+="$(sed -n 's/^ *"\(ws\|bun\)": "\(.*\)",\{0,1\}$/\1 \2,/p' "$here/peers/package.json" | tr '\n' ' ')"
    versions+="node $(node --version 2>/dev/null || echo none)"
    while IFS= read -r peer; do versions+=", ${peer/==/ }"; done <"$here/peers/requirements.txt"
    printf 'Versions: bowstring %s (%s), %s.\n' \
        "$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../Cargo.toml" | head -n 1)" \
        "$(git -C "$here" rev-parse --short HEAD 2>/dev/null || echo 'no commit')" "$versions"
}
