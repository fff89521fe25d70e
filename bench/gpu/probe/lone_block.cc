#include "bench/gpu/probe/lone_block.h"

#include <algorithm>
#include <utility>

#include "cuda/check.h"
#include "cuda/kernels.h"
#include "cuda/layout.h"

namespace convsweep::probe {

using namespace cuda;

namespace {

struct Counts {
  ParameterCounts operator()(const ConvSpec& spec) const {
    const Window& window = spec.window;
    return {static_cast<size_t>(window.height * window.width * spec.in.channels * spec.out.channels),
            spec.bias ? static_cast<size_t>(spec.out.channels) : 0, 0};
  }
  ParameterCounts operator()(const DenseSpec& spec) const {
    return {spec.in * spec.out, spec.bias ? spec.out : 0, 0};
  }
  ParameterCounts operator()(const NormSpec& spec) const {
    return {spec.channels, spec.channels, 2 * spec.channels};
  }
  template <typename Other>
  ParameterCounts operator()(const Other&) const {
    return {};
  }
};

/** `spec` with its parameters and statistics from the beginning on. */
BlockSpec placedAlone(BlockSpec spec) {
  const size_t second = roundedUp(parameterCounts(spec).first, kAlignedFloats);
  std::visit(
      [&](auto& it) {
        if constexpr (requires { it.parameters; }) it.parameters = {0, second};
        if constexpr (requires { it.statistics; }) it.statistics = 0;
      },
      spec);
  return spec;
}

}  // namespace

ParameterCounts parameterCounts(const BlockSpec& spec) {
  return std::visit(Counts{}, spec);
}

LoneBlock::LoneBlock(std::shared_ptr<Device> device, const BlockSpec& spec, size_t n, bool tf32,
                     bool differentiable, size_t offset)
    : device_(std::move(device)),
      lane_(device_->takeLane()),
      n_(n),
      differentiable_(differentiable),
      context_{*lane_, {}, nullptr, 0, tf32, {}},
      spec_(placedAlone(spec)) {
  CUBLAS(cublasSetMathMode, lane_->cublas(), tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH);
  Plan plan;
  plan.imageSize = inputSize(spec);
  plan.blocks = {spec_};
  plan.outputSize = outputSize(spec);
  const std::vector<Order> orders = ordersOf(plan);
  from_.order = orders[0];
  from_.differentiable = differentiable;
  block_ = makeBlock(context_, from_, spec_, orders[1]);

  const ParameterCounts counts = parameterCounts(spec);
  const size_t second = roundedUp(counts.first, kAlignedFloats);
  const auto place = [&](Arena memory) {
    for (float** flat : {&context_.state.parameters, &context_.state.gradients}) {
      *flat = memory.take<float>(second + counts.second);
    }
    context_.state.statistics = memory.take<float>(counts.statistics);
    context_.cursor = memory.take<Cursor>(1);
    from_.values = memory.take<float>(n * from_.order.size());
    from_.gradient = memory.take<float>(n * from_.order.size());
    block_->place(memory, n);
    block_->setGradient(memory.take<float>(n * block_->output().order.size()));
    context_.scratch = memory.take<float>(block_->scratch(n));
    return memory.used();
  };
  memory_ = device_->memory(place(Arena()) + offset, "a block");
  place(Arena(memory_.as<uint8_t>() + offset));
  const State& state = context_.state;
  first_ = {state.parameters, counts.first};
  second_ = {state.parameters + second, counts.second};
  firstGradient_ = {state.gradients, counts.first};
  secondGradient_ = {state.gradients + second, counts.second};
  statistics_ = {state.statistics, counts.statistics};
  CUDART(cudaMemsetAsync, memory_.as(), 0, memory_.bytes(), stream());
  // Dropout's masks are those of the step.
  Cursor cursor;
  cursor.step = 1;
  cuda::place(stream(), cursor, context_.cursor);
  prepare();
}

const ConvolutionPlan& LoneBlock::plan(Pass pass) {
  return lane_->convolutions().of(shapeOf(std::get<ConvSpec>(spec_), n_), pass, context_.tf32);
}

void LoneBlock::prepare() {
  bool works = false;
  while (!works) {
    const size_t workspace = block_->prepare(n_, Mode::Training);
    if (workspace > context_.workspace.bytes()) {
      context_.workspace = device_->memory(workspace, "cuDNN's workspace");
    }
    works = block_->tryOut(n_, Mode::Training);
  }
  CUDART(cudaStreamSynchronize, stream());
}

void LoneBlock::load(const Operands& operands) {
  const Node& to = block_->output();
  write({from_.values, operands.input.size()}, operands.input);
  write({to.gradient, operands.outputGradient.size()}, operands.outputGradient);
  write(first_, operands.first);
  write(second_, operands.second);
  write(statistics_, operands.statistics);
  poison({to.values, operands.outputGradient.size()});
  poison({from_.gradient, operands.input.size()});
  poison(firstGradient_);
  poison(secondGradient_);
}

Results<float> LoneBlock::results() {
  const Node& to = block_->output();
  Results<float> results;
  results.output = read({to.values, n_ * to.order.size()});
  if (differentiable_) results.inputGradient = read({from_.gradient, n_ * from_.order.size()});
  results.firstGradient = read(firstGradient_);
  results.secondGradient = read(secondGradient_);
  results.statistics = read(statistics_);
  return results;
}

void LoneBlock::write(Part part, const std::vector<float>& values) {
  if (part.count == 0) return;
  CUDART(cudaMemcpyAsync, part.place, values.data(), part.count * sizeof(float), cudaMemcpyHostToDevice,
         stream());
  CUDART(cudaStreamSynchronize, stream());
}

void LoneBlock::poison(Part part) {
  if (part.count > 0) CUDART(cudaMemsetAsync, part.place, 0xff, part.count * sizeof(float), stream());
}

std::vector<float> LoneBlock::read(Part part) {
  std::vector<float> values(part.count);
  if (part.count == 0) return values;
  CUDART(cudaMemcpyAsync, values.data(), part.place, part.count * sizeof(float), cudaMemcpyDeviceToHost,
         stream());
  CUDART(cudaStreamSynchronize, stream());
  return values;
}

}  // namespace convsweep::probe
