#!/bin/sh
# The classic recipe with Docker: liveroot stands where mkfs.ext4, mount -o loop and umount were.
#
#   examples/docker.sh rootfs.ext4 [CONTAINER-IMAGE]
#
# Docker's daemon must see the mount: let other users in (--allow-other), and mount where the daemon runs.

set -eu

image=$1 base=${2:-debian:bookworm}
here=$(cd "$(dirname "$0")" && pwd)

liveroot create "$image" --size 1G
mkdir -p mnt
liveroot mount "$image" mnt --allow-other
# Whatever happens, the image is closed; the exit code is that of what happened.
trap 'liveroot umount mnt' EXIT

docker run --rm -i --network=none -v "$PWD/mnt:/my-rootfs" -v "$PWD/packages:/packages:ro" "$base" sh <"$here/setup.sh"

trap - EXIT
liveroot umount mnt
