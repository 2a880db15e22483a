#!/bin/sh
# The recipe without a container engine, and without root: a base system, and the setup script inside the image.
#
#   examples/run.sh rootfs.ext4 BASE.tar

set -eu

image=$1 base=$2
here=$(cd "$(dirname "$0")" && pwd)

liveroot create "$image" --size 1G
# shellcheck disable=SC2016 # LIVEROOT is where the image is while the command runs
liveroot run "$image" -- sh -c 'tar -x -C "$LIVEROOT" --numeric-owner --xattrs -f "$1"' sh "$base"
liveroot run "$image" --root --bind "$PWD/packages:/packages:ro" -- sh <"$here/setup.sh"
