// SPDX-License-Identifier: MIT
#ifndef RTCPROBE_NATIVE_SOURCE_H
#define RTCPROBE_NATIVE_SOURCE_H

#include <napi.h>

/* What every source does with an observer of its own, in JavaScript's terms. The caller holds the observer. */
struct observer;
struct snapshot;

/* Keys of the tags that nobody can guess. */
void random_keys(struct tag_keys *keys);
/* Collect the rows and tallies; times are the caller's. */
void observer_snapshot(struct observer *o, struct snapshot *s);
/* origin(kind, id) and retire(kind, ids). */
Napi::Value observer_origin(const struct observer *o, const Napi::CallbackInfo &info);
void observer_retire(struct observer *o, const Napi::CallbackInfo &info);

#endif
