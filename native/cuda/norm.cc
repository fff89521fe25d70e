#include "cuda/norm.h"

#include "cuda/kernels.h"

namespace convsweep::cuda {
namespace {

constexpr float kOne = 1, kZero = 0;

}  // namespace

NormBlock::NormBlock(Context& context, const Node& from, const NormSpec& spec, Order order)
    : CudaBlock(context, from, order), spec_(spec), channels_(1, spec.channels, 1, 1) {
  to_.differentiable = true;
}

void NormBlock::place(Arena& memory, size_t n) {
  CudaBlock::place(memory, n);
  mean_ = memory.take<float>(spec_.channels);
  inverseDeviation_ = memory.take<float>(spec_.channels);
}

void NormBlock::forward(size_t n, Mode mode) {
  if (share_ == NormShare::All) return;
  if (mode == Mode::Inference) {
    if (share_ == NormShare::Inference) return;
    describe(n);
    const InferenceNorm norm = inference();
    CUDNN(cudnnBatchNormalizationForwardInference, cudnn(), CUDNN_BATCHNORM_SPATIAL, &kOne, &kZero,
          values_.get(), from_.values, values_.get(), to_.values, channels_.get(), norm.gamma, norm.beta,
          norm.mean, norm.variance, norm.epsilon);
    return;
  }
  describe(n);
  const TrainingNorm norm = training(n);
  const bool running = spec_.bessel && n * spec_.rows > 1;
  CUDNN(cudnnBatchNormalizationForwardTraining, cudnn(), CUDNN_BATCHNORM_SPATIAL, &kOne, &kZero,
        values_.get(), from_.values, values_.get(), to_.values, channels_.get(), norm.gamma, norm.beta,
        norm.decay, running ? norm.movingMean : nullptr, running ? norm.movingVariance : nullptr,
        norm.epsilon, norm.mean, norm.inverseDeviation);
  if (!running) updateMoving(stream(), norm, static_cast<uint32_t>(spec_.channels));
}

void NormBlock::backward(size_t n) {
  if (share_ == NormShare::All) return;
  describe(n);
  const TrainingNorm norm = training(n);
  // The input's gradient is written even if nobody wants it: cuDNN knows no other way.
  CUDNN(cudnnBatchNormalizationBackward, cudnn(), CUDNN_BATCHNORM_SPATIAL, &kOne, &kZero, &kOne, &kZero,
        values_.get(), from_.values, values_.get(), to_.gradient, values_.get(), from_.gradient,
        channels_.get(), norm.gamma, norm.gammaGradient, norm.betaGradient, norm.epsilon, norm.mean,
        norm.inverseDeviation);
}

InferenceNorm NormBlock::inference() const {
  const float* const moving = context_.state.statistics + spec_.statistics;
  return {parameters(spec_.parameters.first), parameters(spec_.parameters.second), moving,
          moving + spec_.channels, spec_.epsilon};
}

TrainingNorm NormBlock::training(size_t n) const {
  float* const moving = context_.state.statistics + spec_.statistics;
  return {parameters(spec_.parameters.first),
          parameters(spec_.parameters.second),
          gradients(spec_.parameters.first),
          gradients(spec_.parameters.second),
          moving,
          moving + spec_.channels,
          mean_,
          inverseDeviation_,
          spec_.epsilon,
          spec_.decay,
          static_cast<float>(spec_.correction(n * spec_.rows))};
}

}  // namespace convsweep::cuda
