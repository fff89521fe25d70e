#include "cuda/convolution.h"

#include <algorithm>
#include <vector>

#include "cuda/convolution_plan.h"
#include "cuda/convolution_shape.h"
#include "cuda/kernels.h"
#include "cuda/norm.h"

namespace convsweep::cuda {
namespace {

/**
 * Only the pooled map and its winners are kept: ReLU and max-pooling commute, so the pooled map tells where
 * ReLU clipped, and the full map's gradient is rebuilt from it. The full map itself is scratch.
 */
class Convolution final : public CudaBlock {
 public:
  Convolution(Context& context, const Node& from, const ConvSpec& spec, Order order)
      : CudaBlock(context, from, order), spec_(spec), padded_(needsPadding(spec)), seen_(seenExtent(spec)) {
    to_.differentiable = true;
  }

  NormShare take(const NormBlock& norm) override {
    if (!norm.isOver(to_.order)) return NormShare::None;
    norm_ = &norm;
    return NormShare::Inference;
  }

  void place(Arena& memory, size_t n) override {
    CudaBlock::place(memory, n);
    if (spec_.pool) winners_ = memory.take<uint16_t>(n * to_.order.size());
    if (padded_) paddedInput_ = memory.take<float>(n * seen_.size());
  }

  size_t scratch(size_t n) const override {
    return mapScratch(n) + inputScratch(n) + (spec_.bias ? partialSums(n, mapOrder()) : 0);
  }

  size_t prepare(size_t n, Mode mode) override {
    size_t most = 0;
    for (const Pass pass : passes(mode)) most = std::max(most, plan(n, pass).workspace());
    return most;
  }

  bool tryOut(size_t n, Mode mode) override {
    bool all = true;
    for (const Pass pass : passes(mode)) {
      if (!plan(n, pass).tried()) all &= run(n, pass);
    }
    return all;
  }

  void forward(size_t n, Mode mode) override {
    const auto count = static_cast<uint32_t>(n);
    if (padded_) {
      pad(stream(), from_.values, count, spec_.in, seen_, spec_.window.padTop, spec_.window.padLeft,
          paddedInput_);
    }
    run(n, Pass::Output);
    Epilogue epilogue{spec_.bias ? parameters(spec_.parameters.second) : nullptr, spec_.relu};
    float* out = to_.values;
    if (norm_ && mode == Mode::Inference) {
      epilogue.norm = norm_->inference();
      out = norm_->output().values;
    }
    if (spec_.pool) {
      maxPool(stream(), outputMap(), count, *spec_.pool, epilogue, out, winners_);
    } else {
      applyEpilogue(stream(), outputMap(), count, to_.order, epilogue, out);
    }
  }

  void backward(size_t n) override {
    const auto count = static_cast<uint32_t>(n);
    const float* const clipped = spec_.relu ? to_.values : nullptr;
    float* const map = gradientMap();
    const BiasGradient bias{spec_.bias ? gradients(spec_.parameters.second) : nullptr,
                            context_.scratch + mapScratch(n) + inputScratch(n)};
    if (spec_.pool) {
      maxPoolBackward(stream(), to_.gradient, clipped, winners_, count, *spec_.pool, map, bias);
    } else if (spec_.relu) {
      reluBackward(stream(), to_.values, to_.gradient, count, mapOrder(), map, bias);
    } else {
      biasGradient(stream(), map, count, mapOrder(), bias);
    }
    run(n, Pass::KernelGradient);
    if (!from_.differentiable) return;
    run(n, Pass::InputGradient);
    if (padded_) {
      crop(stream(), inputGradient(n), count, spec_.in, seen_, spec_.window.padTop, spec_.window.padLeft,
           from_.gradient);
    }
  }

 private:
  std::vector<Pass> passes(Mode mode) const {
    if (mode == Mode::Inference) return {Pass::Output};
    if (!from_.differentiable) return {Pass::Output, Pass::KernelGradient};
    return {Pass::Output, Pass::KernelGradient, Pass::InputGradient};
  }

  ConvolutionPlan& plan(size_t n, Pass pass) {
    return context_.lane.convolutions().of(shapeOf(spec_, n), pass, context_.tf32);
  }

  bool run(size_t n, Pass pass) {
    const size_t kernel = spec_.parameters.first;
    float* const x = pass == Pass::InputGradient ? inputGradient(n) : padded_ ? paddedInput_ : from_.values;
    float* const w = pass == Pass::KernelGradient ? gradients(kernel) : parameters(kernel);
    float* const y = pass == Pass::Output ? outputMap() : gradientMap();
    return plan(n, pass).run(context_.lane.cudnn(), x, w, y, context_.workspace.as());
  }

  float* outputMap() const { return spec_.pool ? context_.scratch : to_.values; }
  float* gradientMap() const { return spec_.pool ? context_.scratch : to_.gradient; }
  float* inputGradient(size_t n) const { return padded_ ? context_.scratch + mapScratch(n) : from_.gradient; }
  /** Before pooling. */
  Order mapOrder() const {
    return {static_cast<uint32_t>(spec_.out.height * spec_.out.width),
            static_cast<uint32_t>(spec_.out.channels)};
  }
  // Scratch memory, one part behind the other, in whole alignments.
  size_t mapScratch(size_t n) const {
    return spec_.pool ? roundedUp(n * spec_.out.size(), kAlignedFloats) : 0;
  }
  size_t inputScratch(size_t n) const { return padded_ ? roundedUp(n * seen_.size(), kAlignedFloats) : 0; }

  const ConvSpec spec_;
  /** Behind it, if it shares in that. */
  const NormBlock* norm_ = nullptr;
  /** Whether cuDNN sees a padded copy, since it cannot pad as asked. */
  const bool padded_;
  /** The input as cuDNN sees it. */
  const Extent seen_;
  float* paddedInput_ = nullptr;
  uint16_t* winners_ = nullptr;
};

}  // namespace

std::unique_ptr<CudaBlock> makeConvolution(Context& context, const Node& from, const ConvSpec& spec,
                                           Order order) {
  return std::make_unique<Convolution>(context, from, spec, order);
}

}  // namespace convsweep::cuda
