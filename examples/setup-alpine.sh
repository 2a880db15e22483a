#!/bin/sh
# setup.sh in the form for Alpine: `docker run --rm -i -v "$PWD/mnt:/my-rootfs" alpine sh < setup-alpine.sh`.

set -eu

apk add --no-cache openrc util-linux

# A console, and the services of a small system.
ln -s agetty /etc/init.d/agetty.ttyS0
echo ttyS0 >/etc/securetty
rc-update add agetty.ttyS0 default
rc-update add devfs boot
rc-update add procfs boot
rc-update add sysfs boot

# The agent, from a directory that the container was given: -v "$PWD/packages:/packages:ro".
install -m 755 /packages/agent /usr/local/bin/agent
install -d -m 750 /var/lib/agent
printf '#!/sbin/openrc-run\ncommand=/usr/local/bin/agent\ncommand_background=true\npidfile=/run/agent.pid\n' >/etc/init.d/agent
chmod 755 /etc/init.d/agent
rc-update add agent default

echo root:secret | chpasswd
adduser -D -u 1000 builder
echo "nameserver 1.1.1.1" >/etc/resolv.conf

for d in bin etc home lib root sbin usr; do tar c "/$d" | tar x -C /my-rootfs; done
for d in dev proc run sys tmp var; do mkdir -p "/my-rootfs/$d"; done
cp -a /var/lib /my-rootfs/var/
chmod 1777 /my-rootfs/tmp
chown -R 1000:1000 /my-rootfs/home/builder
