#pragma once

#include <memory>
#include <vector>

#include "bench/gpu/probe/operands.h"
#include "cuda/blocks.h"
#include "cuda/device.h"

namespace convsweep::probe {

/** One block of the backend by itself, with memory for `n` images, `offset` bytes behind where the backend
 * would place it. */
class LoneBlock {
 public:
  /** `spec` is at parameters(); throws Error as the backend does. */
  LoneBlock(std::shared_ptr<cuda::Device> device, const BlockSpec& spec, size_t n, bool tf32,
            bool differentiable, size_t offset);

  cudaStream_t stream() const { return lane_->stream(); }
  /** What a convolution's block has chosen for a pass of a training step. */
  const cuda::ConvolutionPlan& plan(cuda::Pass pass);

  /** Puts the operands in place, and NaN wherever results are expected. Waits. */
  void load(const Operands& operands);
  /** Queue the passes of a training step. */
  void forward() { block_->forward(n_, Mode::Training); }
  void backward() { block_->backward(n_); }
  /** Waits. */
  Results<float> results();

 private:
  struct Part {
    float* place;
    size_t count;
  };
  void prepare();
  void write(Part part, const std::vector<float>& values);
  void poison(Part part);
  std::vector<float> read(Part part);

  const std::shared_ptr<cuda::Device> device_;
  const cuda::OwnedLane lane_;
  const size_t n_;
  const bool differentiable_;
  cuda::DeviceMemory memory_;
  cuda::Context context_;
  cuda::Node from_;
  BlockSpec spec_;
  std::unique_ptr<cuda::CudaBlock> block_;
  Part first_, second_, firstGradient_, secondGradient_, statistics_;
};

/** The numbers of parameters of both kinds, and of statistics. */
struct ParameterCounts {
  size_t first = 0, second = 0, statistics = 0;
};
ParameterCounts parameterCounts(const BlockSpec& spec);

}  // namespace convsweep::probe
