#!/bin/sh
# fetch.sh ARCHIVE SUITE "COMPONENTS" "DEPENDS" PACKAGE...: the packages, what a package with these Depends needs, and what
# all those depend on beyond this image, lie in /srv/debian/dists/SUITE/pool/COMPONENT/.
set -eu
archive=$1 suite=$2 components=$3 depends=$4
shift 4
pool=/srv/debian/dists/$suite/pool
echo "deb $archive $suite $components" > /etc/apt/sources.list
apt-get update -qq

if [ -n "$depends" ]; then # apt itself chooses between alternatives
    mkdir -p /needs/DEBIAN
    printf 'Package: needs\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDepends: %s\nDescription: needs\n' "$depends" \
        > /needs/DEBIAN/control
    dpkg-deb --build /needs /needs.deb
    set -- "$@" /needs.deb
fi

# Each for itself: packages that exclude one another are all fetched, and each finds all it needs.
for package in "$@"; do
    apt-get install --yes -qq --no-install-recommends --print-uris "$package" >> /uris
    apt-get install --yes -qq --no-install-recommends --download-only "$package"
done

for component in $components; do mkdir -p "$pool/$component"; done
# Lines are: 'http://…/pool/COMPONENT/…/file' file size digest; the package made here is a 'file:'.
grep "^'http" /uris | sort -u | while read -r uri file _rest; do
    component=${uri#*/pool/}
    mv "/var/cache/apt/archives/$file" "$pool/${component%%/*}/$file"
done
