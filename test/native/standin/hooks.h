#pragma once

#include <napi.h>

namespace standin {

/**
 * Adds `standin` to the addon: `report()` says what is alive, what was done and which rules were broken;
 * `configure(words)` sets the faults (standin/device.h).
 */
void expose(Napi::Env env, Napi::Object exports);

}  // namespace standin
