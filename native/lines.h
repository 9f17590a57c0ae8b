// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_LINES_H
#define RTCPROBE_NATIVE_LINES_H

#include <napi.h>

/* What src/native.ts calls writeLines and writeColumns. */
Napi::Value write_lines(const Napi::CallbackInfo &info);
Napi::Value write_columns(const Napi::CallbackInfo &info);

#endif
