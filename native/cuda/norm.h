#pragma once

#include "cuda/blocks.h"
#include "cuda/descriptors.h"
#include "cuda/norm_operands.h"

namespace convsweep::cuda {

/**
 * Batch norm through cuDNN, by channel, also where there is one position: that comes to the same as its mode
 * for dense layers, which few programs use. Its running variance has Bessel's correction. Where Keras' has
 * none, and where there is but one value, of which cuDNN's is 0 / 0, the moving statistics follow from what
 * it saves for the backward pass.
 *
 * What the block before it takes over it leaves to that one.
 */
class NormBlock final : public CudaBlock {
 public:
  NormBlock(Context& context, const Node& from, const NormSpec& spec, Order order);

  void follow(CudaBlock& before) override { share_ = before.take(*this); }
  void place(Arena& memory, size_t n) override;
  void forward(size_t n, Mode mode) override;
  void backward(size_t n) override;

  /** Whether its channels are those of `order`: not where the shape changes before it. */
  bool isOver(Order order) const { return spec_.rows == order.positions && spec_.channels == order.channels; }
  InferenceNorm inference() const;
  /** For batches of `n` images, with their moments where `place` has put them. */
  TrainingNorm training(size_t n) const;

 private:
  cudnnHandle_t cudnn() const { return context_.lane.cudnn(); }
  void describe(size_t n) { values_.set(n, spec_.channels, spec_.rows, 1); }

  const NormSpec spec_;
  NormShare share_ = NormShare::None;
  TensorDescriptor values_, channels_;
  float *mean_ = nullptr, *inverseDeviation_ = nullptr;
};

}  // namespace convsweep::cuda
