/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* unshare, setns */
#include "rig.h"

#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

/* Without a shell's pitfalls: all arguments are ours. */
__attribute__((format(printf, 1, 2))) static void command(const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (system(text) != 0)
		errx(1, "failed: %s", text);
}

/* No router solicitations and no multicast reports: nothing but the load. */
static void silence_ipv6(void)
{
	int file = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);

	if (file >= 0 && write(file, "1", 1) != 1)
		warn("disable_ipv6");
	close(file);
}

static int namespace_open(void)
{
	int file;

	if (unshare(CLONE_NEWNET))
		err(1, "unshare");
	file = open("/proc/self/ns/net", O_RDONLY); /* not CLOEXEC: `ip` takes it by our number */
	if (file < 0)
		err(1, "namespace");
	silence_ipv6();
	return file;
}

struct network network_open(void)
{
	struct network n;

	setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
	n.receiver = namespace_open();
	n.sender = namespace_open();
	/* Who watches all namespaces tells ours by the name. */
	snprintf(n.interface, sizeof(n.interface), "far%d", getpid());
	command("ip link add near type veth peer name %s netns /proc/%d/fd/%d", n.interface, getpid(), n.receiver);
	command("ip address add 192.0.2.1/24 dev near && ip link set near up");
	if (setns(n.receiver, CLONE_NEWNET))
		err(1, "setns");
	command("ip address add 192.0.2.2/24 dev %s && ip link set %s up", n.interface, n.interface);
	return n;
}
