#pragma once

#include <cstdint>

#include "backend/anywhere.h"

namespace convsweep::cuda {

/**
 * Where a network is in its epoch. It lies in device memory and each step moves it on, so that a recorded
 * step can be replayed as it is: nothing that changes from step to step is in the recording.
 */
struct Cursor {
  const uint8_t* images = nullptr;
  const uint8_t* labels = nullptr;
  /** The rows that the steps work on, in order. */
  const uint32_t* rows = nullptr;
  /** The rows [first, next) are in the chain now. */
  uint32_t first = 0, next = 0;
  /** The optimizer step, counted from 1; the last one between steps. */
  int64_t step = 0;
  /** Adam's for that step. */
  float stepSize = 0;
};

/** Sums over images since the last reset, on the device. */
struct DeviceTotals {
  double loss;
  unsigned long long correct, images;
};

/**
 * The order of an image's values: here channel by channel, in Keras position by position. Values without
 * positions have the same order in both.
 */
struct Order {
  uint32_t positions = 1, channels = 1;

  CONVSWEEP_ANYWHERE uint32_t size() const { return positions * channels; }
  CONVSWEEP_ANYWHERE uint32_t toKeras(uint32_t here) const {
    return here % positions * channels + here / positions;
  }
  CONVSWEEP_ANYWHERE uint32_t fromKeras(uint32_t there) const {
    return there % channels * positions + there / channels;
  }
};

}  // namespace convsweep::cuda
