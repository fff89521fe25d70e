#include "cuda/dense.h"

#include "cuda/check.h"
#include "cuda/kernels.h"
#include "cuda/norm.h"

namespace convsweep::cuda {
namespace {

class Dense final : public CudaBlock {
 public:
  Dense(Context& context, const Node& from, const DenseSpec& spec, Order order)
      : CudaBlock(context, from, order), spec_(spec) {
    to_.differentiable = true;
  }

  NormShare take(const NormBlock& norm) override {
    if (!norm.isOver(flat())) return NormShare::None;
    norm_ = &norm;
    return NormShare::All;
  }

  size_t scratch(size_t n) const override { return spec_.bias ? partialSums(n, flat()) : 0; }

  void forward(size_t n, Mode mode) override {
    const auto count = static_cast<uint32_t>(n);
    multiply(n, spec_.out, spec_.in, {from_.values, false}, {kernel(), false}, to_.values);
    Epilogue epilogue{spec_.bias ? parameters(spec_.parameters.second) : nullptr, spec_.relu};
    if (!norm_) {
      applyEpilogue(stream(), to_.values, count, flat(), epilogue, to_.values);
    } else if (mode == Mode::Inference) {
      epilogue.norm = norm_->inference();
      applyEpilogue(stream(), to_.values, count, flat(), epilogue, norm_->output().values);
    } else {
      denseNorm(stream(), to_.values, count, units(), epilogue, norm_->training(n), norm_->output().values);
    }
  }

  void backward(size_t n) override {
    const auto count = static_cast<uint32_t>(n);
    float* const bias = spec_.bias ? gradients(spec_.parameters.second) : nullptr;
    if (norm_) {
      denseNormBackward(stream(), to_.values, norm_->output().gradient, count, units(), spec_.relu,
                        norm_->training(n), to_.gradient, bias);
    } else if (spec_.relu) {
      reluBackward(stream(), to_.values, to_.gradient, count, flat(), to_.gradient, {bias, context_.scratch});
    } else {
      biasGradient(stream(), to_.gradient, count, flat(), {bias, context_.scratch});
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
  uint32_t units() const { return static_cast<uint32_t>(spec_.out); }
  /** A bias per value, whatever follows sees in them. */
  Order flat() const { return {1, units()}; }
  const float* kernel() const { return parameters(spec_.parameters.first); }

  /** c[rows x columns] = a[rows x depth] b[depth x columns], row by row; to cuBLAS, which goes column by
   * column, these are the transposes, whose product has its factors swapped. */
  void multiply(size_t rows, size_t columns, size_t depth, Factor a, Factor b, float* c) {
    constexpr float kOne = 1, kZero = 0;
    const auto m = static_cast<int>(rows), n = static_cast<int>(columns), k = static_cast<int>(depth);
    const auto operation = [](Factor factor) { return factor.transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
    CUBLAS(cublasSgemm_v2, context_.lane.cublas(), operation(b), operation(a), n, m, k, &kOne, b.values,
           b.transposed ? k : n, a.values, a.transposed ? m : k, &kZero, c, n);
  }

  const DenseSpec spec_;
  /** Behind it, if there is one. */
  const NormBlock* norm_ = nullptr;
};

}  // namespace

std::unique_ptr<CudaBlock> makeDense(Context& context, const Node& from, const DenseSpec& spec, Order order) {
  return std::make_unique<Dense>(context, from, spec, order);
}

}  // namespace convsweep::cuda
