#include "cuda/convolution_choices.h"

#include <algorithm>

#include "backend/error.h"
#include "cuda/check.h"

namespace convsweep::cuda {
namespace {

template <typename T>
bool contains(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

std::vector<cudnnBackendNumericalNote_t> numericalNotes(const GraphDescriptor& engine) {
  return engine.list<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                                  CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
}

GraphDescriptor engineOf(const GraphDescriptor& configuration) {
  return configuration.descriptor(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
}

/** What an engine says of itself. */
bool isFit(const GraphDescriptor& engine, bool tf32) {
  const auto numerics = numericalNotes(engine);
  for (const auto note : {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
                          CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, CUDNN_NUMERICAL_NOTE_FFT,
                          CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4,
                          CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13}) {
    if (contains(numerics, note)) return false;
  }
  if (contains(numerics, CUDNN_NUMERICAL_NOTE_TENSOR_CORE) && !tf32) return false;
  const auto behaviour = engine.list<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                                                 CUDNN_BEHAVIOR_NOTE_TYPE_COUNT);
  return !contains(behaviour, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION);
}

/** In their order; none where cuDNN has none for such a graph. */
std::vector<GraphDescriptor> configurations(const PlanTarget& target, const GraphDescriptor& graph,
                                            cudnnBackendHeurMode_t mode) {
  GraphDescriptor heuristics = target.heuristics(graph, mode);
  const cudnnStatus_t status = heuristics.tryFinalize();
  if (isRefusal(status)) return {};
  check(status, {"cudnnBackendFinalize", __FILE__, __LINE__});
  return heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

EngineChoice choose(const ConvolutionOperation& operation, const PlanTarget& target,
                    const std::vector<EngineChoice>& refused, std::string refusal) {
  const GraphDescriptor graph = target.graphOf(operation.describe());
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const GraphDescriptor& configuration : configurations(target, graph, mode)) {
      if (!isFit(engineOf(configuration), operation.tf32)) continue;
      EngineChoice choice = choiceOf(configuration);
      if (contains(refused, choice)) continue;
      const auto plan = target.tryPlan(graph, choice, refusal);
      if (!plan || workspaceOf(*plan) > ConvolutionChoices::kMostWorkspace) continue;
      return choice;
    }
  }
  throw Error("NATIVE", std::string("cuDNN has no deterministic engine for a convolution's ") +
                            operation.name() + (refusal.empty() ? "" : " (" + refusal + ")"));
}

}  // namespace

EngineChoice choiceOf(const GraphDescriptor& configuration) {
  const GraphDescriptor engine = engineOf(configuration);
  EngineChoice choice{engine.number(CUDNN_ATTR_ENGINE_GLOBAL_INDEX)};
  choice.tensorCores = contains(numericalNotes(engine), CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  // cuDNN does not say how many there are before it is asked for them.
  for (const GraphDescriptor& knob : configuration.descriptors(
           CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS)) {
    choice.knobs.emplace_back(knob.list<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, 1).at(0),
                              knob.number(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE));
  }
  return choice;
}

EngineChoice ConvolutionChoices::of(const ConvolutionOperation& operation, const PlanTarget& target) {
  const std::lock_guard lock(mutex_);
  const auto found = chosen_.find(operation);
  if (found != chosen_.end()) return found->second.choice;
  return chosen_.try_emplace(operation, Chosen{choose(operation, target, {}, ""), {}}).first->second.choice;
}

EngineChoice ConvolutionChoices::insteadOf(const EngineChoice& refused, const std::string& reason,
                                           const ConvolutionOperation& operation, const PlanTarget& target) {
  const std::lock_guard lock(mutex_);
  Chosen& chosen = chosen_.at(operation);
  // Another thread may have met with the same.
  if (chosen.choice == refused) {
    chosen.refused.push_back(refused);
    chosen.choice = choose(operation, target, chosen.refused, reason);
  }
  return chosen.choice;
}

}  // namespace convsweep::cuda
