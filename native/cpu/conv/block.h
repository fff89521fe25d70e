#pragma once

#include <memory>
#include <optional>

#include "backend/buffer.h"
#include "cpu/block.h"
#include "cpu/conv/frame.h"
#include "cpu/conv/implementation.h"

namespace convsweep::cpu {

/** Convolution, bias, ReLU and max-pooling. Of a pooled map only the winners are kept. */
class ConvBlock final : public CpuBlock {
 public:
  ConvBlock(const Context& context, const Node& from, const ConvSpec& spec);

  void forward(size_t n, Mode mode) override;
  void backward(size_t n) override;
  void follow(CpuBlock& before) override { before.defer(); }
  bool lead(Follower& follower) override {
    follower_ = &follower;
    return true;
  }
  bool pool(const PoolSpec& spec) override;

  /**
   * Where in its pooling window an output's origin lies, row-major, or -1 if ReLU clipped it. After a
   * training forward.
   */
  int winner(size_t image, size_t element) const;

 private:
  size_t filters() const { return static_cast<size_t>(spec_.out.channels); }
  const float* kernel() const { return parameters(spec_.parameters.first); }
  /** From image `first` on, whose input is at `x`. */
  ConvArrays arrays(size_t first, const float* x, float* y);
  /** Whether inference folds the follower in: behind ReLU or pooling it is no matter of kernel and bias. */
  bool folds() const { return follower_ && !spec_.relu && !spec_.pool; }
  /** Hands the weights to the implementation that runs, and says which one that is. */
  const ConvForward& prepareForward(size_t n, Mode mode);
  /** The input of images [first, last): where it lies, or written to `memory`. */
  const float* input(Deferred* deferred, size_t first, size_t last, float* memory) const;
  /** Adds the shards' sums, `size` floats each, to the first. */
  static void addShards(float* sums, size_t shards, size_t size);

  /** As the plan has it, and as it is computed. */
  const ConvSpec given_, spec_;
  const Frame frame_;
  std::unique_ptr<ConvForward> forward_;
  std::unique_ptr<ConvKernelGradient> kernelGradient_;
  /** Null until somebody needs it: never at the input. */
  std::unique_ptr<ConvInputGradient> inputGradient_;
  Follower* follower_ = nullptr;
  /** Of a pooling block behind the follower, which inference does without; null where there is none. */
  std::optional<PoolSpec> pool_;
  /** With the follower folded in, its ReLU and `pool_`. Null until inference needs it. */
  std::unique_ptr<ConvForward> foldedForward_;
  Buffer<float> foldedKernel_, foldedBias_;
  Buffer<int32_t> winners_;
  /** Of each line of results, those that see ink, if this is the first layer. */
  Buffer<Span> ink_;
  /** Of each line of the image that a worker has, its ink. */
  Buffer<Span> inkedLines_;
  Buffer<float> kernelSums_, biasSums_;
};

}  // namespace convsweep::cpu
