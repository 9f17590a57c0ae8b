// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "capture.h"
#include "columns.h"
#include "record.h"
#include "source.h"
#include "sources.h"
#include "value.h"

namespace
{

/* The interface Capture of src/native.ts. The file is read on a thread of the pool; until that is done all else is refused. */
class capture_source : public Napi::ObjectWrap<capture_source>
{
public:
	static Napi::Function define(Napi::Env env);
	explicit capture_source(const Napi::CallbackInfo &info);
	~capture_source() override;

	void read_done() { is_reading = false; }

private:
	Napi::Value snapshot(const Napi::CallbackInfo &info);
	Napi::Value origin(const Napi::CallbackInfo &info);
	Napi::Value read(const Napi::CallbackInfo &info);
	Napi::Value packets(const Napi::CallbackInfo &info);
	Napi::Value frames(const Napi::CallbackInfo &info);
	void retire(const Napi::CallbackInfo &info);
	void close(const Napi::CallbackInfo &info);
	void stop();
	capture &idle() const;
	static void teardown(void *source) { static_cast<capture_source *>(source)->stop(); }

	std::shared_ptr<capture> state; /* empty once closed; a read that is under way has a share */
	bool is_reading = false;
};

class read_worker : public Napi::AsyncWorker
{
public:
	read_worker(Napi::Env env, capture_source *source, std::shared_ptr<capture> opened, __u64 until)
		: AsyncWorker(env), deferred(Napi::Promise::Deferred::New(env)), state(std::move(opened)),
		  until_ns(until), owner(source), owner_reference(Napi::Persistent(source->Value()))
	{
	}

	Napi::Promise promise() const { return deferred.Promise(); }

protected:
	void Execute() override
	{
		try {
			more = state->read(until_ns);
		} catch (const native_error &error) {
			fault = error;
		} catch (const std::exception &error) {
			fault = native_error("ERR_MEMORY", error.what());
		}
	}

	void OnOK() override
	{
		owner->read_done();
		if (fault)
			deferred.Reject(error_value(Env(), *fault).Value());
		else
			deferred.Resolve(Napi::Boolean::New(Env(), more));
	}

private:
	Napi::Promise::Deferred deferred;
	std::shared_ptr<capture> state;
	std::optional<native_error> fault;
	__u64 until_ns;
	bool more = false;
	capture_source *owner;
	Napi::ObjectReference owner_reference; /* keeps it while the read lasts */
};

/* Nanoseconds of a time in milliseconds; absent is for ever. */
__u64 until_argument(const Napi::CallbackInfo &info)
{
	constexpr __u64 never = std::numeric_limits<__u64>::max();
	double ms, fraction;

	if (info[0].IsUndefined())
		return never;
	if (!info[0].IsNumber())
		throw Napi::TypeError::New(info.Env(), "untilMs must be a number");
	ms = info[0].As<Napi::Number>().DoubleValue();
	if (!(ms >= 0))
		throw Napi::RangeError::New(info.Env(), "untilMs must not be negative");
	if (ms > 1e13) /* later than the last time that a capture can hold */
		return never;
	fraction = std::modf(ms, &ms);
	return static_cast<__u64>(ms) * 1000000 + static_cast<__u64>(std::lround(fraction * 1e6));
}

Napi::Function capture_source::define(Napi::Env env)
{
	return DefineClass(env, "Capture",
			   {
				   InstanceMethod<&capture_source::snapshot>("snapshot"),
				   InstanceMethod<&capture_source::origin>("origin"),
				   InstanceMethod<&capture_source::read>("read"),
				   InstanceMethod<&capture_source::packets>("packets"),
				   InstanceMethod<&capture_source::frames>("frames"),
				   InstanceMethod<&capture_source::retire>("retire"),
				   InstanceMethod<&capture_source::close>("close"),
			   });
}

capture_source::capture_source(const Napi::CallbackInfo &info) : ObjectWrap(info)
{
	cross_boundary(info.Env(), [&] {
		Napi::Object options = object_argument(info, 1, "options");
		auto opened = std::make_shared<capture>(string_argument(info, 0, "path"));

		random_keys(&opened->observer.config.keys);
		clock_rates_option(options, opened->observer.config.clock_rates);
		if (options.Get("packets").ToBoolean())
			opened->keep_packets();
		if (!options.Get("probes").IsUndefined())
			opened->observer.probes = probes_from(info.Env(), options.Get("probes"));
		for (const std::string &address : strings_from(info.Env(), options.Get("local"), "local"))
			opened->local.push_back(local_address_from(address));
		state = std::move(opened);
	});
	/* An environment that ends waits for its threads; one that waits for a pipe must be told. */
	napi_add_env_cleanup_hook(info.Env(), teardown, this);
}

capture_source::~capture_source()
{
	napi_remove_env_cleanup_hook(Env(), teardown, this);
	stop();
}

void capture_source::stop()
{
	if (state)
		state->stop();
	state.reset();
}

/* The state, for this thread alone. */
capture &capture_source::idle() const
{
	if (!state)
		throw native_error("ERR_CLOSED", "the capture is closed");
	if (is_reading)
		throw native_error("ERR_BUSY", "the capture is being read");
	return *state;
}

Napi::Value capture_source::read(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	auto deferred = Napi::Promise::Deferred::New(env);

	try {
		return cross_boundary(env, [&] {
			__u64 until = until_argument(info);

			(void)idle();
			auto *worker = new read_worker(env, this, state, until);

			worker->Queue(); /* deletes itself when done */
			is_reading = true;
			return worker->promise();
		});
	} catch (const Napi::Error &error) { /* a function of promises does not throw */
		deferred.Reject(error.Value());
		return deferred.Promise();
	}
}

Napi::Value capture_source::snapshot(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&] {
		capture &from = idle();
		struct snapshot taken(info[0]);

		taken.at_ns = taken.epoch_ns = from.clock_ns();
		observer_snapshot(&from.observer, &taken);
		return snapshot_value(info.Env(), taken);
	});
}

Napi::Value capture_source::origin(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&] { return observer_origin(&idle().observer, info); });
}

void capture_source::retire(const Napi::CallbackInfo &info)
{
	cross_boundary(info.Env(), [&] { observer_retire(&idle().observer, info); });
}

Napi::Value capture_source::packets(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&] { return packets_value(info.Env(), idle().take_packets()); });
}

Napi::Value capture_source::frames(const Napi::CallbackInfo &info)
{
	return cross_boundary(info.Env(), [&] {
		const capture &from = idle();
		Napi::Object value = Napi::Object::New(info.Env());

		value.Set("total", static_cast<double>(from.frames));
		value.Set("other", static_cast<double>(from.frames_other));
		value.Set("truncatedFile", from.is_truncated);
		value.Set("nextMs", milliseconds(from.next_ns()));
		return value;
	});
}

/* A read that is under way is stopped, and rejects. */
void capture_source::close(const Napi::CallbackInfo &)
{
	stop();
}

} // namespace

Napi::Value open_capture(const Napi::CallbackInfo &info)
{
	return capture_source::define(info.Env()).New({ info[0], info[1] });
}
