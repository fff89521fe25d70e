#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "bench/gpu/probe/fact.h"

namespace convsweep::probe {

/**
 * Prints what `measure` finds out of a call for `n` images, and its status: `ok`, or the Error that was
 * thrown. Returns false if the device is lost to this process.
 */
bool printCallFact(const std::string& call, size_t n, bool tf32, size_t offset,
                   const std::function<void(Fact&)>& measure);

}  // namespace convsweep::probe
