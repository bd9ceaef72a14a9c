#!/usr/bin/env bash
# Serves deploy/apache.conf with Debian's Apache and mod_wsgi, scores through it and stops it.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"

need apache2-bin libapache2-mod-wsgi-py3 curl
[ "$("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")')" = 3.11 ] ||
    skip "Debian 12's mod_wsgi is for Python 3.11, and .venv has another"

# mod_wsgi runs Debian's own Python; a .venv of another build of 3.11 is entered by its packages.
home=$scratch/venv
/usr/bin/python3.11 -m venv --without-pip "$home"
"$python" -c 'import site; print(*site.getsitepackages())' \
    >"$home/lib/python3.11/site-packages/project.pth"

may_read() { "${as_user[@]}" "$python" -c 'import sys; open(sys.argv[1])' "$project/server/app.py" 2>"$scratch/may.log"; }

settings
port=$(free_port)
user=$(id -un)
as_user=()
if [ "$user" = root ]; then
    # mod_wsgi runs nothing as root. What only root may read, www-data may for the try-out.
    user=www-data
    as_user=(setpriv --reuid="$user" --regid="$user" --clear-groups)
    may_read || as_user+=(--inh-caps=+dac_override --ambient-caps=+dac_override)
    may_read || skip "$user may not read $project"
    chown -R "$user" "$scratch"
fi
modules=/usr/lib/apache2/modules
sed -e "s|/opt/garment-scorer/.venv|$home|; s|/opt/garment-scorer|$project|g" \
    -e "s|user=garment-scorer group=garment-scorer|user=$user group=$user|" \
    -e "s|<VirtualHost \*:80>|<VirtualHost 127.0.0.1:$port>|" \
    "$project/deploy/apache.conf" >"$scratch/site.conf"
cat >"$scratch/apache.conf" <<END
ServerRoot "$scratch"
ServerName localhost
Listen 127.0.0.1:$port
PidFile "$scratch/apache.pid"
ErrorLog "$scratch/apache-error.log"
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule wsgi_module $modules/mod_wsgi.so
LogFormat "%h %l %u %t \"%r\" %>s %O" combined
WSGISocketPrefix $scratch/wsgi
Include $scratch/site.conf
END
export APACHE_LOG_DIR=$scratch
start "$scratch/apache.log" "${as_user[@]}" /usr/sbin/apache2 -f "$scratch/apache.conf" -DFOREGROUND
ready "http://127.0.0.1:$port"
score "http://127.0.0.1:$port"
stop
grep -q 'POST /predict HTTP/1.1" 200' "$scratch/garment-scorer-access.log" ||
    fail "the virtual host's own log has no request"
! grep -q "$key" "$scratch"/*.log || fail "the key stands in a log"
done_ "curl and client.request scored through mod_wsgi"
