// Max-pooling. Compiled once per instruction set, see simd.h.
#include "cpu/pool/inside.h"
#include "cpu/pool/kernels_isa.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

/** Where the results of a row go, and what they are. */
struct PoolTarget {
  bool relu;
  const float* tolerance;
  float* to;
  int32_t* winners;
};

/** One window, `high` x `wide` values from `from` on; its first one's winner is `begin`. */
[[gnu::always_inline]] inline void poolWindow(const float* from, size_t high, size_t wide, size_t pitch,
                                              size_t stride, int32_t begin, size_t lineStep, size_t step,
                                              size_t filters, const PoolTarget& target) {
  for (size_t f = 0; f < filters; f += kLanes) {
    Vector best = load(from + f);
    for (size_t ky = 0; ky < high; ++ky) {
      for (size_t kx = ky == 0 ? 1 : 0; kx < wide; ++kx)
        best = larger(load(from + ky * pitch + kx * stride + f), best);
    }
    const size_t part = least(filters - f, kLanes);
    if (target.winners) {
      const Vector enough = target.tolerance ? best - load(target.tolerance + f) : best;
      Integers winner = Integers{} + begin;
      // From the last to the first, which is thus left where several are as large.
      for (size_t ky = high; ky-- > 0;) {
        for (size_t kx = wide; kx-- > 0;) {
          const Vector value = load(from + ky * pitch + kx * stride + f);
          const Integers here = Integers{} + (int32_t)(begin + (int32_t)(ky * lineStep + kx * step));
          winner = whereLarger(enough, value, winner, here);
        }
      }
      // Integers travel as the bits of floats here and below: moved, never computed with.
      storeUpTo((float*)target.winners + f, (Vector)winner, part);
    }
    if (target.relu) best = clip(best);
    storeUpTo(target.to + f, best, part);
  }
}

}  // namespace

void poolRow(const PoolSpec& pool, const float* map, size_t stride, const PoolRow& row, bool relu,
             size_t lineStep, size_t step, const float* tolerance, float* to, int32_t* winners) {
  const size_t filters = (size_t)pool.in.channels, pitch = (size_t)pool.in.width * stride;
  const Window& w = pool.window;
  const int top = (int)row.y * w.strideY - w.padTop;
  const Inside rows = insideOf(top, w.height, pool.in.height);
  const size_t y0 = (size_t)(top + (int)rows.begin), high = rows.end - rows.begin;
  for (size_t x = row.begin; x < row.end; ++x) {
    const int left = (int)x * w.strideX - w.padLeft;
    const Inside columns = insideOf(left, w.width, pool.in.width);
    const size_t x0 = (size_t)(left + (int)columns.begin), wide = columns.end - columns.begin;
    const float* const from = map + y0 * pitch + x0 * stride;
    const int32_t begin = (int32_t)(y0 * lineStep + x0 * step);
    const PoolTarget target{relu, tolerance, to + x * filters, winners ? winners + x * filters : nullptr};
    // Most are of this size, and without loops.
    if (high == 2 && wide == 2) {
      poolWindow(from, 2, 2, pitch, stride, begin, lineStep, step, filters, target);
    } else {
      poolWindow(from, high, wide, pitch, stride, begin, lineStep, step, filters, target);
    }
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

namespace {

/** `kApart`: no position is in two windows, so that each is written once. */
template <bool kApart>
void spreadWinners(const PoolSpec& pool, const float* gradient, const int32_t* winners, float* dx) {
  const size_t channels = (size_t)pool.in.channels, width = (size_t)pool.in.width;
  const Window& w = pool.window;
  for (int oy = 0; oy < pool.out.height; ++oy) {
    const int top = oy * w.strideY - w.padTop;
    const Inside rows = insideOf(top, w.height, pool.in.height);
    for (int ox = 0; ox < pool.out.width; ++ox) {
      const int left = ox * w.strideX - w.padLeft;
      const Inside columns = insideOf(left, w.width, pool.in.width);
      for (size_t c = 0; c < channels; c += kLanes) {
        const size_t part = least(channels - c, kLanes);
        const Integers g = (Integers)loadUpTo(gradient + c, part);
        const Integers winner = (Integers)loadUpTo((const float*)winners + c, part);
        for (size_t ky = rows.begin; ky < rows.end; ++ky) {
          for (size_t kx = columns.begin; kx < columns.end; ++kx) {
            const size_t at = ((size_t)(top + (int)ky) * width + (size_t)(left + (int)kx)) * channels;
            const Vector its = (Vector)((winner == (int32_t)at) & g);
            float* const to = dx + at + c;
            storeUpTo(to, kApart ? its : loadUpTo(to, part) + its, part);
          }
        }
      }
      gradient += channels;
      winners += channels;
    }
  }
}

/** Whether windows cover all of a side. */
bool covers(int in, int out, int window, int stride, int before) {
  return stride <= window && (out - 1) * stride + window - before >= in;
}

}  // namespace

void poolBackward(const PoolSpec& pool, const float* gradient, const int32_t* winners, float* dx) {
  const Window& w = pool.window;
  const bool all = covers(pool.in.height, pool.out.height, w.height, w.strideY, w.padTop) &&
                   covers(pool.in.width, pool.out.width, w.width, w.strideX, w.padLeft);
  const bool apart = w.strideY >= w.height && w.strideX >= w.width;
  if (!all || !apart) __builtin_memset(dx, 0, pool.in.size() * sizeof(float));
  (apart ? spreadWinners<true> : spreadWinners<false>)(pool, gradient, winners, dx);
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
