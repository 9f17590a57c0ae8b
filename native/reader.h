// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_READER_H
#define RTCPROBE_NATIVE_READER_H

#include <variant>

#include "dump.h"
#include "pcap.h"

using capture_reader = std::variant<pcap_reader, pcapng_reader, rtpdump_reader, text_log_reader>;

/* The reader that the file's first bytes ask for. Throws ERR_PCAP_FORMAT if it is none of them. */
capture_reader open_reader(input *file);

#endif
