#!/usr/bin/env bash
# Drives a stream on demand up in steps, under the service's limits, and says whether it followed:
#
#   loadtest/on_demand.sh [SECONDS [FLAGS...]]     120 s for each of 1, 2, 4, 8, 16 and 20 MiB/s unless told otherwise
#
# Records of 4 KiB with hashed keys, 16 to a request, on four connections. What is throttled is dropped, so that
# shares are of what was offered. Exits with 1 if GOAL % (1) of a step or more is throttled after its first minute.
# It can miss: loadtest/on_demand.sh 20 --server-args="--on-demand-scaling off"
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

secs=${1:-120} flags=("${@:2}") goal=${GOAL:-1}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
cargo build --release --workspace --bins --locked
report=$(mktemp)
trap 'rm -f "$report"' EXIT

"$target/release/loadtest" --limits aws --on-demand --consumers 0 --ramp 1,2,4,8,16,20 --ramp-secs "$secs" \
    --record-size 4KiB --batch 16 --producers 4 --no-disk-probe "${flags[@]}" | tee "$report"
awk -v goal="$goal" '
    /throttled, 1st minute/ { within = 1; next }
    within && NF == 0 { within = 0 }
    within { steps++; if ($5 + 0 >= goal) { missed++; print "missed at " $1 " MiB/s: " $5 " %" } }
    END { print steps + 0 " steps, goal " goal " % after the first minute: " missed + 0 " missed"
          exit steps == 0 || missed > 0 }
' "$report"
