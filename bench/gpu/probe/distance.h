#pragma once

#include <cmath>
#include <vector>

namespace convsweep::probe {

/** The Euclidean distance, relative to the norm of what is expected. */
inline double distance(const std::vector<float>& actual, const std::vector<double>& expected) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(difference / (norm > 0 ? norm : 1));
}

}  // namespace convsweep::probe
