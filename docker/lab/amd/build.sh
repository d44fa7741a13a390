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

find /srv/amd -type d -name DEBIAN -prune > /trees
while read -r control; do
    tree=${control%/DEBIAN}
    if [ -f "$control/borrow" ]; then
        while read -r from to; do install -D -m 0755 "/borrowed/$from" "$tree/$to"; done < "$control/borrow"
        rm "$control/borrow"
    fi
    dpkg-deb --root-owner-group -Zgzip -z1 --build "$tree" "$tree.deb" > /dev/null
    rm -r "$tree"
done < /trees
