#!/bin/sh
# Writes nftables rules that hold the TURN server's packets to what turnserver.conf allows, whatever coturn itself does:
#   turn/firewall.sh | nft -f -
# It reads the same settings as entrypoint.sh. Rules, for the user that coturn runs as (LIVECONVO_TURN_USER):
# - from its own ports it answers clients, wherever they are;
# - from its relay ports it sends UDP to the media servers that were named, and to the public IPv4 internet;
# - nothing else leaves: no TCP of its own, no IPv6, no private or special address;
# - of STUN requests that are too short to carry credentials (RFC 8489 §14), each source has 20 a second, and 100 at
#   once: coturn answers them with three times as many bytes, to whoever the source says it is.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=turn/network.sh
. "$here/network.sh"
user=${LIVECONVO_TURN_USER:-turnserver}

uid=$(id -u -- "$user" 2>/dev/null) || refuse "LIVECONVO_TURN_USER: there is no user '$user' here."
[ "$uid" -ne 0 ] || refuse "LIVECONVO_TURN_USER must not be root: its packets cannot be told from others'."

# The IPv4 ranges of turnserver.conf, so that there is one list.
denied=$(sed -n 's/^denied-peer-ip=\([0-9.]*-[0-9.]*\)$/\1/p' "$here/turnserver.conf" | paste -s -d ',' -)
[ -n "$denied" ] || refuse "turnserver.conf names no denied peers."

cat <<END
table inet liveconvo_turn
delete table inet liveconvo_turn
table inet liveconvo_turn {
    set denied { type ipv4_addr; flags interval; auto-merge; elements = { $denied, $address${external:+, $external} } }
    set strangers { type ipv4_addr; size 65536; flags dynamic, timeout; timeout 1m; }
    chain input {
        type filter hook input priority filter; policy accept;
        udp dport $port udp length < 128 @th,64,16 { 0x0001, 0x0003, 0x0004, 0x0008, 0x0009 } \
            update @strangers { ip saddr limit rate over 20/second burst 100 packets } counter drop
    }
    chain output {
        type filter hook output priority filter; policy accept;
        meta skuid $uid jump turnserver
    }
    chain turnserver {
        meta nfproto ipv6 drop
        udp sport $port accept
        tcp sport { $port, $tls_port } ct direction reply accept
END
for peer in $media; do
    echo "        ip daddr $peer udp sport $min_port-$max_port udp dport 1024-65535 accept"
done
cat <<END
        ip daddr @denied drop
        udp sport $min_port-$max_port accept
        drop
    }
}
END
