#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "backend/adam.h"
#include "backend/backend.h"
#include "engine/layer.h"

namespace convsweep {

/**
 * Read lib/native/contract.ts' plain objects into plain structs. All throw TypeError naming the field that is
 * missing or mistyped: no field has a default. Reading one may run JavaScript, which may change anything:
 * whoever needs pointers or the state of an object takes them after everything was read.
 */
Napi::Object objectFrom(const Napi::Value& value, const std::string& name);
std::vector<Layer> layersFrom(const Napi::Value& value);
Adam adamFrom(const Napi::Value& value);
Precision precisionFrom(const Napi::Value& value);
/** As precisionFrom reads it. Throws nothing. */
const char* nameOf(Precision precision);
/** An integer from `least` to `most`, both of which a double holds exactly. */
int64_t integerFrom(const Napi::Value& value, const std::string& name, int64_t least, int64_t most);
bool booleanFrom(const Napi::Value& value, const std::string& name);
Napi::Uint8Array bytesFrom(const Napi::Value& value, const std::string& name);
Napi::Float32Array floatsFrom(const Napi::Value& value, const std::string& name);

/** The numbers of a Uint32Array, copied: JavaScript may change the array while a thread works on them. */
std::vector<uint32_t> indicesFrom(const Napi::Value& value, const std::string& name);

/** Through JavaScript's constructor, which throws where memory runs out; Node-API's ends the process. */
Napi::Float32Array newFloat32Array(Napi::Env env, size_t size);

}  // namespace convsweep
