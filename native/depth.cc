// SPDX-License-Identifier: MIT
#include "columns.h"

namespace
{

/* The fields of a DepthRecord, in the order of src/native.ts. */
template <class Field> void depth_fields(Field field, __u32 id, const struct stream_depth &d)
{
	field("id", id);
	field("packets", d.packets);
	field("gapMaxNs", d.gap_max_ns);
}

} // namespace

void depth_row(struct record_rows *rows, __u32 id, const struct stream &s, const struct stream_depth &d)
{
	if (s.evidence < STREAM_EVIDENCE || d.tag != s.tag)
		return;
	add_row(rows, [&](auto field) { depth_fields(field, id, d); });
}

Napi::Object depths_value(Napi::Env env, const struct record_rows &rows)
{
	return columns_value(env, columns_of([](auto field) { depth_fields(field, 0, {}); }), rows);
}
