#!/bin/sh
# The settings that entrypoint.sh and firewall.sh share, checked: addresses and ports. Sourced, not run.

refuse() {
    echo "turn: $1" >&2
    exit 78 # EX_CONFIG
}

check_ipv4() {
    printf %s "$2" | grep -Eqx '([0-9]{1,3}\.){3}[0-9]{1,3}' || refuse "$1 must be an IPv4 address, not '$2'."
}

check_port() {
    printf %s "$2" | grep -Eqx '[0-9]{1,5}' && [ "$2" -ge 1 ] && [ "$2" -le 65535 ] ||
        refuse "$1 must be a port, not '$2'."
}

address=${LIVECONVO_TURN_ADDRESS:-$(hostname -I 2>/dev/null | cut -d ' ' -f 1)}
external=${LIVECONVO_TURN_EXTERNAL_IP:-}
port=${LIVECONVO_TURN_PORT:-3478}
tls_port=${LIVECONVO_TURN_TLS_PORT:-5349}
min_port=${LIVECONVO_TURN_MIN_PORT:-49152}
max_port=${LIVECONVO_TURN_MAX_PORT:-65535}
media=$(printf %s "${LIVECONVO_TURN_MEDIA_ADDRESSES:-}" | tr ',' ' ')

check_ipv4 LIVECONVO_TURN_ADDRESS "$address"
[ -z "$external" ] || check_ipv4 LIVECONVO_TURN_EXTERNAL_IP "$external"
for peer in $media; do check_ipv4 LIVECONVO_TURN_MEDIA_ADDRESSES "$peer"; done
check_port LIVECONVO_TURN_PORT "$port"
check_port LIVECONVO_TURN_TLS_PORT "$tls_port"
check_port LIVECONVO_TURN_MIN_PORT "$min_port"
check_port LIVECONVO_TURN_MAX_PORT "$max_port"
[ "$min_port" -le "$max_port" ] || refuse "LIVECONVO_TURN_MIN_PORT is above LIVECONVO_TURN_MAX_PORT."
