#!/bin/sh
# What makes a base system the root file system of a micro VM: the classic script, in the form for Debian.
#
# It runs in a container whose /my-rootfs is the image, or, where /my-rootfs is missing, in the image itself. /packages has
# packages to install and the agent: with a network, `apt-get install -y busybox-static` does as well.

set -eu

dpkg -i /packages/*.deb

# A small init, which starts the services that are linked in /etc/rc2.d.
ln -sf /bin/busybox /sbin/init
cat >/etc/inittab <<'END'
::sysinit:/bin/busybox mount -t proc proc /proc
::sysinit:/bin/busybox mount -o remount,rw /
::once:/bin/run-parts /etc/rc2.d
END
printf '#!/bin/sh\n/usr/local/bin/agent &\n' >/etc/init.d/agent
chmod 755 /etc/init.d/agent
mkdir -p /etc/rc2.d
rm -f /etc/rc2.d/*
ln -s ../init.d/agent /etc/rc2.d/S10agent

install -m 755 /packages/agent /usr/local/bin/agent
install -d -m 750 /var/lib/agent

echo root:secret | chpasswd
id builder >/dev/null 2>&1 || useradd --create-home --uid 1000 --user-group builder
echo "made with liveroot" >/etc/motd

root=
if [ -d /my-rootfs ]; then
    root=/my-rootfs
    for d in bin etc home lib root sbin usr var; do tar c "/$d" | tar x -C "$root"; done 2>/dev/null
    # Links to directories in /usr, which may or may not be there.
    for d in lib32 lib64 libx32; do
        if [ -e "/$d" ]; then tar c "/$d" | tar x -C "$root"; fi
    done 2>/dev/null
    mkdir -p "$root/dev" "$root/proc" "$root/run" "$root/sys" "$root/tmp"
fi
chmod 1777 "$root/tmp"
chown -R 1000:1000 "$root/home/builder"
# A container engine has its own files mounted over these.
rm -f "$root/etc/hostname" "$root/etc/resolv.conf" 2>/dev/null || :
echo microvm >"$root/etc/hostname"
echo "nameserver 1.1.1.1" >"$root/etc/resolv.conf"
