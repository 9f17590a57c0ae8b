// SPDX-License-Identifier: MIT
#include "probe.h"

#include <memory>

#include "kernel.h"
#include "record.h"
#include "source.h"
#include "value.h"

namespace
{

/* The interface Probe of src/native.ts. */
class probe_source : public Napi::ObjectWrap<probe_source>
{
public:
	static Napi::Function define(Napi::Env env);
	explicit probe_source(const Napi::CallbackInfo &info);
	~probe_source() override;

private:
	Napi::Value snapshot(const Napi::CallbackInfo &info);
	Napi::Value origin(const Napi::CallbackInfo &info);
	void retire(const Napi::CallbackInfo &info);
	void set_probes(const Napi::CallbackInfo &info);
	Napi::Value probes(const Napi::CallbackInfo &info);
	Napi::Value program_ids(const Napi::CallbackInfo &info);
	void close(const Napi::CallbackInfo &) { state.reset(); }

	static void teardown(void *source) { static_cast<probe_source *>(source)->state.reset(); }
	kernel_probe &opened() const;

	std::unique_ptr<kernel_probe> state; /* empty once closed */
};

Napi::Function probe_source::define(Napi::Env env)
{
	return DefineClass(env, "Probe",
			   {
				   InstanceMethod<&probe_source::snapshot>("snapshot"),
				   InstanceMethod<&probe_source::origin>("origin"),
				   InstanceMethod<&probe_source::retire>("retire"),
				   InstanceMethod<&probe_source::set_probes>("setProbes"),
				   InstanceMethod<&probe_source::probes>("probes"),
				   InstanceMethod<&probe_source::program_ids>("programIds"),
				   InstanceMethod<&probe_source::close>("close"),
			   });
}

probe_source::probe_source(const Napi::CallbackInfo &info) : ObjectWrap(info)
{
	cross_boundary(info.Env(), [&] {
		Napi::Object values = object_argument(info, 0, "options");
		kernel_options options;
		__u32 probes = probes_from(info.Env(), values.Get("probes"));

		options.cgroup = string_option(values, "cgroup");
		options.stream_slots = slots_option(values, "maxStreams");
		options.pair_slots = slots_option(values, "maxPairs");
		clock_rates_option(values, options.config.clock_rates);
		random_keys(&options.config.keys);
		state = std::make_unique<kernel_probe>(options);
		state->set_probes(probes);
	});
	napi_add_env_cleanup_hook(info.Env(), teardown, this);
}

probe_source::~probe_source()
{
	napi_remove_env_cleanup_hook(Env(), teardown, this);
}

kernel_probe &probe_source::opened() const
{
	if (!state)
		throw native_error("ERR_CLOSED", "the probe is closed");
	return *state;
}

Napi::Value probe_source::snapshot(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&] {
		struct snapshot taken(info[0]);

		opened().take_snapshot(&taken);
		return snapshot_value(info.Env(), taken);
	});
}

Napi::Value probe_source::origin(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&]() -> Napi::Value {
		enum record_kind kind = kind_argument(info, 0);
		__u32 id = id_argument(info, 1);
		struct stream stream;
		struct pair pair;
		struct report report;

		if (kind == RECORD_STREAM && opened().read_stream(id, &stream)) {
			const struct stream_detail *detail = opened().detail(id);

			return origin_value(info.Env(), detail->endpoints, detail->cgroup_id, detail->pid);
		}
		if (kind == RECORD_PAIR && opened().read_pair(id, &pair))
			return origin_value(info.Env(), pair);
		if (kind == RECORD_REPORT && opened().read_report(id, &report))
			return origin_value(info.Env(), report.endpoints, report.cgroup_id, report.pid);
		throw unknown_id(info.Env(), kind, id);
	});
}

void probe_source::retire(const Napi::CallbackInfo &info)
{
	cross_boundary(info.Env(), [&] {
		enum record_kind kind = kind_argument(info, 0);

		for (__u32 id : ids_argument(info, 1)) {
			switch (kind) {
			case RECORD_STREAM: opened().retire_stream(id); break;
			case RECORD_PAIR: opened().retire_pair(id); break;
			case RECORD_REPORT: opened().retire_report(id); break;
			}
		}
	});
}

void probe_source::set_probes(const Napi::CallbackInfo &info)
{
	cross_boundary(info.Env(), [&] { opened().set_probes(probes_from(info.Env(), info[0])); });
}

Napi::Value probe_source::probes(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&] { return probes_value(info.Env(), opened().probes()); });
}

Napi::Value probe_source::program_ids(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&] {
		std::vector<__u32> ids = opened().program_ids();
		Napi::Array value = Napi::Array::New(info.Env(), ids.size());

		for (__u32 i = 0; i < ids.size(); i++)
			value.Set(i, ids[i]);
		return value;
	});
}

} // namespace

Napi::Value open_probe(const Napi::CallbackInfo &info)
{
	return probe_source::define(info.Env()).New({ info[0] });
}
