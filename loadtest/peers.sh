#!/usr/bin/env bash
# Puts to fanlight (durable) and to two other servers of the same API (in memory), in turns, by one client:
#
#   loadtest/peers.sh [ROUNDS [SECONDS]]     3 rounds of 3 s for each cell of the table unless told otherwise
#
# Installs the two under the build directory if they are missing (needs cargo, npm and node); what cannot be
# installed is NOT RUN. Each server is started anew for each round, the two others warmed up first, no limits
# anywhere, all over HTTP/1.1 on loopback; the two listen on every interface and cannot be told otherwise.
# Prints medians and how many times theirs fanlight does; exits with 1 if a goal is missed.
#
# Answers to what was in flight when the time was over count: kinesis-mock gains a tenth by that.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${1:-3} secs=${2:-3}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
peers=$target/peers mock=$target/peers/lib/node_modules/kinesis-local
kinds=(fanlight ferrokinesis kinesis-mock)

scratch=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

install() {
    cargo build --release --workspace --bins --locked
    [[ -x $peers/bin/ferrokinesis ]] || cargo install --root "$peers" --locked ferrokinesis@0.7.0 || true
    [[ -f $mock/main.js ]] || npm install --global --prefix "$peers" kinesis-local@0.6.2 || true
}

is_there() {
    case $1 in
        fanlight) true ;;
        ferrokinesis) [[ -x $peers/bin/ferrokinesis ]] ;;
        kinesis-mock) [[ -f $mock/main.js ]] && command -v node >/dev/null ;;
    esac
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
    local port
    while port=$((20000 + RANDOM % 10000)) && answers "$port"; do :; done
    echo "$port"
}

# Starts a peer that ends by itself if this script cannot end it; sets `port` and `pid`.
start() {
    port=$(free_port)
    case $1 in
        ferrokinesis)
            timeout -k 5 300 "$peers/bin/ferrokinesis" --port "$port" --enforce-limits false &
            ;;
        kinesis-mock) # Reads a file from where it stands.
            (cd "$mock" && KINESIS_MOCK_PLAIN_PORT=$port KINESIS_MOCK_TLS_PORT=$(free_port) LOG_LEVEL=ERROR \
                CREATE_STREAM_DURATION=0ms DELETE_STREAM_DURATION=0ms exec timeout -k 5 300 node main.js) &
            ;;
    esac >"$scratch/$1.log" 2>&1
    pid=$!
    for _ in {1..100}; do
        if answers "$port"; then return; fi
        sleep 0.1
    done
    printf '%s does not listen:\n' "$1" >&2
    tail -n 20 "$scratch/$1.log" >&2
    return 1
}

# load SECONDS FLAGS...: one run, its report in $scratch/run.json. A run that fails is no figure.
load() {
    local span=$1
    shift
    timeout -k 5 $((span + 60)) "$target/release/loadtest" --consumers 0 --rate max --put-protocol h1 \
        --limits off --durability sync --no-disk-probe --drain 5 --duration "$span" \
        --json "$scratch/run.json" "$@" >"$scratch/run.log" 2>&1 &
    wait $! || { cat "$scratch/run.log" >&2 && return 1; }
}

field() { awk -F'[:,]' -v name="\"$1\"" '$1 ~ name { print $2 + 0; exit }' "$scratch/run.json"; }

# measure SERVER OPERATION FLAGS...
measure() {
    local server=$1 operation=$2
    shift 2
    load "$secs" "$@"
    printf '%s %s %s\n' "$server" "$operation" "$(field acked_per_sec)" | tee -a "$scratch/rates" >&2
    local refused=$(($(field dropped) + $(field unknown) + $(field put_throttles)))
    [[ $refused -eq 0 ]] || printf '%s did not take %s records, not counted\n' "$1" "$refused" >&2
}

# One connection per request in flight; of PutRecords as many as each server does best with.
turn() {
    local at=() many
    case $1 in
        fanlight) many=4 ;;
        ferrokinesis) many=2 ;;
        kinesis-mock) many=1 ;;
    esac
    if [[ $1 != fanlight ]]; then
        start "$1"
        at=(--endpoint "127.0.0.1:$port")
        load 1 "${at[@]}" --in-flight 64
    fi
    measure "$1" PutRecord "${at[@]}" --in-flight 64
    measure "$1" PutRecords "${at[@]}" --batch 500 --in-flight "$many"
    if [[ $1 != fanlight ]]; then
        kill "$pid"
        wait "$pid" || true
    fi
}

# rates SERVER OPERATION: median, least and most.
rates() {
    awk -v key="$1 $2" '$1 " " $2 == key { print $3 }' "$scratch/rates" | sort -g |
        awk '{ a[NR] = $1 } END { print (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2, a[1], a[NR] }'
}

# row OPERATION SERVER GOAL: of fanlight records/s, of the others how many times theirs it does.
row() {
    local median least most ratio='' value verdict=''
    if ! is_there "$2"; then
        printf '%-12s%-14s%12s\n' "$1" "$2" 'NOT RUN'
        return
    fi
    read -r median least most < <(rates "$2" "$1")
    value=$median
    if [[ $2 != fanlight ]]; then
        value=$(awk -v ours="$(rates fanlight "$1")" -v theirs="$median" 'BEGIN { print ours / theirs }')
        ratio=$(printf '%.2f' "$value")
    fi
    if [[ -n $3 ]]; then
        verdict=met
        awk -v value="$value" -v goal="$3" 'BEGIN { exit !(value + 0 >= goal + 0) }' || verdict=MISSED
    fi
    printf '%-12s%-14s%12.0f%20s%12s%10s  %s\n' "$1" "$2" "$median" "$(printf '%.0f-%.0f' "$least" "$most")" \
        "$ratio" "$3" "$verdict"
}

install
for ((round = 0; round < rounds; round++)); do
    for kind in "${kinds[@]}"; do
        if is_there "$kind"; then turn "$kind"; fi
    done
done

printf '%-12s%-14s%12s%20s%12s%10s\n' '' '' records/s range 'fanlight x' goal
{
    row PutRecord fanlight 40000
    row PutRecord ferrokinesis 1.5
    row PutRecord kinesis-mock 100
    row PutRecords fanlight 400000
    row PutRecords ferrokinesis ''
    row PutRecords kinesis-mock 100
} | sed 's/ *$//' | tee "$scratch/table"
! grep -q MISSED "$scratch/table"
