// Convolution of planes, with windows side by side in vectors. Compiled once per instruction set, see simd.h.
#include "cpu/conv/kernels_isa.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

/** Filters of a tile: with two vectors of windows each, their sums fill half of the registers. */
constexpr size_t kFiltersMost = kLanes == 16 ? 8 : 4;
constexpr size_t kTileWindows = 2 * kLanes;
/** Neighbouring weights of a tile of sums. */
constexpr size_t kTapsMost = 3;

/** Sums of windows times kernels: to[filter][window], filters kTileWindows apart. */
template <size_t kFilters, size_t kVectors>
void planeTile(const PlaneWindows& w, const float* first, const float* kernel, size_t filters,
               const float* bias, bool relu, float* to) {
  Vector sum[kFilters][kVectors];
#pragma GCC unroll 8
  for (size_t f = 0; f < kFilters; ++f) {
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; ++v) sum[f][v] = broadcast(bias ? bias[f] : 0);
  }
  for (size_t row = 0; row < w.rows; ++row) {
    for (size_t column = 0; column < w.columns; ++column) {
      const float* x = first + row * w.pitch + column;
      for (size_t c = 0; c < w.channels; ++c, x += w.size, kernel += filters) {
        Vector values[kVectors];
#pragma GCC unroll 2
        for (size_t v = 0; v < kVectors; ++v) values[v] = load(x + v * kLanes);
#pragma GCC unroll 8
        for (size_t f = 0; f < kFilters; ++f) {
          const Vector weight = broadcast(kernel[f]);
#pragma GCC unroll 2
          for (size_t v = 0; v < kVectors; ++v) sum[f][v] += weight * values[v];
        }
      }
    }
  }
#pragma GCC unroll 8
  for (size_t f = 0; f < kFilters; ++f) {
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; ++v)
      store(to + f * kTileWindows + v * kLanes, relu ? clip(sum[f][v]) : sum[f][v]);
  }
}

/** to[window][filter] = from[filter][window] */
template <size_t kFilters>
void turnTile(const float* from, size_t windows, float* to, size_t stride) {
  constexpr size_t kInFours = kFilters / 4 * 4;
  for (size_t f = 0; f < kInFours; f += 4) {
    size_t i = 0;
    for (; i + 4 <= windows; i += 4)
      transpose4(from + f * kTileWindows + i, kTileWindows, to + i * stride + f, stride);
    for (; i < windows; ++i) {
      for (size_t k = f; k < f + 4; ++k) to[i * stride + k] = from[k * kTileWindows + i];
    }
  }
  for (size_t f = kInFours; f < kFilters; ++f) {
    for (size_t i = 0; i < windows; ++i) to[i * stride + f] = from[f * kTileWindows + i];
  }
}

template <size_t kFilters>
void planeLine(const PlaneWindows& w, const float* kernel, size_t filters, const float* bias, bool relu,
               float* to, size_t stride) {
  alignas(64) float tile[kFilters * kTileWindows];
  for (size_t i = 0; i < w.count; i += kTileWindows) {
    const size_t windows = least(w.count - i, kTileWindows);
    if (windows <= kLanes) {
      planeTile<kFilters, 1>(w, w.first + i, kernel, filters, bias, relu, tile);
    } else {
      planeTile<kFilters, 2>(w, w.first + i, kernel, filters, bias, relu, tile);
    }
    turnTile<kFilters>(tile, windows, to + i * stride, stride);
  }
}

template <size_t kFilters, typename Call>
void withFilters(size_t filters, const Call& call) {
  if (filters == kFilters) return call.template operator()<kFilters>();
  if constexpr (kFilters > 1) withFilters<kFilters - 1>(filters, call);
}

/** Calls `call` with groups of filters of about the same size, as compile-time numbers. */
template <typename Call>
void eachGroup(size_t filters, const Call& call) {
  size_t f = 0;
  for (size_t parts = (filters + kFiltersMost - 1) / kFiltersMost; parts > 0; --parts) {
    const size_t group = (filters - f + parts - 1) / parts;
    withFilters<kFiltersMost>(group, [&]<size_t kFilters>() { call.template operator()<kFilters>(f); });
    f += group;
  }
}

/** Of `kTaps` neighbouring weights: sums[tap][filter][lane] over all windows. */
template <size_t kTaps, size_t kFilters>
void planeSumTile(const PlaneWindows& w, const float* first, const float* gradient,
                  const PlaneLayout& gradients, float* sums, size_t tapStep) {
  const size_t step = gradients.size();
  Vector sum[kTaps][kFilters];
#pragma GCC unroll 3
  for (size_t t = 0; t < kTaps; ++t) {
#pragma GCC unroll 8
    for (size_t f = 0; f < kFilters; ++f) sum[t][f] = load(sums + t * tapStep + f * kLanes);
  }
  for (size_t line = 0; line < w.lines; ++line) {
    const float* x = first + line * w.pitch;
    const float* g = gradient + line * gradients.pitch;
    for (size_t i = 0; i < w.count; i += kLanes) {
      Vector values[kTaps];
#pragma GCC unroll 3
      for (size_t t = 0; t < kTaps; ++t) values[t] = load(x + i + t);
#pragma GCC unroll 8
      for (size_t f = 0; f < kFilters; ++f) {
        const Vector factor = loadOnce(g + i + f * step);
#pragma GCC unroll 3
        for (size_t t = 0; t < kTaps; ++t) sum[t][f] += values[t] * factor;
      }
    }
  }
#pragma GCC unroll 3
  for (size_t t = 0; t < kTaps; ++t) {
#pragma GCC unroll 8
    for (size_t f = 0; f < kFilters; ++f) store(sums + t * tapStep + f * kLanes, sum[t][f]);
  }
}

}  // namespace

void toPlanes(const float* map, const PlaneLayout& to, float* planes) {
  const size_t channels = to.channels, step = to.size();
  for (size_t y = 0; y < to.height; ++y) {
    const float* const from = map + y * to.width * channels;
    float* const line = planes + (to.top + y) * to.pitch + to.left;
    size_t c = 0;
    for (; c + 4 <= channels; c += 4) {
      size_t x = 0;
      for (; x + 4 <= to.width; x += 4)
        transpose4(from + x * channels + c, channels, line + c * step + x, step);
      for (; x < to.width; ++x) {
        for (size_t k = c; k < c + 4; ++k) line[k * step + x] = from[x * channels + k];
      }
    }
    for (; c < channels; ++c) {
      for (size_t x = 0; x < to.width; ++x) line[c * step + x] = from[x * channels + c];
    }
  }
}

void correlatePlanes(const PlaneWindows& w, const float* kernel, size_t filters, const float* bias, bool relu,
                     float* to, size_t stride) {
  eachGroup(filters, [&]<size_t kFilters>(size_t f) {
    planeLine<kFilters>(w, kernel + f, filters, bias ? bias + f : nullptr, relu, to + f, stride);
  });
}

void planeSums(const PlaneWindows& w, const float* gradient, const PlaneLayout& gradients, float* sums) {
  const size_t filters = gradients.channels, weights = filters * kLanes;
  for (size_t row = 0; row < w.rows; ++row) {
    for (size_t column = 0; column < w.columns; column += kTapsMost) {
      const size_t taps = least(w.columns - column, kTapsMost);
      for (size_t c = 0; c < w.channels; ++c) {
        const float* const first = w.first + c * w.size + row * w.pitch + column;
        eachGroup(filters, [&]<size_t kFilters>(size_t f) {
          float* const to = sums + ((row * w.columns + column) * w.channels + c) * weights + f * kLanes;
          const float* const g = gradient + f * gradients.size();
          const size_t tapStep = w.channels * weights;
          if (taps == 3) planeSumTile<3, kFilters>(w, first, g, gradients, to, tapStep);
          if (taps == 2) planeSumTile<2, kFilters>(w, first, g, gradients, to, tapStep);
          if (taps == 1) planeSumTile<1, kFilters>(w, first, g, gradients, to, tapStep);
        });
      }
    }
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
