# shellcheck shell=bash
# What the try-outs share; sourced by each. Nothing of the system's own services is touched.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=$project/.venv/bin/python
scratch=$(mktemp -d)
chmod 755 "$scratch"
key=try-$RANDOM$RANDOM
started=()
policy=
for name in "${!SCORING_@}"; do unset "$name"; done
# What the servers leave behind goes with the rest.
export TMPDIR=$scratch
export NO_PROXY='*' no_proxy='*'

# A project folder of its own: no ledger, no results and no settings but these.
export SCORING_PROJECT=$scratch/project
mkdir -p "$SCORING_PROJECT/image_batches"
chmod 700 "$SCORING_PROJECT"

end() {
    local status=$?
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    [ "$status" = 0 ] || tail -n 20 "$scratch"/*.log 2>/dev/null || true
    rm -rf "$scratch" ${policy:+"$policy"}
}
trap end EXIT

settings() {
    {
        printf '[server]\napi_key = "%s"\nmodels = ["%s/fashion_model"]\n' "$key" "$project"
        printf '%s\n' "$@"
    } >"$SCORING_PROJECT/settings.local.toml"
}

# Installs Debian packages, or leaves with exit code 0 and a line that says why nothing was tried.
need() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | has 'ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || skip "no apt-get to install ${missing[*]} with"
    [ "$(id -u)" = 0 ] || skip "no right to install ${missing[*]}"
    start_nothing
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive \
        apt-get install -qy --no-install-recommends "${missing[@]}"; } >"$scratch/apt.log" 2>&1 ||
        skip "apt-get cannot install ${missing[*]}"
    rm -f ${policy:+"$policy"}
}

# Debian starts a service that it installs, unless its policy says no.
start_nothing() {
    [ ! -e /usr/sbin/policy-rc.d ] || return 0
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

skip() {
    echo "SKIPPED $(basename "$0" .sh): $1"
    exit 0
}

fail() {
    echo "FAILED $(basename "$0" .sh): $1" >&2
    exit 1
}

free_port() {
    "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start LOG COMMAND…: runs it beside; it is ended with this script.
start() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 &
    started+=($!)
}

# A server that hangs must not take the time of the checks after it.
ready() {
    local until=$((SECONDS + 60))
    while [ $SECONDS -lt $until ]; do
        curl --silent --fail --max-time 10 "$1/health/ready" >/dev/null 2>&1 && return 0
        kill -0 "${started[-1]}" 2>/dev/null || fail "the server has ended"
        sleep 0.1
    done
    fail "no answer from $1 within a minute"
}

ask() { curl --silent --show-error --fail --max-time 60 "$@"; }
# Reads to the end: whoever is cut off while still writing has failed, for the shell.
has() { grep "$1" >/dev/null; }
status() { curl --silent --output /dev/null --write-out '%{http_code}' --max-time 60 "$@"; }

# score URL: with curl and with the batch client; the key, a stranger's and a body too large as well.
score() {
    local url=$1 auth="Authorization: Bearer $key" image rows
    image=$("$python" -c 'print({"dataframe_split": {"data": [[0] * 784]}})' | tr "'" '"')
    ask -H "$auth" -H 'Content-Type: application/json' -d "$image" "$url/predict" |
        has '"label":' || fail "no label for an image sent with curl"
    ask -H "$auth" -H 'Transfer-Encoding: chunked' -H 'Content-Type: application/json' \
        -d "$image" "$url/predict" | has '"label":' || fail "no label for an image in chunks"
    ask -H "$auth" -F "file=@$project/image_batches/G1/item-001.png" "$url/predict" |
        has '"prediction":' || fail "no answer for a picture sent with curl"
    [ "$(status -d "$image" "$url/predict")" = 401 ] || fail "it answered without the key"
    head -c 17000000 /dev/zero >"$scratch/large"
    [ "$(status -H "$auth" --data-binary @"$scratch/large" "$url/predict")" = 413 ] ||
        fail "17 MB were not refused with 413"
    [ "$(status -H "$auth" -H 'Transfer-Encoding: chunked' --data-binary @"$scratch/large" \
        "$url/predict")" = 413 ] || fail "17 MB in chunks were not refused with 413"
    ask -H "$auth" "$url/metrics" | has '^scoring_images_total{.*outcome="scored".*} ' ||
        fail "/metrics counts no image"
    page "$url"
    upload "$url"
    (cd "$project" && SCORING_CLIENT__API_KEY=$key "$python" -m client.request \
        "$project/image_batches/G1" --server "$url" --out "$scratch/Results.csv") \
        >"$scratch/client.log" 2>&1 || fail "the client could not score G1"
    rows=$(($(wc -l <"$scratch/Results.csv") - 1))
    [ "$rows" = 100 ] || fail "$rows of 100 images in Results.csv"
}

# page URL: the page to try the API in comes without the key, with its script and its rules.
page() {
    ask --include "$1/docs" >"$scratch/page" || fail "/docs wants a key"
    tr A-Z a-z <"$scratch/page" | has "^content-security-policy: .*frame-ancestors 'none'" ||
        fail "/docs has not the rules for the browser"
    ask "$1/$(grep -o 'docs/docs\.js' "$scratch/page")" | has import || fail "/docs has no script"
}

# upload URL: the page for pictures asks for the key once, then scores what its form is sent.
upload() {
    local jar=$scratch/cookies picture=file=@$project/image_batches/G1/item-001.png
    ask -H 'Accept: text/html' "$1/" | has 'type="password"' || fail "/ does not ask for the key"
    ask -L -c "$jar" -b "$jar" -H 'Accept: text/html' --data-urlencode "key=$key" "$1/login" |
        has 'type="file"' || fail "the key does not open the page for pictures"
    ask -b "$jar" -F "$picture" "$1/upload" | has 'src="data:image/png' ||
        fail "the page for pictures shows none"
    [ "$(status -F "$picture" "$1/upload")" = 401 ] || fail "/upload answered without the key"
    [ "$(status -b "$jar" -H 'Sec-Fetch-Site: cross-site' -F "$picture" "$1/upload")" = 403 ] ||
        fail "another site's page may send pictures"
}

# stop: ends what was started last, which must go within its time and with code 0.
stop() {
    local pid=${started[-1]}
    kill -TERM "$pid"
    wait "$pid" || fail "it ended with code $?"
}

done_() { echo "ok $(basename "$0" .sh): $1"; }
