#include "cuda/plan_target.h"

#include <vector>

#include "cuda/check.h"
#include "cuda/libraries.h"

namespace convsweep::cuda {

PlanTarget::PlanTarget(const std::string& description) {
  description_.emplace(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  description_->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, description);
  description_->finalize();
}

GraphDescriptor PlanTarget::graphOf(const GraphDescriptor& operation) const {
  GraphDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (!description_) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle_);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
  graph.finalize();
  return graph;
}

GraphDescriptor PlanTarget::heuristics(const GraphDescriptor& graph, cudnnBackendHeurMode_t mode) const {
  GraphDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  if (description_) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *description_);
  return heuristics;
}

GraphDescriptor PlanTarget::plan(const GraphDescriptor& configuration) const {
  GraphDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
  if (description_) {
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *description_);
  } else {
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle_);
  }
  return plan;
}

std::optional<GraphDescriptor> PlanTarget::tryPlan(const GraphDescriptor& graph, const EngineChoice& choice,
                                                   std::string& refusal) const {
  const auto refused = [&refusal](GraphDescriptor& it) {
    const cudnnStatus_t status = it.tryFinalize();
    if (isRefusal(status)) {
      refusal = libraries().cudnnGetErrorString(status);
      return true;
    }
    check(status, {"cudnnBackendFinalize", __FILE__, __LINE__});
    return false;
  };
  GraphDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph);
  engine.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, choice.engine);
  if (description_) engine.set(CUDNN_ATTR_ENGINE_DEVICEPROP, *description_);
  if (refused(engine)) return std::nullopt;

  std::vector<GraphDescriptor> knobs;
  for (const auto& [type, value] : choice.knobs) {
    GraphDescriptor& knob = knobs.emplace_back(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
    knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, type);
    knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, value);
    knob.finalize();
  }
  GraphDescriptor configuration(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  configuration.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  if (!knobs.empty()) configuration.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, knobs);
  if (refused(configuration)) return std::nullopt;

  GraphDescriptor result = plan(configuration);
  if (refused(result)) return std::nullopt;
  return result;
}

size_t workspaceOf(const GraphDescriptor& plan) {
  return static_cast<size_t>(plan.number(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
}

}  // namespace convsweep::cuda
