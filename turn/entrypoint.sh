#!/bin/sh
# Starts coturn with turnserver.conf and with what the environment says about this machine (README.md lists it).
# Arguments are handed to turnserver. The finished configuration holds the secret: mode 0600, in a folder of its own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

refuse() {
    echo "turn: $1" >&2
    exit 78 # EX_CONFIG
}

check_secret() {
    # $1 name, $2 value. Only what needs no quoting in coturn's configuration.
    case $2 in
        *[!A-Za-z0-9+/=_-]*) refuse "$1 may hold letters, digits and + / = _ - only." ;;
    esac
    [ "${#2}" -ge 32 ] || refuse "$1 is missing or weak: it needs 32 characters or more (openssl rand -hex 32)."
    [ "$(printf %s "$2" | fold -w 1 | sort -u | wc -l)" -ge 8 ] || refuse "$1 is weak: it repeats a few characters."
}

check_ipv4() {
    printf %s "$2" | grep -Eqx '([0-9]{1,3}\.){3}[0-9]{1,3}' || refuse "$1 must be an IPv4 address, not '$2'."
}

check_port() {
    printf %s "$2" | grep -Eqx '[0-9]{1,5}' && [ "$2" -ge 1 ] && [ "$2" -le 65535 ] ||
        refuse "$1 must be a port, not '$2'."
}

secret=${LIVECONVO_TURN_SECRET:-}
previous=${LIVECONVO_TURN_SECRET_PREVIOUS:-}
realm=${LIVECONVO_TURN_REALM:-liveconvo}
address=${LIVECONVO_TURN_ADDRESS:-$(hostname -I 2>/dev/null | cut -d ' ' -f 1)}
external=${LIVECONVO_TURN_EXTERNAL_IP:-}
port=${LIVECONVO_TURN_PORT:-3478}
tls_port=${LIVECONVO_TURN_TLS_PORT:-5349}
min_port=${LIVECONVO_TURN_MIN_PORT:-49152}
max_port=${LIVECONVO_TURN_MAX_PORT:-65535}
media=$(printf %s "${LIVECONVO_TURN_MEDIA_ADDRESSES:-}" | tr ',' ' ')
certificate=${LIVECONVO_TURN_CERTIFICATE:-}
key=${LIVECONVO_TURN_KEY:-}

check_secret LIVECONVO_TURN_SECRET "$secret"
[ -z "$previous" ] || check_secret LIVECONVO_TURN_SECRET_PREVIOUS "$previous"
case $realm in *[!A-Za-z0-9.-]* | "") refuse "LIVECONVO_TURN_REALM must be a plain name, not '$realm'." ;; esac
check_ipv4 LIVECONVO_TURN_ADDRESS "$address"
[ -z "$external" ] || check_ipv4 LIVECONVO_TURN_EXTERNAL_IP "$external"
for peer in $media; do check_ipv4 LIVECONVO_TURN_MEDIA_ADDRESSES "$peer"; done
check_port LIVECONVO_TURN_PORT "$port"
check_port LIVECONVO_TURN_TLS_PORT "$tls_port"
check_port LIVECONVO_TURN_MIN_PORT "$min_port"
check_port LIVECONVO_TURN_MAX_PORT "$max_port"
[ "$min_port" -le "$max_port" ] || refuse "LIVECONVO_TURN_MIN_PORT is above LIVECONVO_TURN_MAX_PORT."
if [ -n "$certificate$key" ]; then
    [ -r "$certificate" ] || refuse "LIVECONVO_TURN_CERTIFICATE cannot be read: '$certificate'."
    [ -r "$key" ] || refuse "LIVECONVO_TURN_KEY cannot be read: '$key'."
fi
command -v turnserver >/dev/null || refuse "turnserver is not installed (Debian: apt-get install coturn)."

umask 077
folder=${RUNTIME_DIRECTORY:-$(mktemp -d)}
config=$folder/turnserver.conf
{
    cat "$here/turnserver.conf"
    echo
    echo "# --- This machine ---"
    echo "realm=$realm"
    echo "static-auth-secret=$secret"
    [ -z "$previous" ] || echo "static-auth-secret=$previous"
    echo "listening-ip=$address"
    echo "relay-ip=$address"
    [ -z "$external" ] || [ "$external" = "$address" ] || echo "external-ip=$external/$address"
    echo "listening-port=$port"
    echo "min-port=$min_port"
    echo "max-port=$max_port"
    for peer in $media; do echo "allowed-peer-ip=$peer"; done
    if [ -n "$certificate" ]; then
        echo "tls-listening-port=$tls_port"
        echo "cert=$certificate"
        echo "pkey=$key"
    else
        echo "no-tls"
    fi
    echo "pidfile=$folder/turnserver.pid"
    echo "userdb=$folder/turndb"
} >"$config"

exec turnserver -c "$config" "$@"
