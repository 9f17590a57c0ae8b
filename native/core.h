// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_CORE_H
#define RTCPROBE_NATIVE_CORE_H

/* The records of the core, which is C11, as C++ reads them. */
#define _Static_assert static_assert
#include "../core/config.h"
#include "../core/depth.h"
#include "../core/outcome.h"
#include "../core/pair.h"
#include "../core/report.h"
#include "../core/waiting.h"
#undef _Static_assert

#endif
