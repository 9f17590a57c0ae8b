// SPDX-License-Identifier: MIT
#include <napi.h>

#include "lines.h"
#include "probe.h"
#include "record.h"
#include "sources.h"

/* What src/native.ts calls Addon. Nothing is static: every environment that loads the addon has its own. */
static Napi::Object init(Napi::Env env, Napi::Object exports)
{
	exports.Set("openProbe", Napi::Function::New<open_probe>(env, "openProbe"));
	exports.Set("openPacketSource", Napi::Function::New<open_packet_source>(env, "openPacketSource"));
	exports.Set("openCapture", Napi::Function::New<open_capture>(env, "openCapture"));
	exports.Set("writeLines", Napi::Function::New<write_lines>(env, "writeLines"));
	exports.Set("writeColumns", Napi::Function::New<write_columns>(env, "writeColumns"));
	exports.Set("histogramNs", histogram_value(env));
	return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, init)
