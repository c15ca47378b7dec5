#!/bin/sh
# Writes nftables rules that hold the TURN server's packets to what turnserver.conf allows, whatever coturn itself does:
#   turn/firewall.sh | nft -f -
# It reads the same settings as entrypoint.sh. Rules, for the user that coturn runs as (LIVECONVO_TURN_USER):
# - from its own ports it answers clients, wherever they are;
# - from its relay ports it sends UDP to the media servers that were named, and to the public IPv4 internet;
# - nothing else leaves: no TCP of its own, no IPv6, no private or special address.
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
