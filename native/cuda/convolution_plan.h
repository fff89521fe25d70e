#pragma once

#include <cudnn.h>

#include <map>
#include <optional>
#include <string>

#include "cuda/convolution_choices.h"

namespace convsweep::cuda {

/** How one handle computes one pass of a convolution. */
class ConvolutionPlan {
 public:
  /** `choices` are of the target's device, and outlive this object, as `target` does. Throws Error NATIVE
   * where cuDNN has nothing that will do. */
  ConvolutionPlan(const PlanTarget& target, ConvolutionChoices& choices,
                  const ConvolutionOperation& operation);

  /** In bytes. */
  size_t workspace() const { return workspace_; }
  /** Whether it has run. */
  bool tried() const { return tried_; }
  int64_t engine() const { return choice_.engine; }
  bool usesTensorCores() const { return choice_.tensorCores; }

  /**
   * Queues the pass: of input x, kernel w and output y, or their gradients, it writes the one that it is
   * named for and reads the others. If cuDNN refuses what has never run, takes another engine, whose
   * workspace may be larger, and returns false.
   */
  bool run(cudnnHandle_t handle, float* x, float* w, float* y, void* workspace);

 private:
  /** Plans with `choice`, or with what comes in its place. */
  void adopt(EngineChoice choice);

  const PlanTarget* target_;
  ConvolutionChoices* choices_;
  ConvolutionOperation operation_;
  GraphDescriptor graph_;
  EngineChoice choice_;
  std::optional<GraphDescriptor> plan_;
  size_t workspace_ = 0;
  bool tried_ = false;
};

/**
 * The plans of one cuDNN handle. cuDNN does not promise that two threads may run one plan, so they belong to
 * a lane, as the handle does.
 */
class ConvolutionPlans {
 public:
  /** `choices` are of the handle's device, and outlive this object. */
  ConvolutionPlans(cudnnHandle_t handle, ConvolutionChoices& choices) : target_(handle), choices_(choices) {}
  /** Valid as long as this object. */
  ConvolutionPlan& of(const ConvolutionShape& shape, Pass pass, bool tf32);

 private:
  const PlanTarget target_;
  ConvolutionChoices& choices_;
  std::map<ConvolutionOperation, ConvolutionPlan> plans_;
};

}  // namespace convsweep::cuda
