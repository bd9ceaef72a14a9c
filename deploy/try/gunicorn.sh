#!/usr/bin/env bash
# Serves with gunicorn as deploy/README.md says, scores through it and stops it.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"

"$python" -c 'import gunicorn' 2>/dev/null || skip "pip install -r requirements-gunicorn.txt first"
settings
port=$(free_port)
cd "$project"
start "$scratch/gunicorn.log" "$python" -m gunicorn "server:create_app()" \
    -b "127.0.0.1:$port" --workers 8 --timeout 600
ready "http://127.0.0.1:$port"
score "http://127.0.0.1:$port"
stop
done_ "curl and client.request scored through eight workers"
