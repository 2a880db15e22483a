/* An agent as micro VMs have one: starts at boot, says on the serial port that it runs and what it sees, and, since this
 * one has nothing else to do, ends the machine: a reset is what ends a micro VM. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

static void first_line(const char *path, char *line, int size)
{
    int fd = open(path, O_RDONLY);
    int n = fd < 0 ? -1 : (int)read(fd, line, size - 1);

    if (fd >= 0)
        close(fd);
    line[n < 0 ? 0 : n] = 0;
    line[strcspn(line, "\n")] = 0;
}

int main(void)
{
    char name[65], motd[65];
    struct stat home;
    FILE *serial = fopen("/dev/ttyS0", "w");
    int fd = open("/var/lib/agent/booted", O_WRONLY | O_CREAT, 0644);

    if (!serial)
        return 1;
    first_line("/etc/hostname", name, sizeof name);
    first_line("/etc/motd", motd, sizeof motd);
    fprintf(serial, "agent: running on %s: %s\n", name, motd);
    if (stat("/home/builder", &home) == 0)
        fprintf(serial, "agent: /home/builder belongs to %u:%u\n", home.st_uid, home.st_gid);
    if (fd >= 0 && write(fd, "yes\n", 4) == 4 && fsync(fd) == 0)
        fprintf(serial, "agent: the root file system is writable\n");
    fclose(serial);
    sync();
    reboot(RB_AUTOBOOT);
    return 1;
}
