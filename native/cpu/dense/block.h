#pragma once

#include "backend/buffer.h"
#include "cpu/block.h"

namespace convsweep::cpu {

class DenseBlock final : public CpuBlock {
 public:
  DenseBlock(const Context& context, const Node& from, const DenseSpec& spec)
      : CpuBlock(context, from, spec.out), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    float* const out = prepare(n, mode);
    const size_t width = spec_.out;
    const float* const bias = spec_.bias ? parameters(spec_.parameters.second) : nullptr;
    multiply({n, width, spec_.in}, {from_.values, spec_.in, 1},
             {parameters(spec_.parameters.first), width, 1}, lists(n), out, [&](size_t first, size_t last) {
               kernels().biasRelu(out + first * width, last - first, width, bias, spec_.relu);
             });
  }

  void backward(size_t n) override {
    float* const gradient = to_.gradient;
    const size_t width = spec_.out;
    if (spec_.relu) {
      team().forEachPart(n * width, kStretch, [&](size_t first, size_t last, size_t) {
        kernels().reluBackward(to_.values + first, gradient + first, last - first, gradient + first);
      });
    }
    if (spec_.bias) kernels().columnSums(gradient, n, width, gradients(spec_.parameters.second));
    const auto nothing = [](size_t, size_t) {};
    multiply({spec_.in, width, n}, {from_.values, 1, spec_.in}, {gradient, width, 1}, lists(spec_.in),
             gradients(spec_.parameters.first), nothing);
    if (from_.gradient) {
      multiply({n, spec_.in, width}, {gradient, width, 1}, {parameters(spec_.parameters.first), 1, width},
               nullptr, from_.gradient, nothing);
    }
  }

 private:
  /** C[m x n] = A[m x k] B[k x n] */
  struct Product {
    size_t m, n, k;
  };

  /**
   * Each worker computes some of C's rows, whose sums do not depend on how many those are, and then calls
   * then(first, last) for them.
   */
  template <typename Then>
  void multiply(const Product& p, Matrix a, Matrix b, DepthList* lists, float* c, const Then& then) {
    // A smaller product is done before help has come.
    constexpr size_t kSmall = 1 << 17;
    const size_t workers = p.m * p.n * p.k < kSmall ? 1 : team().workers();
    // Whole tiles and lists, as far as there are any.
    constexpr size_t kRows = 24;
    static_assert(kRows % kListRows == 0);
    const size_t rows = ((p.m + workers - 1) / workers + kRows - 1) / kRows * kRows;
    float* const memory = scratch(kGemmScratch);
    team().forEachPart(p.m, rows, [&](size_t first, size_t last, size_t worker) {
      kernels().gemm(last - first, p.n, p.k, {a.data + first * a.rowStride, a.rowStride, a.columnStride}, b,
                     c + first * p.n, p.n, false, memory + worker * kGemmScratch,
                     lists ? lists + first / kListRows : nullptr);
      then(first, last);
    });
  }

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
