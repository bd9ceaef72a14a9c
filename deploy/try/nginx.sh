#!/usr/bin/env bash
# Serves behind deploy/nginx.conf with Debian's nginx: TLS, a prefix; scores through it, stops it.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/common.sh"

need nginx-light curl openssl
settings 'forwarded_for = 1' 'forwarded_proto = 1' 'forwarded_host = 1' 'forwarded_prefix = 1'

certificate=$scratch/localhost.pem
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$scratch/localhost.key" -out "$certificate" 2>/dev/null

port=$(free_port)
export SCORING_SERVER__PORT=$port
cd "$project"
start "$scratch/server.log" "$python" -m server
ready "http://127.0.0.1:$port"
server=${started[-1]}

tls=$(free_port)
sed -e "s|listen 443 ssl|listen 127.0.0.1:$tls ssl|; s|server_name .*;|server_name localhost;|" \
    -e "s|/etc/ssl/certs/scores.example.pem|$certificate|" \
    -e "s|/etc/ssl/private/scores.example.key|$scratch/localhost.key|" \
    -e "s|/var/log/nginx|$scratch|; s|http://127.0.0.1:5000|http://127.0.0.1:$port|" \
    deploy/nginx.conf >"$scratch/site.conf"
cat >"$scratch/nginx.conf" <<END
daemon off;
pid $scratch/nginx.pid;
error_log $scratch/nginx-error.log;
events {}
http {
    client_body_temp_path $scratch/body;
    proxy_temp_path $scratch/proxy;
    fastcgi_temp_path $scratch/fastcgi;
    uwsgi_temp_path $scratch/uwsgi;
    scgi_temp_path $scratch/scgi;
    include $scratch/site.conf;
}
END
start "$scratch/nginx.log" /usr/sbin/nginx -p "$scratch" -c "$scratch/nginx.conf"
export CURL_CA_BUNDLE=$certificate REQUESTS_CA_BUNDLE=$certificate SSL_CERT_FILE=$certificate
url=https://localhost:$tls/scorer
ready "$url"
score "$url"
ask -H "Authorization: Bearer $key" "$url/openapi.json" |
    has '"servers":\[{"url":"/scorer"}\]' || fail "/openapi.json does not know the prefix"
for page in docs docs/docs.css docs/docs.js; do
    [ "$(status "$url/$page")" = 200 ] || fail "no $page"
done
stop
kill -TERM "$server"
wait "$server" || fail "the server ended with code $?"
done_ "curl and client.request scored through TLS below /scorer"
