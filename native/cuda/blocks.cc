#include "cuda/blocks.h"

#include "cuda/convolution.h"
#include "cuda/descriptors.h"
#include "cuda/kernels.h"

namespace convsweep::cuda {
namespace {

constexpr float kOne = 1, kZero = 0;

class AffineBlock final : public CudaBlock {
 public:
  AffineBlock(Context& context, const Node& from, const AffineSpec& spec, Order order)
      : CudaBlock(context, from, order), spec_(spec) {}

  void forward(size_t n, Mode) override {
    affine(stream(), from_.values, size(n), spec_.scale, spec_.offset, to_.values);
  }
  void backward(size_t n) override {
    if (from_.differentiable) affine(stream(), to_.gradient, size(n), spec_.scale, 0, from_.gradient);
  }

 private:
  const AffineSpec spec_;
};

class ReluBlock final : public CudaBlock {
 public:
  ReluBlock(Context& context, const Node& from, const ReluSpec&, Order order)
      : CudaBlock(context, from, order) {}

  void forward(size_t n, Mode) override { relu(stream(), from_.values, size(n), to_.values); }
  void backward(size_t n) override {
    if (!from_.differentiable) return;
    reluBackward(stream(), to_.values, to_.gradient, static_cast<uint32_t>(n), to_.order, from_.gradient);
  }
};

class PoolBlock final : public CudaBlock {
 public:
  PoolBlock(Context& context, const Node& from, const PoolSpec& spec, Order order)
      : CudaBlock(context, from, order), spec_(spec) {}

  void place(Arena& memory, size_t n) override {
    CudaBlock::place(memory, n);
    winners_ = memory.take<uint16_t>(n * to_.order.size());
  }
  void forward(size_t n, Mode) override {
    maxPool(stream(), from_.values, static_cast<uint32_t>(n), spec_, nullptr, false, to_.values, winners_);
  }
  void backward(size_t n) override {
    if (!from_.differentiable) return;
    maxPoolBackward(stream(), to_.gradient, nullptr, winners_, static_cast<uint32_t>(n), spec_,
                    from_.gradient);
  }

 private:
  const PoolSpec spec_;
  uint16_t* winners_ = nullptr;
};

class DenseBlock final : public CudaBlock {
 public:
  DenseBlock(Context& context, const Node& from, const DenseSpec& spec, Order order)
      : CudaBlock(context, from, order), spec_(spec) {
    to_.differentiable = true;
  }

  size_t scratch(size_t n) const override { return spec_.bias ? partialSums(n, flat()) : 0; }

  void forward(size_t n, Mode) override {
    multiply(n, spec_.out, spec_.in, {from_.values, false}, {kernel(), false}, to_.values);
    const float* const bias = spec_.bias ? parameters(spec_.parameters.second) : nullptr;
    biasRelu(stream(), to_.values, static_cast<uint32_t>(n), flat(), bias, spec_.relu);
  }

  void backward(size_t n) override {
    const auto count = static_cast<uint32_t>(n);
    BiasGradient bias;
    if (spec_.bias) bias = {gradients(spec_.parameters.second), context_.scratch};
    if (spec_.relu) {
      reluBackward(stream(), to_.values, to_.gradient, count, flat(), to_.gradient, bias);
    } else {
      biasGradient(stream(), to_.gradient, count, flat(), bias);
    }
    multiply(spec_.in, spec_.out, n, {from_.values, true}, {to_.gradient, false},
             gradients(spec_.parameters.first));
    if (from_.differentiable) {
      multiply(n, spec_.in, spec_.out, {to_.gradient, false}, {kernel(), true}, from_.gradient);
    }
  }

 private:
  struct Factor {
    const float* values;
    bool transposed;
  };
  /** A bias per value, whatever follows sees in them. */
  Order flat() const { return {1, static_cast<uint32_t>(spec_.out)}; }
  const float* kernel() const { return parameters(spec_.parameters.first); }

  /** c[rows x columns] = a[rows x depth] b[depth x columns], row by row; to cuBLAS, which goes column by
   * column, these are the transposes, whose product has its factors swapped. */
  void multiply(size_t rows, size_t columns, size_t depth, Factor a, Factor b, float* c) {
    const auto m = static_cast<int>(rows), n = static_cast<int>(columns), k = static_cast<int>(depth);
    const auto operation = [](Factor factor) { return factor.transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
    CUBLAS(cublasSgemm_v2, context_.lane.cublas(), operation(b), operation(a), n, m, k, &kOne, b.values,
           b.transposed ? k : n, a.values, a.transposed ? m : k, &kZero, c, n);
  }

  const DenseSpec spec_;
};

/**
 * Batch norm through cuDNN, by channel, also where there is one position: that comes to the same as its mode
 * for dense layers, which few programs use. Its running variance has Bessel's correction. Where Keras' has
 * none, and where there is but one value, of which cuDNN's is 0 / 0, the moving statistics follow from what
 * it saves for the backward pass.
 */
class NormBlock final : public CudaBlock {
 public:
  NormBlock(Context& context, const Node& from, const NormSpec& spec, Order order)
      : CudaBlock(context, from, order), spec_(spec), channels_(1, spec.channels, 1, 1) {
    to_.differentiable = true;
  }

  void place(Arena& memory, size_t n) override {
    CudaBlock::place(memory, n);
    mean_ = memory.take<float>(spec_.channels);
    inverseDeviation_ = memory.take<float>(spec_.channels);
  }

  void forward(size_t n, Mode mode) override {
    describe(n);
    const float* const gamma = parameters(spec_.parameters.first);
    const float* const beta = parameters(spec_.parameters.second);
    float* const movingMean = context_.state.statistics + spec_.statistics;
    float* const movingVariance = movingMean + spec_.channels;
    if (mode == Mode::Inference) {
      CUDNN(cudnnBatchNormalizationForwardInference, cudnn(), CUDNN_BATCHNORM_SPATIAL, &kOne, &kZero,
            values_.get(), from_.values, values_.get(), to_.values, channels_.get(), gamma, beta, movingMean,
            movingVariance, spec_.epsilon);
      return;
    }
    const bool running = spec_.bessel && n * spec_.rows > 1;
    CUDNN(cudnnBatchNormalizationForwardTraining, cudnn(), CUDNN_BATCHNORM_SPATIAL, &kOne, &kZero,
          values_.get(), from_.values, values_.get(), to_.values, channels_.get(), gamma, beta, spec_.decay,
          running ? movingMean : nullptr, running ? movingVariance : nullptr, spec_.epsilon, mean_,
          inverseDeviation_);
    if (running) return;
    updateMoving(stream(), mean_, inverseDeviation_, spec_, movingMean, movingVariance);
  }

  void backward(size_t n) override {
    describe(n);
    // The input's gradient is written even if nobody wants it: cuDNN knows no other way.
    CUDNN(cudnnBatchNormalizationBackward, cudnn(), CUDNN_BATCHNORM_SPATIAL, &kOne, &kZero, &kOne, &kZero,
          values_.get(), from_.values, values_.get(), to_.gradient, values_.get(), from_.gradient,
          channels_.get(), parameters(spec_.parameters.first), gradients(spec_.parameters.first),
          gradients(spec_.parameters.second), spec_.epsilon, mean_, inverseDeviation_);
  }

 private:
  cudnnHandle_t cudnn() const { return context_.lane.cudnn(); }
  void describe(size_t n) { values_.set(n, spec_.channels, spec_.rows, 1); }

  const NormSpec spec_;
  TensorDescriptor values_, channels_;
  float *mean_ = nullptr, *inverseDeviation_ = nullptr;
};

/** The masks follow from the step, so the backward pass makes them again rather than read them. */
class DropoutBlock final : public CudaBlock {
 public:
  DropoutBlock(Context& context, const Node& from, const DropoutSpec& spec, Order order)
      : CudaBlock(context, from, order), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    if (mode == Mode::Training) {
      drop(n, from_.values, to_.values);
    } else {
      CUDART(cudaMemcpyAsync, to_.values, from_.values, size(n) * sizeof(float), cudaMemcpyDeviceToDevice,
             stream());
    }
  }
  void backward(size_t n) override {
    if (from_.differentiable) drop(n, to_.gradient, from_.gradient);
  }

 private:
  void drop(size_t n, const float* x, float* out) {
    dropout(stream(), context_.cursor, x, static_cast<uint32_t>(n), to_.order, spec_, context_.seed, out);
  }

  const DropoutSpec spec_;
};

struct MakeBlock {
  Context& context;
  const Node& from;
  Order order;
  std::unique_ptr<CudaBlock> operator()(const AffineSpec& spec) const { return make<AffineBlock>(spec); }
  std::unique_ptr<CudaBlock> operator()(const PoolSpec& spec) const { return make<PoolBlock>(spec); }
  std::unique_ptr<CudaBlock> operator()(const ConvSpec& spec) const {
    return makeConvolution(context, from, spec, order);
  }
  std::unique_ptr<CudaBlock> operator()(const DenseSpec& spec) const { return make<DenseBlock>(spec); }
  std::unique_ptr<CudaBlock> operator()(const NormSpec& spec) const { return make<NormBlock>(spec); }
  std::unique_ptr<CudaBlock> operator()(const ReluSpec& spec) const { return make<ReluBlock>(spec); }
  std::unique_ptr<CudaBlock> operator()(const DropoutSpec& spec) const { return make<DropoutBlock>(spec); }

  template <typename Made, typename Spec>
  std::unique_ptr<CudaBlock> make(const Spec& spec) const {
    return std::make_unique<Made>(context, from, spec, order);
  }
};

}  // namespace

std::unique_ptr<CudaBlock> makeBlock(Context& context, const Node& from, const BlockSpec& spec, Order order) {
  return std::visit(MakeBlock{context, from, order}, spec);
}

}  // namespace convsweep::cuda
