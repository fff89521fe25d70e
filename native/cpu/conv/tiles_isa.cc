// Winograd's transforms of tiles of 6 x 6 inputs. Compiled once per instruction set, see simd.h.
#include "cpu/conv/kernels_isa.h"
#include "cpu/simd.h"
#include "cpu/winograd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

/** `kWhole`: all of the tile lies in the map. */
template <bool kWhole>
void inputsOf(const float* map, const Extent& extent, int y0, int x0, size_t step, float* to) {
  const size_t channels = (size_t)extent.channels;
  const ptrdiff_t pitch = (ptrdiff_t)extent.width * extent.channels;
  const ptrdiff_t first = y0 * pitch + (ptrdiff_t)x0 * extent.channels;
  // The tile to the right is usually the next one. Its lines are too far apart to be fetched by themselves.
  const size_t next = (kTileSide - 2) * channels;
  for (size_t c = 0; c < channels; c += kLanes) {
    Vector rows[kTileSide][kTileSide];
#pragma GCC unroll 6
    for (size_t y = 0; y < kTileSide; ++y) {
      Vector d[kTileSide];
#pragma GCC unroll 6
      for (size_t x = 0; x < kTileSide; ++x) {
        const bool inside = kWhole || ((unsigned)(y0 + (int)y) < (unsigned)extent.height &&
                                       (unsigned)(x0 + (int)x) < (unsigned)extent.width);
        const ptrdiff_t at = first + (ptrdiff_t)y * pitch + (ptrdiff_t)(x * channels + c);
        if (x >= 2) __builtin_prefetch(map + at + next);
        d[x] = inside ? loadUpTo(map + at, channels - c) : Vector{};
      }
      transformInput<4>(d, rows[y]);
    }
#pragma GCC unroll 6
    for (size_t x = 0; x < kTileSide; ++x) {
      Vector d[kTileSide], t[kTileSide];
#pragma GCC unroll 6
      for (size_t y = 0; y < kTileSide; ++y) d[y] = rows[y][x];
      transformInput<4>(d, t);
#pragma GCC unroll 6
      for (size_t y = 0; y < kTileSide; ++y) store(to + (y * kTileSide + x) * step + c, t[y]);
    }
  }
}

template <size_t kWindow>
void resultsOf(const float* products, size_t step, size_t filters, const float* bias, bool relu,
               TileResults part, float* to, size_t pitch, size_t stride, bool padded) {
  constexpr size_t kOut = kTileSide + 1 - kWindow;
  for (size_t f = 0; f < filters; f += kLanes) {
    Vector columns[kTileSide][kOut];
#pragma GCC unroll 6
    for (size_t x = 0; x < kTileSide; ++x) {
      Vector m[kTileSide];
#pragma GCC unroll 6
      for (size_t y = 0; y < kTileSide; ++y) m[y] = load(products + (y * kTileSide + x) * step + f);
      sixResults<kOut>(m, columns[x]);
    }
    const Vector b = load(bias + f);
    const size_t left = padded ? kLanes : filters - f;
#pragma GCC unroll 4
    for (size_t y = 0; y < kOut; ++y) {
      if (y >= part.rows) break;
      Vector m[kTileSide], r[kOut];
#pragma GCC unroll 6
      for (size_t x = 0; x < kTileSide; ++x) m[x] = columns[x][y];
      sixResults<kOut>(m, r);
#pragma GCC unroll 4
      for (size_t x = 0; x < kOut; ++x) {
        if (x >= part.columns) break;
        const Vector value = r[x] + b;
        storeUpTo(to + y * pitch + x * stride + f, relu ? clip(value) : value, left);
      }
    }
  }
}

template <size_t kWindow>
void gradientsOf(const float* gradient, size_t pitch, size_t filters, TileResults part, size_t step,
                 float* to) {
  constexpr size_t kOut = kTileSide + 1 - kWindow;
  for (size_t f = 0; f < filters; f += kLanes) {
    Vector rows[kOut][kTileSide];
#pragma GCC unroll 4
    for (size_t y = 0; y < kOut; ++y) {
      Vector g[kOut];
#pragma GCC unroll 4
      for (size_t x = 0; x < kOut; ++x) {
        const bool inside = y < part.rows && x < part.columns;
        g[x] = inside ? loadUpTo(gradient + y * pitch + x * filters + f, filters - f) : Vector{};
      }
      sixGradients<kOut>(g, rows[y]);
    }
#pragma GCC unroll 6
    for (size_t x = 0; x < kTileSide; ++x) {
      Vector g[kOut], t[kTileSide];
#pragma GCC unroll 4
      for (size_t y = 0; y < kOut; ++y) g[y] = rows[y][x];
      sixGradients<kOut>(g, t);
#pragma GCC unroll 6
      for (size_t y = 0; y < kTileSide; ++y) store(to + (y * kTileSide + x) * step + f, t[y]);
    }
  }
}

template <size_t kWindow>
void kernelOf(const float* kernel, size_t channels, size_t filters, float* to) {
  const size_t step = channels * filters;
  for (size_t c = 0; c < channels; ++c) {
    for (size_t f = 0; f < filters; f += kLanes) {
      Vector columns[kWindow][kTileSide];
      for (size_t x = 0; x < kWindow; ++x) {
        Vector g[kWindow];
        for (size_t y = 0; y < kWindow; ++y)
          g[y] = loadUpTo(kernel + ((y * kWindow + x) * channels + c) * filters + f, filters - f);
        sixWeights<kWindow>(g, columns[x]);
      }
      for (size_t y = 0; y < kTileSide; ++y) {
        Vector row[kWindow], t[kTileSide];
        for (size_t x = 0; x < kWindow; ++x) row[x] = columns[x][y];
        sixWeights<kWindow>(row, t);
        for (size_t x = 0; x < kTileSide; ++x)
          storeUpTo(to + (y * kTileSide + x) * step + c * filters + f, t[x], filters - f);
      }
    }
  }
}

template <size_t kWindow>
void kernelGradientOf(const float* sums, size_t channels, size_t filters, float* to) {
  const size_t padded = wholeVectors(filters), step = channels * padded;
  for (size_t c = 0; c < channels; ++c) {
    for (size_t f = 0; f < filters; f += kLanes) {
      Vector columns[kTileSide][kWindow];
      for (size_t x = 0; x < kTileSide; ++x) {
        Vector m[kTileSide];
        for (size_t y = 0; y < kTileSide; ++y)
          m[y] = load(sums + (y * kTileSide + x) * step + c * padded + f);
        sixWeightGradients<kWindow>(m, columns[x]);
      }
      for (size_t y = 0; y < kWindow; ++y) {
        Vector row[kTileSide], g[kWindow];
        for (size_t x = 0; x < kTileSide; ++x) row[x] = columns[x][y];
        sixWeightGradients<kWindow>(row, g);
        for (size_t x = 0; x < kWindow; ++x)
          storeUpTo(to + ((y * kWindow + x) * channels + c) * filters + f, g[x], filters - f);
      }
    }
  }
}

}  // namespace

void tileInputs(const float* map, const Extent& extent, int y, int x, size_t step, float* to) {
  constexpr int kSide = (int)kTileSide;
  const bool whole = y >= 0 && x >= 0 && y + kSide <= extent.height && x + kSide <= extent.width;
  (whole ? inputsOf<true> : inputsOf<false>)(map, extent, y, x, step, to);
}

void tileResults(size_t window, const float* products, size_t step, size_t filters, const float* bias,
                 bool relu, TileResults part, float* to, size_t pitch, size_t stride, bool padded) {
  (window == 3 ? resultsOf<3> : resultsOf<5>)(products, step, filters, bias, relu, part, to, pitch, stride,
                                              padded);
}

void tileGradients(size_t window, const float* gradient, size_t pitch, size_t filters, TileResults part,
                   size_t step, float* to) {
  (window == 3 ? gradientsOf<3> : gradientsOf<5>)(gradient, pitch, filters, part, step, to);
}

void tileKernel(size_t window, const float* kernel, size_t channels, size_t filters, float* to) {
  (window == 3 ? kernelOf<3> : kernelOf<5>)(kernel, channels, filters, to);
}

void tileKernelGradient(size_t window, const float* sums, size_t channels, size_t filters, float* to) {
  (window == 3 ? kernelGradientOf<3> : kernelGradientOf<5>)(sums, channels, filters, to);
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
