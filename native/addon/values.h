#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "engine/adam.h"
#include "engine/layer.h"
#include "ops/session.h"

namespace convsweep {

/** Reads lib/native.ts' plain objects into plain structs. Throws TypeError where the wrapper broke the
 * contract. */
std::vector<Layer> layersFrom(const Napi::Value& value);
Adam adamFrom(const Napi::Value& value);
Precision precisionFrom(const Napi::Value& value);

/** The numbers of a Uint32Array, copied: JavaScript may change the array while a thread works on them. */
std::vector<uint32_t> indicesFrom(const Napi::Value& value);

Napi::Float32Array toFloat32Array(Napi::Env env, const std::vector<float>& values);

}  // namespace convsweep
