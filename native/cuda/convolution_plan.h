#pragma once

#include <cudnn.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "cuda/convolution_shape.h"
#include "cuda/graph.h"

namespace convsweep::cuda {

/** The passes of a convolution, by what they compute. */
enum class Pass { Output, InputGradient, KernelGradient };

/** What plans are made for: the device of a handle, or one that is described. */
class PlanTarget {
 public:
  explicit PlanTarget(cudnnHandle_t handle) : handle_(handle) {}
  /** A device that need not be there, in the JSON of CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION. Needs cuDNN
   * 9.8. */
  explicit PlanTarget(const std::string& description);

  GraphDescriptor graphOf(const GraphDescriptor& operation) const;
  /** Not finalised. */
  GraphDescriptor heuristics(const GraphDescriptor& graph, cudnnBackendHeurMode_t mode) const;
  /** Not finalised. */
  GraphDescriptor plan(const GraphDescriptor& configuration) const;

 private:
  cudnnHandle_t handle_ = nullptr;
  std::optional<GraphDescriptor> description_;
};

/**
 * How cuDNN computes one pass of a convolution: the first of its engine configurations, in the order of its
 * heuristics and then of its fallbacks, that
 *   - repeats itself bit by bit,
 *   - rounds no factors but to TF32 on tensor cores, and not even so without `tf32`, and takes no detour that
 *     loses digits (Winograd, FFT, sums in half precision),
 *   - needs no compiler at run time,
 *   - needs at most kMostWorkspace,
 *   - and that cuDNN does not refuse when it is prepared or first run.
 * The choice depends on the device's kind, cuDNN's version, shape and precision alone, as results do on it.
 */
class ConvolutionPlan {
 public:
  static constexpr size_t kMostWorkspace = size_t{256} << 20;
  /** What operands and workspace are aligned to, in bytes. */
  static constexpr int64_t kAlignment = 16;

  /** Throws Error NATIVE where no configuration will do. */
  ConvolutionPlan(const PlanTarget& target, const ConvolutionShape& shape, Pass pass, bool tf32);

  /** In bytes. */
  size_t workspace() const { return workspace_; }
  /** Whether it has run. */
  bool tried() const { return tried_; }
  int64_t engine() const { return engine_; }
  bool usesTensorCores() const { return tensorCores_; }

  /**
   * Queues the pass: of input x, kernel w and output y, or their gradients, it writes the one that it is
   * named for and reads the others. If cuDNN refuses what has never run, goes on to the next configuration,
   * whose workspace may be larger, and returns false.
   */
  bool run(cudnnHandle_t handle, float* x, float* w, float* y, void* workspace);

 private:
  /** Takes the next configuration that will do. */
  void choose();
  bool accepts(const GraphDescriptor& configuration);
  bool askHeuristics();

  PlanTarget const* target_;
  Pass pass_;
  bool tf32_;
  GraphDescriptor graph_;
  /** Those of the heuristics' modes asked so far. */
  std::vector<GraphDescriptor> configurations_;
  size_t next_ = 0, modesAsked_ = 0;
  std::optional<GraphDescriptor> plan_;
  size_t workspace_ = 0;
  int64_t engine_ = -1;
  bool tensorCores_ = false, tried_ = false;
  /** Why the last configuration that cuDNN refused was. */
  std::string refusal_;
};

/**
 * The plans of one cuDNN handle, each chosen once. cuDNN does not promise that two threads may run one plan,
 * so they belong to a lane, as the handle does.
 */
class ConvolutionPlans {
 public:
  explicit ConvolutionPlans(cudnnHandle_t handle) : target_(handle) {}
  /** Valid as long as this object. */
  ConvolutionPlan& of(const ConvolutionShape& shape, Pass pass, bool tf32);

 private:
  const PlanTarget target_;
  std::map<std::tuple<ConvolutionShape, Pass, bool>, ConvolutionPlan> plans_;
};

}  // namespace convsweep::cuda
