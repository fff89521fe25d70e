// Max-pooling. Compiled once per instruction set, see simd.h.
#include "cpu/pool/inside.h"
#include "cpu/pool/kernels_isa.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

/** Windows of a row that see as many columns each, and the first column that the first one sees. */
struct PartOfRow {
  size_t first, wide, count;
};

/** From window `begin` on, before `end`: all that lie in the map; others are taken one by one. */
inline PartOfRow partOfRow(const PoolSpec& pool, size_t begin, size_t end) {
  const Window& w = pool.window;
  const int left = (int)begin * w.strideX - w.padLeft;
  const Inside columns = insideOf(left, w.width, pool.in.width);
  const size_t wide = columns.end - columns.begin;
  const bool whole = wide == (size_t)w.width;
  const size_t more = whole ? (size_t)(pool.in.width - w.width - left) / (size_t)w.strideX : 0;
  return {(size_t)(left + (int)columns.begin), wide, least(end - begin, more + 1)};
}

/** Windows of one shape in a row, `jump` values apart. */
struct PoolRun {
  const float* first;
  size_t count, high, wide, pitch, stride, jump, filters;
  bool relu;
  const float* tolerance;
};

/** The largest value of a window of `kHigh` x `kWide` values, or of `run`'s size where these are 0. */
template <size_t kHigh, size_t kWide>
[[gnu::always_inline]] inline Vector largestIn(const PoolRun& run, const float* from) {
  const size_t high = kHigh ? kHigh : run.high, wide = kWide ? kWide : run.wide;
  Vector best = load(from);
  for (size_t ky = 0; ky < high; ++ky) {
    const float* const line = from + ky * run.pitch;
    for (size_t kx = ky == 0 ? 1 : 0; kx < wide; ++kx) best = larger(load(line + kx * run.stride), best);
  }
  return best;
}

template <size_t kHigh, size_t kWide>
void poolRun(const PoolRun& run, float* to) {
  const float* from = run.first;
  for (size_t i = 0; i < run.count; ++i, from += run.jump, to += run.filters) {
    for (size_t f = 0; f < run.filters; f += kLanes) {
      const Vector best = largestIn<kHigh, kWide>(run, from + f);
      storeUpTo(to + f, run.relu ? clip(best) : best, run.filters - f);
    }
  }
}

/** The same with winners: `begin` is that of the first window's first value, `next` leads to the next
 * window's. */
template <size_t kHigh, size_t kWide>
void poolRunWithWinners(const PoolRun& run, int32_t begin, int32_t lineStep, int32_t step, int32_t next,
                        float* to, int32_t* winners) {
  const size_t high = kHigh ? kHigh : run.high, wide = kWide ? kWide : run.wide;
  const float* from = run.first;
  for (size_t i = 0; i < run.count;
       ++i, from += run.jump, begin += next, to += run.filters, winners += run.filters) {
    for (size_t f = 0; f < run.filters; f += kLanes) {
      const Vector best = largestIn<kHigh, kWide>(run, from + f);
      const Vector enough = run.tolerance ? best - load(run.tolerance + f) : best;
      Integers winner = Integers{} + begin;
      // From the last to the first, which is thus left where several are as large.
      for (size_t ky = high; ky-- > 0;) {
        const float* const line = from + ky * run.pitch + f;
        for (size_t kx = wide; kx-- > 0;) {
          const Integers here = Integers{} + (begin + (int32_t)ky * lineStep + (int32_t)kx * step);
          winner = whereLarger(enough, load(line + kx * run.stride), winner, here);
        }
      }
      // Integers travel as the bits of floats here and below: moved, never computed with.
      storeUpTo((float*)winners + f, (Vector)winner, run.filters - f);
      storeUpTo(to + f, run.relu ? clip(best) : best, run.filters - f);
    }
  }
}

}  // namespace

void poolRow(const PoolSpec& pool, const float* map, size_t stride, const PoolRow& row, bool relu,
             size_t lineStep, size_t step, const float* tolerance, float* to, int32_t* winners) {
  const size_t filters = (size_t)pool.in.channels, pitch = (size_t)pool.in.width * stride;
  const Window& w = pool.window;
  const int top = (int)row.y * w.strideY - w.padTop;
  const Inside rows = insideOf(top, w.height, pool.in.height);
  const size_t y0 = (size_t)(top + (int)rows.begin);
  PoolRun run{nullptr, 0,        rows.end - rows.begin, 0, pitch, stride, (size_t)w.strideX * stride, filters,
              relu,    tolerance};
  for (size_t x = row.begin; x < row.end; x += run.count) {
    const PartOfRow part = partOfRow(pool, x, row.end);
    run.first = map + y0 * pitch + part.first * stride;
    run.count = part.count;
    run.wide = part.wide;
    float* const results = to + x * filters;
    const bool two = run.high == 2 && run.wide == 2;
    if (!winners) {
      (two ? poolRun<2, 2> : poolRun<0, 0>)(run, results);
      continue;
    }
    const int32_t begin = (int32_t)(y0 * lineStep + part.first * step);
    (two ? poolRunWithWinners<2, 2> : poolRunWithWinners<0, 0>)(run, begin, (int32_t)lineStep, (int32_t)step,
                                                                (int32_t)((size_t)w.strideX * step), results,
                                                                winners + x * filters);
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

/** Windows of one shape in a row of a map [y][x][channel]; the first value of the first one is `begin`. */
struct SpreadRun {
  size_t begin, count, high, wide, pitch, jump, channels;
};

/** `kApart`: no position is in two windows, so that each is written once. `kHigh` and `kWide` as above. */
template <bool kApart, size_t kHigh, size_t kWide>
void spreadRun(const SpreadRun& run, const float* gradient, const int32_t* winners, float* dx) {
  const size_t high = kHigh ? kHigh : run.high, wide = kWide ? kWide : run.wide;
  const size_t channels = run.channels;
  size_t begin = run.begin;
  for (size_t i = 0; i < run.count; ++i, begin += run.jump, gradient += channels, winners += channels) {
    for (size_t c = 0; c < channels; c += kLanes) {
      const size_t left = channels - c;
      const Integers g = (Integers)loadUpTo(gradient + c, left);
      const Integers winner = (Integers)loadUpTo((const float*)winners + c, left);
      for (size_t ky = 0; ky < high; ++ky) {
        for (size_t kx = 0; kx < wide; ++kx) {
          const size_t at = begin + ky * run.pitch + kx * channels;
          const Vector its = (Vector)((winner == (int32_t)at) & g);
          float* const to = dx + at + c;
          storeUpTo(to, kApart ? its : loadUpTo(to, left) + its, left);
        }
      }
    }
  }
}

template <bool kApart>
void spreadWinners(const PoolSpec& pool, const float* gradient, const int32_t* winners, float* dx) {
  const size_t channels = (size_t)pool.in.channels, pitch = (size_t)pool.in.width * channels;
  const Window& w = pool.window;
  for (int oy = 0; oy < pool.out.height; ++oy) {
    const int top = oy * w.strideY - w.padTop;
    const Inside rows = insideOf(top, w.height, pool.in.height);
    const size_t y0 = (size_t)(top + (int)rows.begin);
    SpreadRun run{0, 0, rows.end - rows.begin, 0, pitch, (size_t)w.strideX * channels, channels};
    for (size_t x = 0; x < (size_t)pool.out.width; x += run.count) {
      const PartOfRow part = partOfRow(pool, x, (size_t)pool.out.width);
      run.begin = y0 * pitch + part.first * channels;
      run.count = part.count;
      run.wide = part.wide;
      const bool two = run.high == 2 && run.wide == 2;
      (two ? spreadRun<kApart, 2, 2> : spreadRun<kApart, 0, 0>)(run, gradient, winners, dx);
      gradient += run.count * channels;
      winners += run.count * channels;
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
