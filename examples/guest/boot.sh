# Boots an image in QEMU's microvm machine, whose devices are Firecracker's, without KVM. Source it after
# scripts/lib/common.sh.
#
# Debian's kernel for clouds has virtio as modules, and does not read from its command line where a micro VM has its disk: an
# initrd of busybox loads the modules, with one of our own that says it, and goes on to the image. A kernel made for
# Firecracker has all that built in and needs no initrd.

# guest_kernel: prepares the kernel and its initrd; sets GUEST, the directory with both.
guest_kernel() {
    want qemu-system-x86_64 qemu-system-x86 cpio cpio depmod kmod make make
    GUEST=$CACHE/guest
    [ ! -s "$GUEST/initrd" ] || return 0
    note "making a kernel to boot with; it is kept in $GUEST"
    rm -rf "$GUEST"
    mkdir -p "$GUEST/tree" "$GUEST/module" "$GUEST/root/bin"
    guest_packages >"$GUEST/log" 2>&1 || die "could not get a kernel (see $GUEST/log)"
    modules=$GUEST/tree/lib/modules/$(ls "$GUEST/tree/lib/modules")
    release=$(basename "$modules")
    cp "$ROOT/examples/guest/mmio_disk.c" "$GUEST/module"
    echo 'obj-m := mmio_disk.o' >"$GUEST/module/Makefile"
    make -s -C "/usr/src/linux-headers-$release" M="$GUEST/module" modules >>"$GUEST/log" 2>&1 ||
        die "could not compile a module (see $GUEST/log)"

    depmod -b "$GUEST/tree" "$release"
    for module in virtio_mmio virtio_blk ext4; do
        # What a module depends on comes behind it, and must be loaded before it. What is built in has no line.
        line=$(grep "/$module\.ko" "$modules/modules.dep" | head -n 1)
        for file in $(printf '%s\n' "${line%%:*} ${line#*:}" | tr ' ' '\n' | sed '/^$/d' | tac); do
            cp "$modules/$file" "$GUEST/root/"
            basename "$file"
        done
    done | awk '!seen[$0]++' >"$GUEST/root/modules"
    mv "$GUEST"/tree/busybox-static_*.deb "$GUEST/busybox.deb"
    cp "$GUEST/module/mmio_disk.ko" "$GUEST/tree/bin/busybox" "$GUEST/root/"
    cp "$ROOT/examples/guest/init" "$GUEST/root/init"
    mv "$GUEST/root/busybox" "$GUEST/root/bin/"
    cp "$GUEST"/tree/boot/vmlinuz-* "$GUEST/vmlinuz"
    (cd "$GUEST/root" && find . | cpio -o -H newc --quiet | gzip -1) >"$GUEST/initrd.new"
    mv "$GUEST/initrd.new" "$GUEST/initrd"
    rm -rf "$GUEST/tree" "$GUEST/module" "$GUEST/root"
}

# guest_packages: unpacks Debian's kernel and busybox, and installs the kernel's headers.
guest_packages() (
    set -e
    cd "$GUEST/tree"
    as_root apt-get update -qq || true
    kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | tail -n 1)
    as_root apt-get install -qq -y --no-install-recommends "linux-headers-${kernel#linux-image-}"
    apt-get download -qq "$kernel" busybox-static
    for deb in *.deb; do dpkg-deb -x "$deb" .; done
)

# guest_agent FILE: compiles the agent.
guest_agent() {
    want cc gcc
    cc -Os -static -o "$1" "$ROOT/examples/guest/agent.c"
}

# boot IMAGE: boots it and shows what the serial port says; fails unless the agent reported.
boot() {
    guest_kernel
    timeout 120 qemu-system-x86_64 -accel tcg -M microvm,acpi=off,rtc=on -cpu max -m 256 -nodefaults -no-reboot \
        -display none -serial stdio -kernel "$GUEST/vmlinuz" -initrd "$GUEST/initrd" \
        -append "console=ttyS0 quiet panic=-1 reboot=t" \
        -drive "id=root,file=$1,format=raw,if=none" -device virtio-blk-device,drive=root </dev/null |
        tee "$TMP/serial"
    grep -q '^agent: running' "$TMP/serial" || die "$1: no agent reported"
}
