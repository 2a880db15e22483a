// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Tells Debian's kernel where a micro VM has its virtio device. Firecracker and QEMU's microvm say so on the kernel's
 * command line (virtio_mmio.device=SIZE@BASE:IRQ), which a kernel made for them reads and Debian's does not.
 */

#include <linux/module.h>
#include <linux/platform_device.h>

static unsigned long base;
module_param(base, ulong, 0);
static unsigned long size = 512;
module_param(size, ulong, 0);
static int irq;
module_param(irq, int, 0);

static struct platform_device *device;

static int __init mmio_disk_init(void)
{
	struct resource resources[] = {
		DEFINE_RES_MEM(base, size),
		DEFINE_RES_IRQ(irq),
	};

	device = platform_device_register_simple("virtio-mmio", PLATFORM_DEVID_AUTO, resources, 2);
	return PTR_ERR_OR_ZERO(device);
}

module_init(mmio_disk_init);
MODULE_DESCRIPTION("A virtio-mmio device where the parameters say");
MODULE_LICENSE("Dual MIT/GPL");
