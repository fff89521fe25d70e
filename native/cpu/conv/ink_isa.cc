// Where an image is not blank. Compiled once per instruction set, see simd.h.
#include "cpu/conv/kernels_isa.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {

void inkOf(const float* image, const Extent& extent, Span* ink) {
  const size_t channels = (size_t)extent.channels, run = (size_t)extent.width * channels;
  for (size_t y = 0; y < (size_t)extent.height; ++y, image += run) {
    size_t begin = run, end = 0;
    for (size_t x = 0; x < run; x += kLanes) {
      const uint32_t lanes = lanesNotZero(loadUpTo(image + x, run - x));
      if (lanes == 0) continue;
      begin = least(begin, x + (size_t)__builtin_ctz(lanes));
      end = x + 32 - (size_t)__builtin_clz(lanes);
    }
    ink[y] = end == 0 ? Span{0, 0}
                      : Span{(uint32_t)(begin / channels), (uint32_t)((end + channels - 1) / channels)};
  }
}

void repeat(const float* values, size_t columns, size_t rows, float* to, size_t stride) {
  for (size_t c = 0; c < columns; c += kLanes) {
    const Vector v = load(values + c);
    for (size_t i = 0; i < rows; ++i) storeUpTo(to + i * stride + c, v, columns - c);
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
