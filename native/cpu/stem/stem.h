#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "cpu/binding.h"
#include "cpu/block.h"
#include "cpu/stem/kernels.h"

namespace convsweep::cpu {

/** What a stem computes, in the plan's terms. */
struct StemSpec {
  ConvSpec first;
  NormSpec firstNorm;
  ConvSpec second;
  NormSpec secondNorm;
  float scale, offset;

  /** Blocks of the plan that a stem stands for. */
  static constexpr size_t kBlocks = 4;
};

/** The stem that `plan` starts with, if it does. */
std::optional<StemSpec> stemOf(const Plan& plan);

/**
 * The blocks convolution, batch norm, convolution, batch norm at the start of a network, from bytes, as one.
 * Its speed comes from arithmetic it leaves out: blank parts of the image, batch norm (folded into the second
 * convolution), positions that lose in max-pooling and so have no gradient, and, by Winograd's algorithm,
 * most of the second convolution's products.
 */
class ConvStem final : public CpuBlock {
 public:
  ConvStem(const Context& context, const Binding& binding, const StemSpec& spec);

  void forward(size_t n, Mode mode) override;
  void backward(size_t n) override;

  /**
   * Where in its window the pooled value's origin lies (0..3), or -1 if ReLU clipped it. After a training
   * forward.
   */
  int firstWinner(size_t image, size_t y, size_t x, size_t filter);
  int secondWinner(size_t image, size_t y, size_t x, size_t filter);

 private:
  /** One batch norm: statistics of the batch and what follows from them, all padded to whole planes. */
  struct Norm {
    Norm(const NormSpec& spec, size_t planes);
    NormSpec spec;
    size_t channels;
    /** y = scale * x + shift */
    Buffer<float> mean, inverseDeviation, scale, shift;
    /** Gradient of x: coefficients[3][channels] for gradient of y, x and 1. */
    Buffer<float> coefficients;
  };

  /** Tiles of one kind that wait until there are enough for a matrix product, whatever images they are of. */
  struct TileQueue {
    TileKind kind;
    size_t waiting = 0;
    Buffer<float> batch;
    std::vector<TileTarget> targets;
  };

  /** What each worker has for itself. */
  struct Worker {
    explicit Worker(const StemKernels& kernels, const StemShape& shape);
    // Of one image or one batch of tiles.
    Buffer<uint8_t> pixels;
    Buffer<float> rows, products, gradient1, quads, listScratch, factors, normalised, sums;
    Buffer<int32_t> offsets, reach;
    Buffer<uint32_t> begins;
    std::array<TileQueue, TileKind::kCount> queues;
  };

  /** First maps are kept in slots: one per image in training, one per worker in inference. */
  size_t slotBytes() const;
  float* values1(size_t slot);
  uint8_t* winners1(size_t slot);
  /** A slot as memory to fetch; nothing if there is no such slot. */
  Ahead kept(size_t slot) const;
  Ahead keptValues(size_t slot) const;

  uint16_t* inkAt(size_t image);
  Ink inkOf(size_t image);
  /** Per row of the second map a bit for each inked position. */
  uint16_t* inkedRows2(size_t image);
  /** A bit for each inked position of the first map in a slot. */
  uint64_t* drawn(size_t slot) { return drawn_.data() + slot * drawnWords(); }
  size_t drawnWords() const { return (shape_.positions1() + 63) / 64; }
  /** Of the taken pixels; makes the slot's positions blank where only its previous image had ink. */
  void findInk(const uint8_t* pixels, size_t image, size_t slot);
  void erase(size_t slot, size_t first, uint64_t stale);
  void findReach(size_t slot, int32_t* reach);
  /**
   * Copies an image of a batch of `n` to where vectors may be read past its end, and asks for the next one.
   */
  void takePixels(Worker& worker, size_t image, size_t n);

  /** Where an image's second map begins; after each shard there are four positions that may be read. */
  size_t at2(size_t image) const {
    return image * shape_.map2() + image / shardImages_ * 4 * norm2_.channels;
  }

  void packFirst();
  void packSecond();
  /** `sums`: null in inference. */
  void forwardFirst(Worker& worker, size_t image, size_t n, size_t slot, float* sums);
  /** `sums`: in training of the shard, else null. */
  void forwardSecond(Worker& worker, size_t image, size_t slot, double* sums);
  void flush(Worker& worker, TileQueue& queue, double* sums);
  /** What is left of a shard, whose images are done. */
  void endShard(Worker& worker, const Shard& shard, double* sums);
  void fillBlanks(size_t image, bool training);
  void normalise(Worker& worker, const Shard& shard, float* out);

  void useMoving(Norm& norm) const;
  /** `sums` of x - pivot and its square; updates the moving statistics. */
  void useBatch(Norm& norm, size_t n, const std::vector<double>& sums, const float* pivot) const;
  void fold(Norm& norm, size_t c, double mean, double variance) const;
  /**
   * From the sums of gradient and gradient * (x - mean): the gradients of gamma and beta, and the
   * coefficients.
   */
  void normBackward(Norm& norm, size_t c, size_t n, double gradients, double products) const;

  void backwardSecond(Worker& worker, size_t image, float* biasSums, float* weightSums);
  void backwardFirst(Worker& worker, size_t image, size_t n, float* biasSums, float* weightSums);
  void finishSecond(size_t n);
  void finishFirst(size_t blanks);

  const StemKernels& stem() const { return *context_.kernels.stem; }

  const Binding& binding_;
  StemSpec spec_;
  StemShape shape_;
  Norm norm1_, norm2_;

  // Of the batch.
  Buffer<uint8_t> first_, winners2_;
  Buffer<float> values2_;
  size_t slots_ = 0, shardImages_ = kShardImages;
  /** drawnWords() per slot, and one more, since the bits of a row are read from two. */
  std::vector<uint64_t> drawn_;
  /** y * 256 + x of each position of the first map. */
  std::vector<uint16_t> positions1_;
  Buffer<uint16_t> ink_;

  // Of the weights.
  Buffer<float> weights1_, bias1_, blank1_;
  Buffer<float> kernel2_, bias2_, blank2_, weights2_;
  std::array<Buffer<float>, TileKind::kCount> transformed2_;
  /** Floats of an image's sums. */
  size_t imageSums() const { return 2 * std::max(norm1_.channels, norm2_.channels); }

  // Sums: of each image, of each shard, then over the batch.
  Buffer<float> imageSums_;
  Buffer<float> shardSums1_, shardSums2_;
  std::vector<double> shardStatistics2_;
  std::vector<double> statistics1_, statistics2_, normSums2_, biasSums1_, biasSums2_, firstGradientSums_;

  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace convsweep::cpu
