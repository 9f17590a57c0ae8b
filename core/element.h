/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_ELEMENT_H
#define RTCPROBE_CORE_ELEMENT_H

#include "extension.h"
#include "jitter.h"

/*
 * What the elements of a stream's header extensions are. Their ids are agreed on in SDP, which nobody shows us: an id is
 * believed to be of a kind only after it behaved like one, packet after packet. What an endpoint encrypts (RFC 6904) or what
 * is none of these behaves like none.
 */
enum element_kind {
	ELEMENT_ABSENT, /* never seen: nothing else is valid */
	ELEMENT_UNKNOWN,
	ELEMENT_LEVEL,     /* RFC 6464 */
	ELEMENT_SEND_TIME, /* abs-send-time */
	ELEMENT_FRAME,     /* AV1 dependency descriptor */
	ELEMENT_TEXT,      /* mid, or rid: RFC 8843, RFC 8852 */
};

enum {
	ELEMENT_LEVELS = 64,       /* packets with a level before it is believed */
	ELEMENT_LEVEL_CHANGE = 20, /* mean step in dB that speech stays below; random numbers have 43 */
	ELEMENT_TEXTS = 16,        /* packets with the same text */
	ELEMENT_TEXT_SIZE = 8,     /* longer ones are not looked at */
	ELEMENT_SEND_TIMES = 8,    /* steps of 100 ms at least */
	ELEMENT_SEND_STEP_NS = 100000000,
	ELEMENT_FRAMES = 32,        /* frames that begin by the descriptor's rules */
	ELEMENT_LEARNING = 1 << 13, /* packets with extensions after which what is unknown stays so */
	SEND_TIME_BITS = 24,
	SEND_TIME_FRACTION = 18,           /* of a second */
	SEND_TIME_RESTART_NS = 2000000000, /* a larger |D| is a sender that began anew */
};

struct element {
	__u32 value;   /* of the packet before; of a send time that of the step before */
	__u16 changes; /* sum of the steps of a level, in dB */
	__u16 frame;   /* number of a descriptor's frame */
	__u8 kind;     /* enum element_kind */
	__u8 times;    /* packets with a level so far; or steps in a row that behaved like a send time */
	__u8 texts;    /* packets in a row with the same text */
	__u8 frames;   /* frames in a row that began as a descriptor says */
};

_Static_assert(sizeof(struct element) == 12, "element is part of a map value: no padding");

/* What a packet in order tells beside its elements. */
struct element_packet {
	__u64 step_ns;  /* since the last step for send times; 0 = this packet is none */
	__u8 new_frame; /* its timestamp is another than that of the packet before */
	__u8 next;      /* its number is the next one */
	__u8 audio;     /* the clock is known, and is not that of video */
	__u8 reserved[5];
};

/* The time between two values of abs-send-time, which wrap every 64 s; below 0 if the second is the earlier one. */
static inline __s64 send_time_change(__u32 from, __u32 to)
{
	__s32 change = (__s32)((to - from) << (32 - SEND_TIME_BITS)) >> (32 - SEND_TIME_BITS);

	return (__s64)change * NS_PER_S >> SEND_TIME_FRACTION;
}

/* One byte. Speech goes up and down by little; who is muted says 127, which is no text; a mid never changes. */
static inline void element_learn_level(struct element *e, __u32 value)
{
	__u32 level = value & 127;

	e->changes += (__u16)magnitude((__s32)level - (__s32)(e->value & 127));
	if (++e->times < ELEMENT_LEVELS)
		return;
	if ((e->changes || level == 127) && e->changes <= ELEMENT_LEVELS * ELEMENT_LEVEL_CHANGE)
		e->kind = ELEMENT_LEVEL;
	e->times = 0;
	e->changes = 0;
}

/* Three bytes whose spacing is that of arrivals, within half of it. */
static inline void element_learn_send_time(struct element *e, __u32 value, __u64 step_ns)
{
	__s64 late = (__s64)step_ns - send_time_change(e->value, value);

	e->times = magnitude(late) <= step_ns / 2 ? e->times + 1 : 0;
	if (e->times >= ELEMENT_SEND_TIMES)
		e->kind = ELEMENT_SEND_TIME;
}

/* Start of frame, end of frame, six bits, and a number that grows by one with each frame of one layer or more. */
static inline void element_learn_frame(struct element *e, __u32 value, const struct element_packet *p)
{
	__u16 ahead = (__u16)(value - e->frame);
	int start = value >> 23 & 1;
	int good = start ? ahead >= 1 && ahead <= 16 : !p->new_frame && ahead == 0;

	if (p->next && !good)
		e->frames = 0;
	else if (p->next && p->new_frame) /* other elements may be constant, and only on packets that end a frame */
		e->frames++;
	e->frame = (__u16)value;
	if (e->frames >= ELEMENT_FRAMES)
		e->kind = ELEMENT_FRAME;
}

/* All ones if low <= c <= high, else 0: without a branch, which the verifier would walk for each byte. */
static inline __u64 between(__u32 c, __u32 low, __u32 high)
{
	__s64 outside = ((__s64)c - low) | ((__s64)high - c);

	__asm__("" : "+r"(outside)); /* else compilers make a branch of it again */
	return ~(__u64)(outside >> 63);
}

static inline int element_is_text(const struct datagram *d, __u32 at, __u32 size)
{
	__u64 text = ~0ULL;

	__asm__("" : "+r"(at)); /* as in extension_byte() */
	if (size == 0 || size > ELEMENT_TEXT_SIZE || at > (__u32)DATAGRAM_WINDOW - ELEMENT_TEXT_SIZE)
		return 0;
	for (__u32 i = 0; i < ELEMENT_TEXT_SIZE; i++) {
		__u32 c = d->bytes[at + i];

		text &= between(c, '0', '9') | between(c, 'A', 'Z') | between(c, 'a', 'z') | between(i, size, 255);
	}
	return text != 0;
}

/* One element that is not known yet, or is taken for text. True if its kind is another now. */
static inline int element_learn(struct element *e, const struct datagram *d, __u32 where,
				const struct element_packet *p)
{
	__u32 size = where & 255, value;
	__u8 before;
	int step;

	value = extension_value(d, where);
	before = e->kind;
	step = size == 3 ? p->step_ns != 0 : 1;
	if (e->kind == ELEMENT_ABSENT) {
		e->kind = ELEMENT_UNKNOWN;
		e->value = value;
		return 0;
	}
	if (value == e->value && element_is_text(d, where >> 8, size)) {
		if (e->texts < ELEMENT_TEXTS)
			e->texts++;
		else
			e->kind = ELEMENT_TEXT;
	} else {
		e->texts = 0;
		if (e->kind == ELEMENT_TEXT)
			e->kind = ELEMENT_UNKNOWN;
	}
	if (e->kind == ELEMENT_UNKNOWN && size == 1 && p->audio)
		element_learn_level(e, value);
	if (e->kind == ELEMENT_UNKNOWN && size == 3 && p->step_ns)
		element_learn_send_time(e, value, p->step_ns);
	if (e->kind == ELEMENT_UNKNOWN && size >= 3)
		element_learn_frame(e, size == 3 ? value : value >> 8, p);
	if (step)
		e->value = value;
	return e->kind != before;
}

#endif
