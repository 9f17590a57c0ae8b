/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_FUNCTION_H
#define RTCPROBE_CORE_FUNCTION_H

/*
 * A long function. The kernel's build defines this as a global function before it includes core: the verifier then walks
 * it once instead of once per path to it, which is most of the time a load takes. Such a function returns an int, takes at
 * most five arguments and must bear null pointers, for the verifier asks for that.
 */
#ifndef LONG_FUNCTION
#define LONG_FUNCTION static inline
#endif

/* A function of the usual path: part of its caller, whatever a compiler thinks of its length. */
#define SHORT_FUNCTION static inline __attribute__((always_inline))

#endif
