// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_FILTER_H
#define RTCPROBE_NATIVE_FILTER_H

/* Let only UDP through an AF_PACKET socket of type SOCK_RAW. Throws a native_error. */
void filter_udp(int socket);

#endif
