#pragma once

#include <algorithm>

#include "backend/buffer.h"
#include "cpu/conv/frame.h"
#include "cpu/conv/implementation.h"

namespace convsweep::cpu {

/**
 * A map cut into tiles whose results overlap nowhere. Tiles are worked on in batches: of several images where
 * those are small, of a part of one where it is large.
 */
struct Tiling {
  size_t window, results;
  /** Of the results. */
  size_t height, width;
  size_t rows, columns;

  Tiling(size_t window, size_t height, size_t width);
  size_t perImage() const { return rows * columns; }
  /** Widens the frame of the inputs to whole tiles. */
  Frame widen(Frame frame) const;
  /** The results of tile (y, x) that are in the map. */
  TileResults part(size_t y, size_t x) const {
    return {std::min(results, height - y * results), std::min(results, width - x * results)};
  }
};

/** Convolution of framed maps [y][x][channels] with a kernel [window][window][channels][filters], stride 1.
 */
class WinogradProduct {
 public:
  WinogradProduct(const ConvKernels& kernels, const Frame& frame, const Tiling& tiling, size_t filters,
                  bool relu);
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
  const ConvKernels& kernels_;
  const Tiling tiling_;
  const Frame frame_;
  const size_t filters_;
  const bool relu_;
  /** Tiles of a batch at most. */
  size_t batch_, images_;
  Buffer<float> transformed_, packed_, bias_;
};

/** Winograd's algorithm: a fourth of the products for 3 x 3 windows, 9 of 25 for 5 x 5, for additions around
 * them. */
class WinogradForward final : public ConvForward {
 public:
  WinogradForward(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override;
  void prepare(const float* kernel, const float* bias) override { product_.prepare(kernel, bias); }
  void run(const Shard& shard, const ConvArrays& arrays, float* scratch) const override;

 private:
  const Kernels& all_;
  const ConvKernels& kernels_;
  const ConvSpec spec_;
  WinogradProduct product_;
};

/** The same with the kernel turned round, over the gradient of the map. */
class WinogradInputGradient final : public ConvInputGradient {
 public:
  WinogradInputGradient(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override { return product_.scratch(); }
  void prepare(const float* kernel) override;
  void run(const Shard& shard, const ConvArrays& arrays, float* scratch) const override;

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
  void run(const Shard& shard, const ConvArrays& arrays, float* sums, float* scratch) const override;
  void finish(const float* sums, float* gradient) const override;

 private:
  const ConvKernels& kernels_;
  const ConvSpec spec_;
  const Tiling tiling_;
  const Frame frame_;
  size_t batch_;
};

}  // namespace convsweep::cpu
