// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_SOURCES_H
#define RTCPROBE_NATIVE_SOURCES_H

#include <napi.h>

/* The functions that the addon exports beside probe.h's: openPacketSource and openCapture of src/native.ts. */
Napi::Value open_packet_source(const Napi::CallbackInfo &info);
Napi::Value open_capture(const Napi::CallbackInfo &info);

#endif
