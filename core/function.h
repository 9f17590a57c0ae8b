/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_FUNCTION_H
#define RTCPROBE_CORE_FUNCTION_H

/*
 * A long function. The kernel's build defines this as a global function before it includes core: the verifier then walks
 * it once instead of once per path to it, which is most of the time a load takes. Such a function returns a number, takes at
 * most five arguments and must bear null pointers, for the verifier asks for that.
 */
#ifndef LONG_FUNCTION
#define LONG_FUNCTION static inline
#endif

/* 1 in the kernel's build, whose verifier walks every branch in every combination: there a detour is better than a branch. */
#ifndef WALKED
#define WALKED 0
#endif

/* Ahead of a loop over constants, where the compiler then knows each: a division by one is a multiplication. */
#ifndef UNROLLED
#define UNROLLED _Pragma("GCC unroll 8")
#endif

/*
 * Part of its caller, whatever a compiler thinks of its length: of the usual path, or with more arguments than the five that a
 * call in the kernel's build can have.
 */
#define SHORT_FUNCTION static inline __attribute__((always_inline))

#endif
