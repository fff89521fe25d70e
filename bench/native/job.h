#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/network.h"
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

/** The network and the images that the native benchmarks work on. */
namespace convsweep::bench {

inline Layer layerOf(const char* type) {
  Layer layer;
  layer.type = type;
  return layer;
}

struct Digits {
  std::vector<uint8_t> images, labels;
};

inline Digits readDigits(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  Digits digits;
  for (size_t at = 0; at + 785 <= bytes.size(); at += 785) {
    digits.labels.push_back(static_cast<uint8_t>(bytes[at]));
    digits.images.insert(digits.images.end(), bytes.begin() + static_cast<long>(at) + 1,
                         bytes.begin() + static_cast<long>(at) + 785);
  }
  if (digits.labels.empty()) {
    std::fprintf(stderr, "%s holds no digits; write it with: node bench/native/digits.mjs %s\n", path.c_str(),
                 path.c_str());
    std::exit(1);
  }
  return digits;
}

inline Digits strokes(size_t count) {
  std::mt19937 random(1);
  Digits digits;
  for (size_t n = 0; n < count; ++n) {
    std::vector<uint8_t> image(784);
    double x = 14, y = 14, angle = 0.1 * static_cast<double>(n % 10);
    for (int step = 0; step < 40; ++step) {
      angle += (static_cast<double>(random() % 1000) / 1000 - 0.4) * 0.8;
      x = std::clamp(x + std::cos(angle), 5.0, 21.0);
      y = std::clamp(y + std::sin(angle), 5.0, 21.0);
      for (int d = 0; d < 4; ++d)
        image[(static_cast<size_t>(y) + d / 2) * 28 + static_cast<size_t>(x) + d % 2] =
            static_cast<uint8_t>(128 + random() % 128);
    }
    digits.labels.push_back(static_cast<uint8_t>(n % 10));
    digits.images.insert(digits.images.end(), image.begin(), image.end());
  }
  return digits;
}

inline void initialise(Network& network) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 0.08f);
  std::vector<float> parameters(network.plan().parameterCount),
      statistics(network.plan().statisticCount, 1.0f);
  for (float& p : parameters) p = normal(random);
  for (const auto& block : network.plan().blocks) {
    if (const auto* norm = std::get_if<NormSpec>(&block)) {
      std::fill_n(parameters.begin() + static_cast<long>(norm->parameters.first), norm->channels, 1.0f);
      std::fill_n(parameters.begin() + static_cast<long>(norm->parameters.second), norm->channels, 0.0f);
      std::fill_n(statistics.begin() + static_cast<long>(norm->statistics), norm->channels, 0.0f);
    }
  }
  StateView view;
  view.parameters = parameters;
  view.statistics = statistics;
  network.writeState(view);
}

/** As the addon's threads have it: numbers too small to matter would make arithmetic slow. */
inline void flushDenormals() {
#if defined(__SSE2__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
}

}  // namespace convsweep::bench
