#!/bin/sh
# fetch.sh ARCHIVE SECURITY_ARCHIVE SUITE PACKAGE...: the packages, and what they depend on beyond this image, lie in
# /srv/debian/dists/SUITE/pool/main/; the newer kernel of the security archive in pool-next/main/ beside it, if it has one.
set -eu
archive=$1 security=$2 suite=$3
shift 3
pool=/srv/debian/dists/$suite
mkdir -p "$pool/pool/main" "$pool/pool-next/main"

fetch() { # INTO PATTERN PACKAGE...: what apt would install now; files whose names match lie in INTO
    into=$1 pattern=$2
    shift 2
    apt-get install --yes -qq --no-install-recommends --print-uris "$@" > /uris
    apt-get install --yes -qq --no-install-recommends --download-only "$@"
    # Lines are: 'http://…/file' file size digest
    while read -r _uri file _rest; do
        # shellcheck disable=SC2254 # a pattern on purpose
        case $file in $pattern) mv "/var/cache/apt/archives/$file" "$into/" ;; esac
    done < /uris
}

echo "deb $archive $suite main" > /etc/apt/sources.list
apt-get update -qq
fetch "$pool/pool/main" '*' "$@"

echo "deb $security $suite-security main" >> /etc/apt/sources.list
apt-get update -qq
fetch "$pool/pool-next/main" 'linux-*' "$@"
# The same version in both archives is no newer kernel.
for path in "$pool"/pool-next/main/*; do
    [ ! -e "$pool/pool/main/${path##*/}" ] || rm "$path"
done
