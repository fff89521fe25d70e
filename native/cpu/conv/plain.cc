#include "cpu/conv/plain.h"

#include <algorithm>
#include <cstring>

namespace convsweep::cpu {
namespace {

/** Calls visit(x, w, y) with the indices of each product within an image, the kernel and the unpooled map. */
template <typename Visit>
void eachProduct(const ConvSpec& s, const Visit& visit) {
  const Window& w = s.window;
  for (int oy = 0; oy < s.out.height; ++oy) {
    for (int ox = 0; ox < s.out.width; ++ox) {
      for (int ky = 0; ky < w.height; ++ky) {
        for (int kx = 0; kx < w.width; ++kx) {
          const int y = oy * w.strideY + ky - w.padTop, x = ox * w.strideX + kx - w.padLeft;
          if (y < 0 || y >= s.in.height || x < 0 || x >= s.in.width) continue;
          for (int c = 0; c < s.in.channels; ++c) {
            for (int f = 0; f < s.out.channels; ++f) {
              visit(static_cast<size_t>((y * s.in.width + x) * s.in.channels + c),
                    static_cast<size_t>(((ky * w.width + kx) * s.in.channels + c) * s.out.channels + f),
                    static_cast<size_t>((oy * s.out.width + ox) * s.out.channels + f));
            }
          }
        }
      }
    }
  }
}

/** Calls visit(element, map, y, x) with each position of the map that a pooled element is chosen from. */
template <typename Visit>
void eachCandidate(const PoolSpec& p, const Visit& visit) {
  const Window& w = p.window;
  for (int oy = 0; oy < p.out.height; ++oy) {
    for (int ox = 0; ox < p.out.width; ++ox) {
      for (int f = 0; f < p.out.channels; ++f) {
        for (int ky = 0; ky < w.height; ++ky) {
          for (int kx = 0; kx < w.width; ++kx) {
            const int y = oy * w.strideY + ky - w.padTop, x = ox * w.strideX + kx - w.padLeft;
            if (y < 0 || y >= p.in.height || x < 0 || x >= p.in.width) continue;
            visit(static_cast<size_t>((oy * p.out.width + ox) * p.out.channels + f),
                  static_cast<size_t>((y * p.in.width + x) * p.in.channels + f), y, x);
          }
        }
      }
    }
  }
}

int32_t winnerAt(const ConvSpec& s, const Frame& frame, int y, int x) {
  return static_cast<int32_t>(static_cast<size_t>(y * s.window.strideY) * frame.pitch() +
                              static_cast<size_t>(x * s.window.strideX) * frame.channels);
}

/** The gradient of an image's unpooled map; `memory` holds one. */
const float* unpooled(const ConvSpec& s, const Frame& frame, const ConvArrays& arrays, size_t image,
                      float* memory) {
  if (!s.pool) return arrays.yGradient + image * s.out.size();
  std::fill_n(memory, s.out.size(), 0.0f);
  const size_t at = image * s.pool->out.size();
  eachCandidate(*s.pool, [&](size_t element, size_t map, int y, int x) {
    if (arrays.winners[at + element] == winnerAt(s, frame, y, x))
      memory[map] += arrays.yGradient[at + element];
  });
  return memory;
}

}  // namespace

void PlainForward::run(size_t images, const ConvArrays& arrays, float* scratch) const {
  const size_t filters = static_cast<size_t>(spec_.out.channels);
  for (size_t i = 0; i < images; ++i) {
    float* const map = spec_.pool ? scratch : arrays.y + i * spec_.out.size();
    for (size_t j = 0; j < spec_.out.size(); ++j) map[j] = bias_ ? bias_[j % filters] : 0;
    const float* const image = arrays.x + i * spec_.in.size();
    eachProduct(spec_, [&](size_t x, size_t w, size_t y) { map[y] += image[x] * kernel_[w]; });
    if (spec_.relu) {
      for (size_t j = 0; j < spec_.out.size(); ++j) map[j] = map[j] < 0 ? 0 : map[j];
    }
    if (!spec_.pool) continue;
    const size_t at = i * spec_.pool->out.size();
    size_t last = SIZE_MAX;
    eachCandidate(*spec_.pool, [&](size_t element, size_t from, int y, int x) {
      if (element != last || map[from] > arrays.y[at + element]) {
        arrays.y[at + element] = map[from];
        if (arrays.winners) arrays.winners[at + element] = winnerAt(spec_, frame_, y, x);
      }
      last = element;
    });
  }
}

void PlainInputGradient::run(size_t images, const ConvArrays& arrays, float* scratch) const {
  for (size_t i = 0; i < images; ++i) {
    const float* const gradient = unpooled(spec_, frame_, arrays, i, scratch);
    float* const image = arrays.xGradient + i * spec_.in.size();
    std::fill_n(image, spec_.in.size(), 0.0f);
    eachProduct(spec_, [&](size_t x, size_t w, size_t y) { image[x] += gradient[y] * kernel_[w]; });
  }
}

size_t PlainKernelGradient::sums() const {
  return static_cast<size_t>(spec_.window.height) * spec_.window.width * spec_.in.channels *
         spec_.out.channels;
}

void PlainKernelGradient::run(size_t images, const ConvArrays& arrays, float* sums, float* scratch) const {
  for (size_t i = 0; i < images; ++i) {
    const float* const gradient = unpooled(spec_, frame_, arrays, i, scratch);
    const float* const image = arrays.x + i * spec_.in.size();
    eachProduct(spec_, [&](size_t x, size_t w, size_t y) { sums[w] += gradient[y] * image[x]; });
  }
}

void PlainKernelGradient::finish(const float* sums, float* gradient) const {
  std::memcpy(gradient, sums, this->sums() * sizeof(float));
}

}  // namespace convsweep::cpu
