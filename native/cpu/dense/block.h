#pragma once

#include "backend/buffer.h"
#include "cpu/block.h"

namespace convsweep::cpu {

class DenseBlock final : public CpuBlock {
 public:
  DenseBlock(const Context& context, const Node& from, const DenseSpec& spec)
      : CpuBlock(context, from, spec.out), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    float* out = prepare(n, mode);
    kernels().gemm(n, spec_.out, spec_.in, {from_.values, spec_.in, 1},
                   {parameters(spec_.parameters.first), spec_.out, 1}, out, spec_.out, false,
                   context_.gemmScratch.data(), lists(n));
    kernels().biasRelu(out, n, spec_.out, spec_.bias ? parameters(spec_.parameters.second) : nullptr,
                       spec_.relu);
  }

  void backward(size_t n) override {
    float* const scratch = context_.gemmScratch.data();
    if (spec_.relu) kernels().reluBackward(to_.values, to_.gradient, n * spec_.out, to_.gradient);
    if (spec_.bias) kernels().columnSums(to_.gradient, n, spec_.out, gradients(spec_.parameters.second));
    kernels().gemm(spec_.in, spec_.out, n, {from_.values, 1, spec_.in}, {to_.gradient, spec_.out, 1},
                   gradients(spec_.parameters.first), spec_.out, false, scratch, lists(spec_.in));
    if (from_.gradient) {
      kernels().gemm(n, spec_.in, spec_.out, {to_.gradient, spec_.out, 1},
                     {parameters(spec_.parameters.first), 1, spec_.out}, from_.gradient, spec_.in, false,
                     scratch, nullptr);
    }
  }

 private:
  /** Pixels are often blank, and so are their neighbours. */
  DepthList* lists(size_t rows) {
    if (!from_.pixels) return nullptr;
    lists_.ensure((rows + kListRows - 1) / kListRows);
    return lists_.data();
  }

  DenseSpec spec_;
  Buffer<DepthList> lists_;
};

}  // namespace convsweep::cpu
