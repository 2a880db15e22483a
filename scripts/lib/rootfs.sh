# A real root filesystem as a tar. Source after common.sh.

# rootfs_tar: prints the path of the tar; makes it the first time and keeps it in the cache.
# LIVEROOT_ROOTFS names one to use instead.
rootfs_tar() {
    if [ -n "${LIVEROOT_ROOTFS:-}" ]; then
        printf '%s\n' "$LIVEROOT_ROOTFS"
        return
    fi
    tar=$CACHE/rootfs.tar
    if [ ! -s "$tar" ]; then
        want mmdebstrap mmdebstrap >&2
        note "making a root filesystem; it is kept in $tar" >&2
        new=$CACHE/rootfs.$$.tar
        debian_tar "$new" || busybox_tar "$new" || host_tar "$new"
        mv "$new" "$tar"
    fi
    printf '%s\n' "$tar"
}

# debian_tar FILE: a minimal system of this machine's release, from the archive that apt uses here.
debian_tar() {
    command -v mmdebstrap >/dev/null 2>&1 || return 1
    suite=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    [ -n "$suite" ] || return 1
    mmdebstrap --quiet --variant=minbase "$suite" "$1" >"$CACHE/mmdebstrap.log" 2>&1 && return
    rm -f "$1"
    note "mmdebstrap failed (see $CACHE/mmdebstrap.log)" >&2
    return 1
}

# busybox_tar FILE: a tree of busybox and its many names, with this machine's /etc.
busybox_tar() {
    want busybox busybox-static >&2
    busybox=$(command -v busybox) || return 1
    tree=$(mktemp -d)
    mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/tmp"
    chmod 1777 "$tree/tmp"
    cp "$busybox" "$tree/bin/busybox"
    "$busybox" --list | while read -r name; do
        [ "$name" = busybox ] || ln -s busybox "$tree/bin/$name"
    done
    # Private parts of /etc may be unreadable; what is readable will do.
    tar -c --numeric-owner -f "$1" -C "$tree" . -C / etc 2>/dev/null || true
    rm -rf "$tree"
    [ -s "$1" ]
}

# host_tar FILE: parts of this machine that every machine has.
host_tar() {
    tar -c --numeric-owner --one-file-system -f "$1" -C / etc usr/bin usr/share/doc 2>/dev/null || true
    [ -s "$1" ]
}
