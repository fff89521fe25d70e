#include "cpu/conv/winograd.h"

#include <algorithm>

#include "cpu/conv/image.h"
#include "cpu/conv/turn.h"
#include "cpu/conv/windows.h"

namespace convsweep::cpu {
namespace {

size_t size(int extent) {
  return static_cast<size_t>(extent);
}

/** Tiles whose transforms, `floats` each, stay in the second-level cache: whole register tiles of windows. */
size_t batchFor(size_t floats, size_t most) {
  constexpr size_t kCache = 96 * 1024, kMultiple = 14;
  const size_t tiles = std::max(kCache / floats / kMultiple * kMultiple, kMultiple);
  return std::min(tiles, most);
}

/**
 * Results of equal patches differ by rounding where they lie at different places of tiles. So that the first
 * of equal values wins a pooling window, those count as equal that differ by less than this share of the
 * map's largest.
 */
constexpr float kTieShare = 0x1p-20f;

Tiling forwardTiling(const ConvSpec& s) {
  return {size(s.window.height), s.in, s.out, s.window.padTop, s.window.padLeft};
}

/** Of the gradient's convolution with the turned kernel, whose results cover the whole input. */
Tiling gradientTiling(const ConvSpec& s) {
  const Window& w = s.window;
  return {size(w.height), s.out, s.in, w.height - 1 - w.padTop, w.width - 1 - w.padLeft};
}

}  // namespace

Tiling::Tiling(size_t window, const Extent& in, const Extent& out, int top, int left)
    : window(window),
      results(resultsSide(window)),
      in(in),
      height(size(out.height)),
      width(size(out.width)),
      top(top),
      left(left),
      rows((height + results - 1) / results),
      columns((width + results - 1) / results) {}

// ---- Products ---------------------------------------------------------------------------------------------

WinogradProduct::WinogradProduct(const ConvKernels& kernels, const Tiling& tiling, size_t filters, bool relu)
    : kernels_(kernels), tiling_(tiling), filters_(filters), relu_(relu) {
  const size_t deep = wholeVectors(kernels_, channels()), wide = wholeVectors(kernels_, filters_);
  batch_ = batchFor(kTileSize * (deep + wide), kShardImages * tiling_.perImage());
  images_ = std::max<size_t>(batch_ / tiling_.perImage(), 1);
  transformed_.ensure(kTileSize * channels() * filters_);
  packed_.ensure(kTileSize * kernels_.packedSize(channels(), filters_));
  bias_.ensure(wide);
}

/** The inputs' transforms, the products. */
size_t WinogradProduct::scratch() const {
  return kTileSize * batch_ * (wholeVectors(kernels_, channels()) + wholeVectors(kernels_, filters_));
}

void WinogradProduct::prepare(const float* kernel, const float* bias) {
  for (size_t f = 0; f < wholeVectors(kernels_, filters_); ++f)
    bias_.data()[f] = bias && f < filters_ ? bias[f] : 0;
  kernels_.tileKernel(tiling_.window, kernel, channels(), filters_, transformed_.data());
  for (size_t p = 0; p < kTileSize; ++p) {
    kernels_.pack(transformed_.data() + p * channels() * filters_, nullptr, channels(), filters_, batch_,
                  packed_.data() + p * kernels_.packedSize(channels(), filters_));
  }
}

void WinogradProduct::run(const float* maps, size_t count, float* to, size_t imageSize, size_t stride,
                          bool padded, float* scratch) const {
  const size_t deep = wholeVectors(kernels_, channels()), wide = wholeVectors(kernels_, filters_);
  float* const products = scratch + kTileSize * batch_ * deep;
  const size_t all = count * tiling_.perImage();
  for (size_t begin = 0; begin < all;) {
    // Batches of about the same size.
    const size_t left = all - begin, parts = (left + batch_ - 1) / batch_, tiles = (left + parts - 1) / parts;
    const auto each = [&](const auto& visit) {
      for (size_t t = 0; t < tiles; ++t) {
        const size_t at = begin + t, image = at / tiling_.perImage(), within = at % tiling_.perImage();
        visit(t, image, within / tiling_.columns, within % tiling_.columns);
      }
    };
    each([&](size_t t, size_t image, size_t y, size_t x) {
      kernels_.tileInputs(maps + image * tiling_.in.size(), tiling_.in, tiling_.inputY(y), tiling_.inputX(x),
                          batch_ * deep, scratch + t * deep);
    });
    for (size_t p = 0; p < kTileSize; ++p) {
      const Windows rows{scratch + p * batch_ * deep, 1, tiles, 0, deep, 0, 1, channels()};
      const float* const packed = packed_.data() + p * kernels_.packedSize(channels(), filters_);
      kernels_.correlate(rows, {packed, filters_, batch_}, false, products + p * batch_ * wide, wide, true);
    }
    each([&](size_t t, size_t image, size_t y, size_t x) {
      const size_t at = (y * tiling_.width + x) * tiling_.results * stride;
      kernels_.tileResults(tiling_.window, products + t * wide, batch_ * wide, filters_, bias_.data(), relu_,
                           tiling_.part(y, x), to + image * imageSize + at, tiling_.width * stride, stride,
                           padded);
    });
    begin += tiles;
  }
}

// ---- Forward ----------------------------------------------------------------------------------------------

WinogradForward::WinogradForward(const Kernels& kernels, const ConvSpec& spec)
    : all_(kernels),
      kernels_(*kernels.conv),
      spec_(spec),
      product_(kernels_, forwardTiling(spec), size(spec.out.channels), spec.relu && !spec.pool) {}

/** The product's, then unpooled maps, then a tolerance for each filter. */
size_t WinogradForward::scratch() const {
  if (!spec_.pool) return product_.scratch();
  const size_t map =
      size(spec_.out.height) * size(spec_.out.width) * wholeVectors(kernels_, size(spec_.out.channels));
  return product_.scratch() + product_.images() * map + wholeVectors(kernels_, size(spec_.out.channels));
}

void WinogradForward::run(size_t images, const ConvArrays& arrays, float* scratch) const {
  const size_t filters = size(spec_.out.channels), padded = wholeVectors(kernels_, filters);
  for (size_t i = 0; i < images; i += product_.images()) {
    const size_t count = std::min(product_.images(), images - i);
    const float* const x = arrays.x + i * spec_.in.size();
    if (!spec_.pool) {
      product_.run(x, count, arrays.y + i * spec_.out.size(), spec_.out.size(), filters, false, scratch);
      continue;
    }
    const size_t mapSize = size(spec_.out.height) * size(spec_.out.width) * padded;
    float* const maps = scratch + product_.scratch();
    float* const tolerance = maps + product_.images() * mapSize;
    product_.run(x, count, maps, mapSize, padded, true, scratch);
    for (size_t j = 0; j < count; ++j) {
      const float* const map = maps + j * mapSize;
      if (arrays.winners) {
        all_.largestOf(map, mapSize / padded, padded, filters, tolerance);
        for (size_t f = 0; f < padded; ++f) tolerance[f] *= kTieShare;
      }
      for (size_t y = 0; y < size(spec_.pool->out.height); ++y)
        poolRowOf(all_, spec_, map, padded, y, tolerance, blank_.pooled.data(), arrays, i + j);
    }
  }
}

// ---- The gradient of the input ----------------------------------------------------------------------------

WinogradInputGradient::WinogradInputGradient(const Kernels& kernels, const ConvSpec& spec)
    : spec_(spec),
      product_(*kernels.conv, gradientTiling(spec), size(spec.in.channels), false),
      turned_(weightsOf(spec)) {}

void WinogradInputGradient::prepare(const float* kernel) {
  turn(spec_, kernel, turned_.data());
  product_.prepare(turned_.data(), nullptr);
}

void WinogradInputGradient::run(size_t images, const ConvArrays& arrays, float* scratch) const {
  for (size_t i = 0; i < images; i += product_.images()) {
    product_.run(arrays.yGradient + i * spec_.out.size(), std::min(product_.images(), images - i),
                 arrays.xGradient + i * spec_.in.size(), spec_.in.size(), size(spec_.in.channels), false,
                 scratch);
  }
}

// ---- The gradient of the kernel ---------------------------------------------------------------------------

WinogradKernelGradient::WinogradKernelGradient(const Kernels& kernels, const ConvSpec& spec)
    : kernels_(*kernels.conv), spec_(spec), tiling_(forwardTiling(spec)) {
  const size_t floats =
      wholeVectors(kernels_, size(spec.in.channels)) + wholeVectors(kernels_, size(spec.out.channels));
  // Larger than for products: the sums of all 36 go through memory once per batch.
  batch_ = 2 * batchFor(kTileSize * floats, kShardImages * tiling_.perImage());
}

/** The transforms of the inputs and of the gradients. */
size_t WinogradKernelGradient::scratch() const {
  return kTileSize * batch_ *
         (wholeVectors(kernels_, size(spec_.in.channels)) + wholeVectors(kernels_, size(spec_.out.channels)));
}

size_t WinogradKernelGradient::sums() const {
  return kTileSize * size(spec_.in.channels) * wholeVectors(kernels_, size(spec_.out.channels));
}

void WinogradKernelGradient::run(size_t images, const ConvArrays& arrays, float* sums, float* scratch) const {
  const size_t channels = size(spec_.in.channels), filters = size(spec_.out.channels);
  const size_t deep = wholeVectors(kernels_, channels), wide = wholeVectors(kernels_, filters);
  float* const gradients = scratch + kTileSize * batch_ * deep;
  size_t waiting = 0;
  const auto flush = [&] {
    for (size_t p = 0; p < kTileSize; ++p) {
      const Windows rows{scratch + p * batch_ * deep, 1, waiting, 0, deep, 0, 1, channels};
      kernels_.weightSums(rows, gradients + p * batch_ * wide, filters, wide, sums + p * channels * wide);
    }
    waiting = 0;
  };
  for (size_t i = 0; i < images; ++i) {
    const float* const gradient = arrays.yGradient + i * spec_.out.size();
    for (size_t y = 0; y < tiling_.rows; ++y) {
      for (size_t x = 0; x < tiling_.columns; ++x) {
        kernels_.tileInputs(arrays.x + i * spec_.in.size(), spec_.in, tiling_.inputY(y), tiling_.inputX(x),
                            batch_ * deep, scratch + waiting * deep);
        kernels_.tileGradients(tiling_.window, gradient + (y * tiling_.width + x) * tiling_.results * filters,
                               tiling_.width * filters, filters, tiling_.part(y, x), batch_ * wide,
                               gradients + waiting * wide);
        if (++waiting == batch_) flush();
      }
    }
  }
  if (waiting > 0) flush();
}

void WinogradKernelGradient::finish(const float* sums, float* gradient) const {
  kernels_.tileKernelGradient(tiling_.window, sums, size(spec_.in.channels), size(spec_.out.channels),
                              gradient);
}

}  // namespace convsweep::cpu
