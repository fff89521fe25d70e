#include "cuda/convolution_plan.h"

#include <array>
#include <utility>

#include "cuda/check.h"
#include "cuda/libraries.h"

namespace convsweep::cuda {

ConvolutionPlan::ConvolutionPlan(const PlanTarget& target, ConvolutionChoices& choices,
                                 const ConvolutionOperation& operation)
    : target_(&target),
      choices_(&choices),
      operation_(operation),
      graph_(target.graphOf(operation.describe())) {
  adopt(choices.of(operation, target));
}

void ConvolutionPlan::adopt(EngineChoice choice) {
  for (;;) {
    std::string refusal;
    plan_ = target_->tryPlan(graph_, choice, refusal);
    if (plan_) break;
    choice = choices_->insteadOf(choice, refusal, operation_, *target_);
  }
  workspace_ = workspaceOf(*plan_);
  choice_ = std::move(choice);
}

bool ConvolutionPlan::run(cudnnHandle_t handle, float* x, float* w, float* y, void* workspace) {
  using Operation = ConvolutionOperation;
  GraphDescriptor operands(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  operands.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::array{Operation::kX, Operation::kW, Operation::kY});
  operands.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::array<void*, 3>{x, w, y});
  operands.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace_ > 0 ? workspace : nullptr);
  operands.finalize();
  const cudnnStatus_t status = libraries().cudnnBackendExecute(handle, plan_->get(), operands.get());
  if (!tried_ && isRefusal(status)) {
    adopt(choices_->insteadOf(choice_, libraries().cudnnGetErrorString(status), operation_, *target_));
    return false;
  }
  check(status, {"cudnnBackendExecute", __FILE__, __LINE__});
  tried_ = true;
  return true;
}

ConvolutionPlan& ConvolutionPlans::of(const ConvolutionShape& shape, Pass pass, bool tf32) {
  const ConvolutionOperation operation{shape, pass, tf32};
  const auto found = plans_.find(operation);
  if (found != plans_.end()) return found->second;
  return plans_.try_emplace(operation, target_, choices_, operation).first->second;
}

}  // namespace convsweep::cuda
