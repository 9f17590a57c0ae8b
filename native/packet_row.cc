// SPDX-License-Identifier: MIT
#include "columns.h"
#include "packet_log.h"

namespace
{

/* The fields of a PacketRow, in the order of src/native.ts. */
template <class Field> void packet_fields(Field field, const packet_log::entry &e)
{
	field("stream", e.stream);
	field("ssrc", e.packet.ssrc);
	field("seconds", e.packet.now / NS_PER_S);
	field("nanoseconds", e.packet.now % NS_PER_S);
	field("payloadType", e.packet.payload_type);
	field("sequence", e.packet.sequence);
	field("timestamp", e.packet.timestamp);
	field("marker", e.packet.marker);
	field("isFirst", e.packet.is_first);
	field("gapNs", e.packet.gap_ns);
	field("lostBefore", e.packet.lost_before);
	field("clockRate", e.packet.clock_rate);
	field("jitterNsQ8", e.packet.jitter);
	field("jitterRfc3550NsQ8", e.packet.jitter_rfc3550);
}

} // namespace

Napi::Object packets_value(Napi::Env env, const std::vector<packet_log::entry> &packets)
{
	struct record_rows rows;

	for (const packet_log::entry &e : packets)
		add_row(&rows, [&](auto field) { packet_fields(field, e); });
	return columns_value(env, columns_of([](auto field) { packet_fields(field, {}); }), rows);
}
