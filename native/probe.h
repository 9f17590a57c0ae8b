// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_PROBE_H
#define RTCPROBE_NATIVE_PROBE_H

#include <napi.h>

/* openProbe of src/native.ts: the eBPF program on the UDP socket hooks of one cgroup. */
Napi::Value open_probe(const Napi::CallbackInfo &info);

#endif
