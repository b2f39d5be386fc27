#!/bin/sh
# Install the system packages that tests of real components use. As another user than root it only says what is missing.
set -eu
packages="chromium postgresql libimage-exiftool-perl nginx-light varnish varnish-modules haproxy wrk patch gcc libc6-dev python3-dev radosgw ceph-mon ceph-osd softhsm2"
command -v npm >/dev/null || packages="$packages nodejs npm"
[ "${1-}" = build ] && packages="gcc libc6-dev python3-dev"
missing=""
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ]; then
    echo "some tests will skip; to enable them: sudo apt-get install$missing" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
exec 9>/var/lock/domicile-system
flock 9 # make may ask for two lists of packages at once, and apt-get update does not wait for another
log=$(mktemp)
if ! { apt-get update -qq && apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    exit 1
fi
