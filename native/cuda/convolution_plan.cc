#include "cuda/convolution_plan.h"

#include <algorithm>

#include "backend/error.h"
#include "cuda/check.h"
#include "cuda/libraries.h"

namespace convsweep::cuda {
namespace {

/** How the operands are called in a graph. */
constexpr int64_t kX = 1, kW = 2, kY = 3;

constexpr cudnnBackendHeurMode_t kModes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};

const char* nameOf(Pass pass) {
  switch (pass) {
    case Pass::Output:
      return "forward pass";
    case Pass::InputGradient:
      return "input gradient";
    case Pass::KernelGradient:
      return "kernel gradient";
  }
  return "";
}

/** Packed floats. */
GraphDescriptor tensor(int64_t id, const std::array<int64_t, 4>& sizes) {
  GraphDescriptor it(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  it.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
  it.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT);
  it.set(CUDNN_ATTR_TENSOR_DIMENSIONS, sizes);
  const int64_t plane = sizes[2] * sizes[3];
  it.set(CUDNN_ATTR_TENSOR_STRIDES, std::array{sizes[1] * plane, plane, sizes[3], int64_t{1}});
  it.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, ConvolutionPlan::kAlignment);
  it.finalize();
  return it;
}

/** Cross-correlation, accumulated in float. */
GraphDescriptor convolution(const ConvolutionShape& shape) {
  GraphDescriptor it(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  it.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  it.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  it.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2});
  it.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::array<int64_t, 2>{1, 1});
  it.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::array{shape.strideY, shape.strideX});
  it.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::array{shape.padY, shape.padX});
  it.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, std::array{shape.padY, shape.padX});
  it.finalize();
  return it;
}

/** The attributes of a pass' operation. */
struct Names {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
};

Names namesOf(Pass pass) {
  switch (pass) {
    case Pass::InputGradient:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case Pass::KernelGradient:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    case Pass::Output:
      break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
}

GraphDescriptor operation(const ConvolutionShape& s, Pass pass) {
  const Names names = namesOf(pass);
  GraphDescriptor it(names.type);
  it.set(names.x, tensor(kX, {s.images, s.inChannels, s.inHeight, s.inWidth}));
  it.set(names.w, tensor(kW, {s.outChannels, s.inChannels, s.height, s.width}));
  it.set(names.y, tensor(kY, {s.images, s.outChannels, s.outHeight, s.outWidth}));
  it.set(names.convolution, convolution(s));
  it.set(names.alpha, 1.0f);
  it.set(names.beta, 0.0f);
  it.finalize();
  return it;
}

template <typename Note>
bool contains(const std::vector<Note>& notes, Note note) {
  return std::find(notes.begin(), notes.end(), note) != notes.end();
}

/** Not a failure, but a reason to take another configuration. */
bool isRefusal(cudnnStatus_t status) {
  return status / 1000 == CUDNN_STATUS_NOT_SUPPORTED / 1000;
}

}  // namespace

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

ConvolutionPlan::ConvolutionPlan(const PlanTarget& target, const ConvolutionShape& shape, Pass pass,
                                 bool tf32)
    : target_(&target), pass_(pass), tf32_(tf32), graph_(target.graphOf(operation(shape, pass))) {
  choose();
}

bool ConvolutionPlan::askHeuristics() {
  if (modesAsked_ == std::size(kModes)) return false;
  GraphDescriptor heuristics = target_->heuristics(graph_, kModes[modesAsked_++]);
  const cudnnStatus_t status = heuristics.tryFinalize();
  if (isRefusal(status)) return askHeuristics();
  check(status, {"cudnnBackendFinalize", __FILE__, __LINE__});
  configurations_ = heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  next_ = 0;
  return true;
}

bool ConvolutionPlan::accepts(const GraphDescriptor& configuration) {
  const GraphDescriptor engine =
      configuration.descriptor(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  const auto numerics = engine.list<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                                                 CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  const auto behaviour = engine.list<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                                                 CUDNN_BEHAVIOR_NOTE_TYPE_COUNT);
  for (const auto note : {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
                          CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, CUDNN_NUMERICAL_NOTE_FFT,
                          CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4,
                          CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13}) {
    if (contains(numerics, note)) return false;
  }
  if (contains(behaviour, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION)) return false;
  tensorCores_ = contains(numerics, CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  if (tensorCores_ && !tf32_) return false;
  engine_ = engine.number(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  return true;
}

void ConvolutionPlan::choose() {
  plan_.reset();
  for (;;) {
    while (next_ == configurations_.size()) {
      if (askHeuristics()) continue;
      throw Error("NATIVE", std::string("cuDNN has no deterministic engine for a convolution's ") +
                                nameOf(pass_) + (refusal_.empty() ? "" : " (" + refusal_ + ")"));
    }
    const GraphDescriptor& configuration = configurations_[next_++];
    if (!accepts(configuration)) continue;
    GraphDescriptor plan = target_->plan(configuration);
    const cudnnStatus_t status = plan.tryFinalize();
    if (isRefusal(status)) {
      refusal_ = libraries().cudnnGetErrorString(status);
      continue;
    }
    check(status, {"cudnnBackendFinalize", __FILE__, __LINE__});
    workspace_ = static_cast<size_t>(plan.number(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
    if (workspace_ > kMostWorkspace) continue;
    plan_ = std::move(plan);
    return;
  }
}

bool ConvolutionPlan::run(cudnnHandle_t handle, float* x, float* w, float* y, void* workspace) {
  GraphDescriptor operands(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  operands.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::array{kX, kW, kY});
  operands.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::array<void*, 3>{x, w, y});
  operands.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace_ > 0 ? workspace : nullptr);
  operands.finalize();
  const cudnnStatus_t status = libraries().cudnnBackendExecute(handle, plan_->get(), operands.get());
  if (!tried_ && isRefusal(status)) {
    refusal_ = libraries().cudnnGetErrorString(status);
    choose();
    return false;
  }
  check(status, {"cudnnBackendExecute", __FILE__, __LINE__});
  tried_ = true;
  configurations_.clear();
  return true;
}

ConvolutionPlan& ConvolutionPlans::of(const ConvolutionShape& shape, Pass pass, bool tf32) {
  const std::tuple key(shape, pass, tf32);
  const auto found = plans_.find(key);
  if (found != plans_.end()) return found->second;
  return plans_.try_emplace(key, target_, shape, pass, tf32).first->second;
}

}  // namespace convsweep::cuda
