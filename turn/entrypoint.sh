#!/bin/sh
# Starts coturn with turnserver.conf and with what the environment says about this machine (README.md lists it).
# Arguments are handed to turnserver. The finished configuration holds the secret: mode 0600, in a folder of its own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=turn/network.sh
. "$here/network.sh"

check_secret() {
    # $1 name, $2 value. Only what needs no quoting in coturn's configuration.
    case $2 in
        *[!A-Za-z0-9+/=_-]*) refuse "$1 may hold letters, digits and + / = _ - only." ;;
    esac
    [ "${#2}" -ge 32 ] || refuse "$1 is missing or weak: it needs 32 characters or more (openssl rand -hex 32)."
    [ "$(printf %s "$2" | fold -w 1 | sort -u | wc -l)" -ge 8 ] || refuse "$1 is weak: it repeats a few characters."
}

secret=${LIVECONVO_TURN_SECRET:-}
previous=${LIVECONVO_TURN_SECRET_PREVIOUS:-}
realm=${LIVECONVO_TURN_REALM:-liveconvo}
certificate=${LIVECONVO_TURN_CERTIFICATE:-}
key=${LIVECONVO_TURN_KEY:-}

check_secret LIVECONVO_TURN_SECRET "$secret"
[ -z "$previous" ] || check_secret LIVECONVO_TURN_SECRET_PREVIOUS "$previous"
case $realm in *[!A-Za-z0-9.-]* | "") refuse "LIVECONVO_TURN_REALM must be a plain name, not '$realm'." ;; esac
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
    # Services of this machine itself are no peers, unless a media server is among them and was named.
    echo "denied-peer-ip=$address"
    [ -z "$external" ] || echo "denied-peer-ip=$external"
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

# coturn asks its (empty) database with each allocation. Made while the first clients are let in, it is locked for some
# of them, and they are refused with 401.
turnadmin -l -b "$folder/turndb" >/dev/null 2>&1 || echo "turn: turnadmin could not make the database" >&2

exec turnserver -c "$config" "$@"
