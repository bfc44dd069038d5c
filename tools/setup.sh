#!/bin/sh
# Install the Debian packages of tools/packages.txt that are missing.
# Does nothing, quickly, when all are there.  `--list` only prints what is missing.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
wanted=$(sed 's/#.*//' "$here/packages.txt")

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup: this is no Debian system (no dpkg-query or apt-get)." >&2
    echo "setup: install the counterparts of the packages in tools/packages.txt by hand," >&2
    echo "setup: then run make with SETUP=0." >&2
    exit 1
fi

# shellcheck disable=SC2086 # the list is meant to be split
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
    sed -n 's/^installed //p' || true)
missing=
for package in $wanted; do
    printf '%s\n' "$installed" | grep -qxF "$package" || missing="$missing $package"
done
missing=${missing# }

if [ "${1:-}" = --list ]; then
    [ -z "$missing" ] || printf '%s\n' "$missing"
    exit 0
fi
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends $missing"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root=sudo
else
    echo "setup: these Debian packages are missing and only root can install them.  Run:" >&2
    echo >&2
    echo "    su -c 'apt-get update && $install'" >&2
    echo >&2
    exit 1
fi

echo "setup: installing $missing"
# shellcheck disable=SC2086 # empty, or one word
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086 # the command is meant to be split
$as_root env DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null || {
    echo "setup: apt-get failed; run it by hand to see why:" >&2
    echo "    $install" >&2
    exit 1
}
