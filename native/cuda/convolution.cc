#include "cuda/convolution.h"

#include <algorithm>
#include <map>
#include <string>

#include "backend/error.h"
#include "cuda/descriptors.h"
#include "cuda/kernels.h"

namespace convsweep::cuda {
namespace {

/** An algorithm that wants more workspace is passed over. The same on every device, as results depend on it.
 */
constexpr size_t kMostWorkspace = size_t{256} << 20;

/** The algorithms for one batch size; those of the backward pass once it is trained with. */
struct Algorithms {
  bool forwardKnown = false, backwardKnown = false;
  cudnnConvolutionFwdAlgo_t forward{};
  cudnnConvolutionBwdFilterAlgo_t filter{};
  cudnnConvolutionBwdDataAlgo_t data{};
};

/** cuDNN's padding is the same on both sides, TensorFlow's need not be. */
bool paddingIsEven(const ConvSpec& spec) {
  const Window& w = spec.window;
  const auto fits = [](int in, int out, int window, int stride, int pad) {
    return in + 2 * pad >= window && (in + 2 * pad - window) / stride + 1 == out;
  };
  return fits(spec.in.height, spec.out.height, w.height, w.strideY, w.padTop) &&
         fits(spec.in.width, spec.out.width, w.width, w.strideX, w.padLeft);
}

/** The input with its padding around it: what the windows cover. */
Extent paddedExtent(const ConvSpec& spec) {
  const Window& w = spec.window;
  return {std::max((spec.out.height - 1) * w.strideY + w.height, spec.in.height + w.padTop),
          std::max((spec.out.width - 1) * w.strideX + w.width, spec.in.width + w.padLeft), spec.in.channels};
}

/** The first that repeats itself bit by bit, of cuDNN's list, which is sorted by expected time. */
template <typename Found>
auto firstDeterministic(const Found* found, int count, const char* pass) {
  for (int i = 0; i < count; ++i) {
    if (found[i].status == CUDNN_STATUS_SUCCESS && found[i].determinism == CUDNN_DETERMINISTIC &&
        found[i].memory <= kMostWorkspace) {
      return found[i].algo;
    }
  }
  throw Error("NATIVE", std::string("cuDNN has no deterministic algorithm for a convolution's ") + pass);
}

/**
 * Only the pooled map and its winners are kept: ReLU and max-pooling commute, so the pooled map tells where
 * ReLU clipped, and the full map's gradient is rebuilt from it. The full map itself is scratch.
 */
class Convolution final : public CudaBlock {
 public:
  Convolution(Context& context, const Node& from, const ConvSpec& spec, Order order)
      : CudaBlock(context, from, order),
        spec_(spec),
        padded_(!paddingIsEven(spec)),
        seen_(padded_ ? paddedExtent(spec) : spec.in),
        filter_(spec.out.channels, spec.in.channels, spec.window.height, spec.window.width),
        convolution_(padded_ ? 0 : spec.window.padTop, padded_ ? 0 : spec.window.padLeft, spec.window.strideY,
                     spec.window.strideX, context.tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH) {
    to_.differentiable = true;
  }

  void place(Arena& memory, size_t n) override {
    CudaBlock::place(memory, n);
    if (spec_.pool) winners_ = memory.take<uint16_t>(n * to_.order.size());
    if (padded_) paddedInput_ = memory.take<float>(n * seen_.size());
  }

  size_t scratch() const override { return mapScratch() + (padded_ ? seen_.size() : 0); }

  size_t prepare(size_t n, Mode mode) override {
    describe(n);
    Algorithms& chosen = algorithms_[n];
    if (!chosen.forwardKnown) chooseForward(chosen);
    if (mode == Mode::Training && !chosen.backwardKnown) chooseBackward(chosen);
    return workspaceOf(chosen);
  }

  void forward(size_t n, Mode) override {
    describe(n);
    const auto count = static_cast<uint32_t>(n);
    if (padded_) {
      pad(stream(), from_.values, count, spec_.in, seen_, spec_.window.padTop, spec_.window.padLeft,
          paddedInput_);
    }
    float* const map = spec_.pool ? context_.scratch : to_.values;
    CUDNN(cudnnConvolutionForward, cudnn(), &kOne, input_.get(), seenInput(), filter_.get(), kernel(),
          convolution_.get(), algorithms_.at(n).forward, context_.workspace.as(), context_.workspace.bytes(),
          &kZero, output_.get(), map);
    const float* const bias = spec_.bias ? parameters(spec_.parameters.second) : nullptr;
    if (spec_.pool) {
      maxPool(stream(), map, count, *spec_.pool, bias, spec_.relu, to_.values, winners_);
    } else {
      biasRelu(stream(), map, count, to_.order, bias, spec_.relu);
    }
  }

  void backward(size_t n) override {
    describe(n);
    const auto count = static_cast<uint32_t>(n);
    const float* const clipped = spec_.relu ? to_.values : nullptr;
    // The bias' gradient does not depend on where in its window a pooled value came from.
    if (spec_.bias) {
      channelSums(stream(), to_.gradient, clipped, count, to_.order, gradients(spec_.parameters.second));
    }
    float* const map = spec_.pool ? context_.scratch : to_.gradient;
    if (spec_.pool) {
      maxPoolBackward(stream(), to_.gradient, clipped, winners_, count, *spec_.pool, map);
    } else if (spec_.relu) {
      reluBackward(stream(), to_.values, to_.gradient, size(n), map);
    }
    CUDNN(cudnnConvolutionBackwardFilter, cudnn(), &kOne, input_.get(), seenInput(), output_.get(), map,
          convolution_.get(), algorithms_.at(n).filter, context_.workspace.as(), context_.workspace.bytes(),
          &kZero, filter_.get(), gradients(spec_.parameters.first));
    if (!from_.differentiable) return;
    float* const gradient = padded_ ? context_.scratch + n * mapScratch() : from_.gradient;
    CUDNN(cudnnConvolutionBackwardData, cudnn(), &kOne, filter_.get(), kernel(), output_.get(), map,
          convolution_.get(), algorithms_.at(n).data, context_.workspace.as(), context_.workspace.bytes(),
          &kZero, input_.get(), gradient);
    if (padded_) {
      crop(stream(), gradient, count, spec_.in, seen_, spec_.window.padTop, spec_.window.padLeft,
           from_.gradient);
    }
  }

 private:
  static constexpr float kOne = 1, kZero = 0;

  cudnnHandle_t cudnn() const { return context_.lane.cudnn(); }
  const float* kernel() const { return parameters(spec_.parameters.first); }
  const float* seenInput() const { return padded_ ? paddedInput_ : from_.values; }
  size_t mapScratch() const { return spec_.pool ? spec_.out.size() : 0; }

  void describe(size_t n) {
    const auto set = [n](TensorDescriptor& descriptor, const Extent& extent) {
      descriptor.set(n, static_cast<size_t>(extent.channels), static_cast<size_t>(extent.height),
                     static_cast<size_t>(extent.width));
    };
    set(input_, seen_);
    set(output_, spec_.out);
  }

  void chooseForward(Algorithms& chosen) {
    cudnnConvolutionFwdAlgoPerf_t found[CUDNN_CONVOLUTION_FWD_ALGO_COUNT];
    int count = 0;
    CUDNN(cudnnGetConvolutionForwardAlgorithm_v7, cudnn(), input_.get(), filter_.get(), convolution_.get(),
          output_.get(), CUDNN_CONVOLUTION_FWD_ALGO_COUNT, &count, found);
    chosen.forward = firstDeterministic(found, count, "forward pass");
    chosen.forwardKnown = true;
  }

  void chooseBackward(Algorithms& chosen) {
    cudnnConvolutionBwdFilterAlgoPerf_t filters[CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT];
    int count = 0;
    CUDNN(cudnnGetConvolutionBackwardFilterAlgorithm_v7, cudnn(), input_.get(), output_.get(),
          convolution_.get(), filter_.get(), CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT, &count, filters);
    chosen.filter = firstDeterministic(filters, count, "kernel gradient");
    if (from_.differentiable) {
      cudnnConvolutionBwdDataAlgoPerf_t datas[CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT];
      CUDNN(cudnnGetConvolutionBackwardDataAlgorithm_v7, cudnn(), filter_.get(), output_.get(),
            convolution_.get(), input_.get(), CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT, &count, datas);
      chosen.data = firstDeterministic(datas, count, "input gradient");
    }
    chosen.backwardKnown = true;
  }

  size_t workspaceOf(const Algorithms& chosen) {
    size_t forward = 0, filter = 0, data = 0;
    CUDNN(cudnnGetConvolutionForwardWorkspaceSize, cudnn(), input_.get(), filter_.get(), convolution_.get(),
          output_.get(), chosen.forward, &forward);
    if (chosen.backwardKnown) {
      CUDNN(cudnnGetConvolutionBackwardFilterWorkspaceSize, cudnn(), input_.get(), output_.get(),
            convolution_.get(), filter_.get(), chosen.filter, &filter);
    }
    if (chosen.backwardKnown && from_.differentiable) {
      CUDNN(cudnnGetConvolutionBackwardDataWorkspaceSize, cudnn(), filter_.get(), output_.get(),
            convolution_.get(), input_.get(), chosen.data, &data);
    }
    return std::max({forward, filter, data});
  }

  const ConvSpec spec_;
  /** Whether cuDNN sees a padded copy, since it cannot pad as asked. */
  const bool padded_;
  /** The input as cuDNN sees it. */
  const Extent seen_;
  TensorDescriptor input_, output_;
  FilterDescriptor filter_;
  ConvolutionDescriptor convolution_;
  std::map<size_t, Algorithms> algorithms_;
  float* paddedInput_ = nullptr;
  uint16_t* winners_ = nullptr;
};

}  // namespace

std::unique_ptr<CudaBlock> makeConvolution(Context& context, const Node& from, const ConvSpec& spec,
                                           Order order) {
  return std::make_unique<Convolution>(context, from, spec, order);
}

}  // namespace convsweep::cuda
