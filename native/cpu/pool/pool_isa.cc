// Max-pooling. Compiled once per instruction set, see simd.h.
#include "cpu/pool/inside.h"
#include "cpu/pool/kernels_isa.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {

void poolRow(const PoolSpec& pool, const float* map, size_t stride, size_t y, bool relu, size_t lineStep,
             size_t step, const float* tolerance, float* to, int32_t* winners) {
  const size_t filters = (size_t)pool.in.channels;
  const size_t width = (size_t)pool.in.width;
  const Window& w = pool.window;
  const int top = (int)y * w.strideY - w.padTop;
  const Inside rows = insideOf(top, w.height, pool.in.height);
  for (int ox = 0; ox < pool.out.width; ++ox) {
    const int left = ox * w.strideX - w.padLeft;
    const Inside columns = insideOf(left, w.width, pool.in.width);
    const size_t y0 = (size_t)(top + (int)rows.begin), x0 = (size_t)(left + (int)columns.begin);
    const size_t high = rows.end - rows.begin, wide = columns.end - columns.begin;
    const float* const from = map + (y0 * width + x0) * stride;
    const int32_t begin = (int32_t)(y0 * lineStep + x0 * step);
    for (size_t f = 0; f < filters; f += kLanes) {
      Vector best = load(from + f);
      for (size_t ky = 0; ky < high; ++ky) {
        for (size_t kx = ky == 0 ? 1 : 0; kx < wide; ++kx)
          best = larger(load(from + (ky * width + kx) * stride + f), best);
      }
      const size_t part = least(filters - f, kLanes);
      if (winners) {
        const Vector enough = tolerance ? best - load(tolerance + f) : best;
        Integers winner = Integers{} + begin;
        // From the last to the first, which is thus left where several are as large.
        for (size_t ky = high; ky-- > 0;) {
          for (size_t kx = wide; kx-- > 0;) {
            const Vector value = load(from + (ky * width + kx) * stride + f);
            const Integers here = Integers{} + (int32_t)(begin + (int32_t)(ky * lineStep + kx * step));
            winner = whereLarger(enough, value, winner, here);
          }
        }
        // Integers travel as the bits of floats here and below: moved, never computed with.
        storePart((float*)winners + f, (Vector)winner, part);
      }
      if (relu) best = clip(best);
      storeUpTo(to + f, best, part);
    }
    to += filters;
    if (winners) winners += filters;
  }
}

void largestOf(const float* map, size_t positions, size_t stride, size_t channels, float* to) {
  for (size_t c = 0; c < channels; c += kLanes) {
    Vector largest = {};
    for (size_t i = 0; i < positions; ++i) {
      const Vector value = load(map + i * stride + c);
      largest = larger(larger(value, -value), largest);
    }
    store(to + c, largest);
  }
}

void poolBackward(const PoolSpec& pool, const float* gradient, const int32_t* winners, float* dx) {
  const size_t channels = (size_t)pool.in.channels, width = (size_t)pool.in.width;
  const Window& w = pool.window;
  for (size_t i = 0; i < (size_t)pool.in.height * width * channels; ++i) dx[i] = 0;
  for (int oy = 0; oy < pool.out.height; ++oy) {
    const int top = oy * w.strideY - w.padTop;
    const Inside rows = insideOf(top, w.height, pool.in.height);
    for (int ox = 0; ox < pool.out.width; ++ox) {
      const int left = ox * w.strideX - w.padLeft;
      const Inside columns = insideOf(left, w.width, pool.in.width);
      for (size_t c = 0; c < channels; c += kLanes) {
        const size_t part = least(channels - c, kLanes);
        const Vector g = loadPart(gradient + c, part);
        const Integers winner = (Integers)loadPart((const float*)winners + c, part);
        for (size_t ky = rows.begin; ky < rows.end; ++ky) {
          for (size_t kx = columns.begin; kx < columns.end; ++kx) {
            const size_t at = ((size_t)(top + (int)ky) * width + (size_t)(left + (int)kx)) * channels;
            const Integers here = winner == (int32_t)at;
            float* const to = dx + at + c;
            storePart(to, loadPart(to, part) + (Vector)(here & (Integers)g), part);
          }
        }
      }
      gradient += channels;
      winners += channels;
    }
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
