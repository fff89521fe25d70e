#pragma once

#include <algorithm>

#include "backend/plan.h"
#include "cpu/conv/kernels.h"

/**
 * Images are often blank for the greater part, and a convolution of blank pixels is its bias: windows that
 * see nothing else are not worked on.
 */
namespace convsweep::cpu {

/** Those of `count` windows in a line that reach into `span` of what they slide over. */
inline Span windowsOver(const Span& span, int window, int stride, int padding, int count) {
  if (span.begin == span.end) return {0, 0};
  const int first = static_cast<int>(span.begin) + padding - window + 1;
  const int last = static_cast<int>(span.end) - 1 + padding;
  const int begin = first <= 0 ? 0 : stride == 1 ? first : (first + stride - 1) / stride;
  const int end = std::min((stride == 1 ? last : last / stride) + 1, count);
  return begin < end ? Span{static_cast<uint32_t>(begin), static_cast<uint32_t>(end)} : Span{0, 0};
}

/** The smallest span that holds both. */
inline Span both(const Span& a, const Span& b) {
  if (a.begin == a.end) return b;
  if (b.begin == b.end) return a;
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

/** All that the `y`-th row of windows sees of `lines` lines. */
inline Span seenBy(int y, const Window& w, int lines, const Span* spans) {
  const int top = y * w.strideY - w.padTop;
  Span all{0, 0};
  for (int line = std::max(top, 0); line < std::min(top + w.height, lines); ++line)
    all = both(all, spans[line]);
  return all;
}

/** Of each line of results, those that see ink. `ink`: of each line of the image, in pixels. */
inline void resultsWithInk(const ConvSpec& s, const Span* ink, Span* results) {
  for (int y = 0; y < s.out.height; ++y) {
    const Span seen = seenBy(y, s.window, s.in.height, ink);
    results[y] = windowsOver(seen, s.window.width, s.window.strideX, s.window.padLeft, s.out.width);
  }
}

/** Of the y-th row of pooled results, those that see ink, by those of all lines of results that do. */
inline Span pooledWithInk(const ConvSpec& s, const Span* results, int y) {
  const Window& pool = s.pool->window;
  const Span seen = seenBy(y, pool, s.out.height, results);
  return windowsOver(seen, pool.width, pool.strideX, pool.padLeft, s.pool->out.width);
}

}  // namespace convsweep::cpu
