#!/bin/sh
# build.sh ARCHIVE SUITE PACKAGE...: every package tree below /srv/amd (a folder with DEBIAN/ in it) is a .deb beside it.
# DEBIAN/borrow names files of the given Debian packages that go into it, as "their path" and "path in the tree".
set -eu
archive=$1 suite=$2
shift 2
echo "deb $archive $suite main" > /etc/apt/sources.list
apt-get update -qq
cd /tmp
apt-get download -qq "$@"
for deb in ./*.deb; do dpkg-deb --extract "$deb" /borrowed; done

find /srv/amd -path '*/DEBIAN/borrow' > /borrowers
while read -r borrow; do
    tree=${borrow%/DEBIAN/borrow}
    while read -r from to; do install -D -m 0755 "/borrowed/$from" "$tree/$to"; done < "$borrow"
    rm "$borrow"
done < /borrowers

find /srv/amd -type d -name DEBIAN -prune | sed 's#/DEBIAN$##' > /trees
xargs -I '{}' --max-procs="$(nproc)" dpkg-deb --root-owner-group -Znone --build '{}' '{}.deb' < /trees > /dev/null
xargs rm -r < /trees
