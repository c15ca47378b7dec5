#!/bin/sh
# Installs the Debian packages that tests drive: a browser with a font, a TURN server, what networks are made of, and
# what docs/integrate.sh is run with.
# As root it gets what is missing; as anybody else it names the one command, and the tests that need a package skip by
# name.
set -eu

packages="chromium fonts-dejavu-core coturn iproute2 nftables curl jq"

command -v dpkg-query >/dev/null || {
    echo "not a Debian system: tests that need one of [$packages] are skipped where it is missing"
    exit 0
}

missing=""
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "some tests are skipped; to run them too: sudo apt-get install --no-install-recommends$missing"
    exit 0
fi

# Debian's coturn would start a daemon; 101 forbids that while we install.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 -qq update
# shellcheck disable=SC2086 - a list of words
apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends $missing
