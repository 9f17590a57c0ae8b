/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_COLD_H
#define RTCPROBE_CORE_COLD_H

/*
 * A function that the usual packet does not call. The kernel's build defines COLD as a global function before it includes
 * core: the verifier then walks it once instead of once per path to it, which is most of the time a load takes. Such a
 * function returns an int and must bear null pointers, for the verifier asks for both.
 */
#ifndef COLD
#define COLD static inline
#endif

#endif
