#include "bench/gpu/probe/calls.h"

#include <random>

#include "backend/error.h"
#include "bench/gpu/probe/call_fact.h"
#include "bench/gpu/probe/distance.h"
#include "bench/gpu/probe/exact.h"
#include "bench/gpu/probe/lone_block.h"
#include "bench/gpu/probe/recording.h"
#include "cuda/check.h"

namespace convsweep::probe {
namespace {

constexpr int kRuns = 5;
/** Nearer than this, of the root mean square, rounding may decide otherwise. */
constexpr double kMargin = 1e-4, kMarginOfTf32 = 2e-2;

constexpr Window kThree{3, 3, 1, 1, 0, 0};

ConvSpec pooledConvolution(int side, int channels) {
  const Extent out{side - 2, side - 2, 28}, pooled{(side - 2) / 2, (side - 2) / 2, 28};
  return {{side, side, channels}, out, kThree, true, true, PoolSpec{out, pooled, {2, 2, 2, 2, 0, 0}}, {}};
}

NormSpec norm(size_t rows, size_t channels) {
  return {rows, channels, 0.01f, 1e-3f, rows > 1, {}, 0};
}

Operands randomOperands(const Call& call, size_t n) {
  std::mt19937 random(1);
  const auto values = [&random](size_t count, float centre, float spread) {
    std::normal_distribution<float> normal(centre, spread);
    std::vector<float> result(count);
    for (float& value : result) value = normal(random);
    return result;
  };
  const ParameterCounts counts = parameterCounts(call.spec);
  const bool isNorm = std::holds_alternative<NormSpec>(call.spec);
  Operands operands;
  operands.n = n;
  operands.input = values(n * inputSize(call.spec), 0.3f, 1);
  operands.outputGradient = values(n * outputSize(call.spec), 0, 1);
  operands.first = values(counts.first, isNorm ? 1 : 0, isNorm ? 0.2f : 0.06f);
  operands.second = values(counts.second, 0, 0.1f);
  operands.statistics = values(counts.statistics, 1, 0.1f);
  return operands;
}

Fact distances(const Results<float>& actual, const Results<double>& expected) {
  Fact fact;
  eachPart(
      [&](const char* name, const std::vector<float>& found, const std::vector<double>& exact) {
        if (!found.empty()) fact.number(name, distance(found, exact));
      },
      actual, expected);
  return fact;
}

/** NaN differs from itself. */
bool sameBits(const Results<float>& a, const Results<float>& b) {
  return a == b;
}

std::string engineOf(const cuda::ConvolutionPlan& plan) {
  return std::to_string(plan.engine()) + (plan.usesTensorCores() ? " with tensor cores, " : ", ") +
         std::to_string(plan.workspace()) + " B of workspace";
}

void measure(LoneBlock& block, const Call& call, Operands operands, bool tf32, Fact& fact) {
  keepDecided(call.spec, tf32 ? kMarginOfTf32 : kMargin, operands);
  const auto step = [&] {
    block.forward();
    block.backward();
  };
  const auto resultsOf = [&](const std::function<void()>& run) {
    block.load(operands);
    run();
    return block.results();
  };
  const Results<float> first = resultsOf(step);
  fact.object("distance", distances(first, exactResults(call.spec, operands)));
  bool repeats = true;
  for (int i = 1; i < kRuns; ++i) repeats &= sameBits(resultsOf(step), first);
  fact.flag("repeats", repeats);

  const cuda::GraphExec recorded = cuda::capture(block.stream(), step);
  if (!recorded) throw Error("NATIVE", "the recording was broken");
  const auto replay = [&] { CUDART(cudaGraphLaunch, recorded.get(), block.stream()); };
  fact.flag("recordedAsRun", sameBits(resultsOf(replay), first));

  const struct {
    const char* name;
    std::function<void()> run;
  } passes[] = {{"forward", [&] { block.forward(); }}, {"backward", [&] { block.backward(); }}};
  for (const auto& [name, run] : passes) {
    fact.object(name, Fact()
                          .number("microseconds", microseconds(block.stream(), run))
                          .count("kernels", record(block.stream(), run).nodes));
  }
  if (std::holds_alternative<ConvSpec>(call.spec)) {
    Fact engines;
    engines.text("output", engineOf(block.plan(cuda::Pass::Output)));
    engines.text("kernelGradient", engineOf(block.plan(cuda::Pass::KernelGradient)));
    if (call.differentiable) engines.text("inputGradient", engineOf(block.plan(cuda::Pass::InputGradient)));
    fact.object("engines", engines);
  }
}

}  // namespace

std::vector<Call> calls() {
  const Extent odd{9, 9, 5}, halved{5, 5, 7};
  // TensorFlow's `same`: one row and column more behind than before.
  const ConvSpec padded{{10, 10, 5}, halved, {3, 3, 2, 2, 0, 0}, true, true, std::nullopt, {}};
  return {
      {"convolution 28x28x1", pooledConvolution(28, 1), false},
      {"convolution 13x13x28", pooledConvolution(13, 28)},
      {"convolution, padded", padded},
      {"batch norm 13x13x28", norm(169, 28)},
      {"batch norm 5x5x28", norm(25, 28)},
      {"batch norm 80", norm(1, 80)},
      {"dense 700 to 80", DenseSpec{700, 80, true, true, {}}},
      {"dense 80 to 80", DenseSpec{80, 80, true, true, {}}},
      {"dense 80 to 10", DenseSpec{80, 10, true, false, {}}},
      {"max pooling", PoolSpec{odd, {5, 5, 5}, {3, 3, 2, 2, 1, 1}}},
      {"ReLU", ReluSpec{405}},
      {"rescaling", AffineSpec{405, 0.5f, 0.25f}},
      {"dropout", DropoutSpec{405, 0.25f, 0}},
  };
}

bool checkCall(const std::shared_ptr<cuda::Device>& device, const Call& call, size_t n, bool tf32,
               size_t offset) {
  return printCallFact(call.name, n, tf32, offset, [&](Fact& fact) {
    LoneBlock block(device, call.spec, n, tf32, call.differentiable, offset);
    measure(block, call, randomOperands(call, n), tf32, fact);
  });
}

}  // namespace convsweep::probe
