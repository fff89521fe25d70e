#pragma once

#include <cstdint>

#include "backend/anywhere.h"

namespace convsweep {

/** splitmix64's finaliser (Steele, Lea and Flood, 2014). */
CONVSWEEP_ANYWHERE inline uint64_t hash(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/** The key of a dropout layer's masks in optimizer step `step`. */
CONVSWEEP_ANYWHERE inline uint64_t dropoutKey(uint32_t seed, unsigned stream, int64_t step) {
  return hash((static_cast<uint64_t>(seed) << 32 | stream) ^ hash(static_cast<uint64_t>(step)));
}

/**
 * What element `i` of the batch is multiplied by: 0, or 1 / (1 - rate). From a counter, not a state: an
 * element is dropped or not whatever ran before.
 */
CONVSWEEP_ANYWHERE inline float dropoutFactor(uint64_t key, uint64_t i, float rate) {
  const float uniform = static_cast<float>(hash(key + i) >> 40) * 0x1p-24f;
  return uniform < rate ? 0 : 1 / (1 - rate);
}

}  // namespace convsweep
