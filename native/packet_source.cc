// SPDX-License-Identifier: MIT
#include <memory>

#include "clock.h"
#include "packet.h"
#include "record.h"
#include "source.h"
#include "sources.h"
#include "value.h"

namespace
{

/* The interface PacketSource of src/native.ts. */
class packet_source : public Napi::ObjectWrap<packet_source>
{
public:
	static Napi::Function define(Napi::Env env);
	explicit packet_source(const Napi::CallbackInfo &info);

private:
	Napi::Value snapshot(const Napi::CallbackInfo &info);
	Napi::Value origin(const Napi::CallbackInfo &info);
	Napi::Value probes(const Napi::CallbackInfo &info);
	Napi::Value frames_missed(const Napi::CallbackInfo &info);
	void set_probes(const Napi::CallbackInfo &info);
	void retire(const Napi::CallbackInfo &info);
	void close(const Napi::CallbackInfo &info);
	packet_stream &open() const;

	std::unique_ptr<packet_stream> state; /* empty once closed; its end joins the thread */
};

Napi::Function packet_source::define(Napi::Env env)
{
	return DefineClass(env, "PacketSource",
			   {
				   InstanceMethod<&packet_source::snapshot>("snapshot"),
				   InstanceMethod<&packet_source::origin>("origin"),
				   InstanceMethod<&packet_source::probes>("probes"),
				   InstanceMethod<&packet_source::frames_missed>("framesMissed"),
				   InstanceMethod<&packet_source::set_probes>("setProbes"),
				   InstanceMethod<&packet_source::retire>("retire"),
				   InstanceMethod<&packet_source::close>("close"),
			   });
}

packet_source::packet_source(const Napi::CallbackInfo &info) : ObjectWrap(info)
{
	cross_boundary(info.Env(), [&] {
		Napi::Object options = object_argument(info, 0, "options");
		std::string interface =
			options.Get("interface").IsUndefined() ? "" : string_option(options, "interface");
		__u32 probes = probes_from(info.Env(), options.Get("probes"));
		auto opened = std::make_unique<packet_stream>(interface, slots_option(options, "maxStreams"),
							      slots_option(options, "maxPairs"));

		opened->with_observer([&](struct observer *o) {
			random_keys(&o->config.keys);
			clock_rates_option(options, o->config.clock_rates);
		});
		opened->set_probes(probes);
		state = std::move(opened);
	});
}

packet_stream &packet_source::open() const
{
	if (!state)
		throw native_error("ERR_CLOSED", "the packet source is closed");
	return *state;
}

Napi::Value packet_source::snapshot(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&] {
		struct snapshot taken(info[0]);

		open().with_observer([&](struct observer *o) {
			taken.at_ns = read_clock(CLOCK_MONOTONIC);
			taken.epoch_ns = read_clock(CLOCK_REALTIME);
			observer_snapshot(o, &taken);
		});
		return snapshot_value(info.Env(), taken);
	});
}

Napi::Value packet_source::origin(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&] {
		return open().with_observer([&](struct observer *o) { return observer_origin(o, info); });
	});
}

Napi::Value packet_source::probes(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&] {
		return probes_value(info.Env(), open().with_observer([](struct observer *o) { return o->probes; }));
	});
}

Napi::Value packet_source::frames_missed(const Napi::CallbackInfo &info)
{
	return cross_boundary(
		info.Env(), [&] { return Napi::Number::New(info.Env(), static_cast<double>(open().frames_missed())); });
}

void packet_source::set_probes(const Napi::CallbackInfo &info)
{
	cross_boundary(info.Env(), [&] { open().set_probes(probes_from(info.Env(), info[0])); });
}

void packet_source::retire(const Napi::CallbackInfo &info)
{
	cross_boundary(info.Env(),
		       [&] { open().with_observer([&](struct observer *o) { observer_retire(o, info); }); });
}

void packet_source::close(const Napi::CallbackInfo &)
{
	state.reset();
}

} // namespace

Napi::Value open_packet_source(const Napi::CallbackInfo &info)
{
	return packet_source::define(info.Env()).New({ info[0] });
}
