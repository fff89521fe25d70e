#pragma once

#include <cudnn.h>

#include <optional>
#include <string>

#include "cuda/engine_choice.h"
#include "cuda/graph.h"

namespace convsweep::cuda {

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
  /** Nothing where cuDNN refuses the choice, with its reason in `refusal`. */
  std::optional<GraphDescriptor> tryPlan(const GraphDescriptor& graph, const EngineChoice& choice,
                                         std::string& refusal) const;

 private:
  cudnnHandle_t handle_ = nullptr;
  std::optional<GraphDescriptor> description_;
};

/** In bytes, of a finalised plan. */
size_t workspaceOf(const GraphDescriptor& plan);

}  // namespace convsweep::cuda
