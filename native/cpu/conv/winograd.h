#pragma once

#include <algorithm>

#include "backend/buffer.h"
#include "cpu/conv/image.h"
#include "cpu/conv/implementation.h"

namespace convsweep::cpu {

/** A map of results cut into tiles. `top` and `left`: zeros before the map of the inputs. */
struct Tiling {
  size_t window, results;
  Extent in;
  /** Of the results. */
  size_t height, width;
  int top, left;
  size_t rows, columns;

  Tiling(size_t window, const Extent& in, const Extent& out, int top, int left);
  size_t perImage() const { return rows * columns; }
  /** The results of tile (y, x) that are in the map. */
  TileResults part(size_t y, size_t x) const {
    return {std::min(results, height - y * results), std::min(results, width - x * results)};
  }
  /** Where the inputs of the y-th and x-th tile begin. */
  int inputY(size_t y) const { return static_cast<int>(y * results) - top; }
  int inputX(size_t x) const { return static_cast<int>(x * results) - left; }
};

/**
 * Convolution of maps [y][x][channels] with a kernel [window][window][channels][filters] at stride 1. Tiles
 * are worked on in batches: of several images where those have few, of a part of one where it has many.
 */
class WinogradProduct {
 public:
  WinogradProduct(const ConvKernels& kernels, const Tiling& tiling, size_t filters, bool relu);
  /** Images that `run` takes at a time. */
  size_t images() const { return images_; }
  size_t scratch() const;
  void prepare(const float* kernel, const float* bias);
  /**
   * Results of `count` images, `size` floats apart, windows `stride` apart; in whole vectors of filters if
   * `padded`.
   */
  void run(const float* maps, size_t count, float* to, size_t size, size_t stride, bool padded,
           float* scratch) const;

 private:
  size_t channels() const { return static_cast<size_t>(tiling_.in.channels); }

  const ConvKernels& kernels_;
  const Tiling tiling_;
  const size_t filters_;
  const bool relu_;
  /** Tiles of a batch at most. */
  size_t batch_, images_;
  Buffer<float> transformed_, packed_, bias_;
};

/**
 * Winograd's algorithm: a fourth of the products for 3 x 3 windows, 9 of 25 for 5 x 5, for additions around
 * them.
 */
class WinogradForward final : public ConvForward {
 public:
  WinogradForward(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override;
  void prepare(const float* kernel, const float* bias) override {
    product_.prepare(kernel, bias);
    blank_.prepare(kernels_, spec_, bias);
  }
  void run(size_t images, const ConvArrays& arrays, float* scratch) const override;

 private:
  const Kernels& all_;
  const ConvKernels& kernels_;
  const ConvSpec spec_;
  WinogradProduct product_;
  BlankResults blank_;
};

/** The same with the kernel turned round, over the gradient of the map. */
class WinogradInputGradient final : public ConvInputGradient {
 public:
  WinogradInputGradient(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override { return product_.scratch(); }
  void prepare(const float* kernel) override;
  void run(size_t images, const ConvArrays& arrays, float* scratch) const override;

 private:
  const ConvSpec spec_;
  WinogradProduct product_;
  Buffer<float> turned_;
};

class WinogradKernelGradient final : public ConvKernelGradient {
 public:
  WinogradKernelGradient(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override;
  size_t sums() const override;
  void run(size_t images, const ConvArrays& arrays, float* sums, float* scratch) const override;
  void finish(const float* sums, float* gradient) const override;

 private:
  const ConvKernels& kernels_;
  const ConvSpec spec_;
  const Tiling tiling_;
  size_t batch_;
};

}  // namespace convsweep::cpu
