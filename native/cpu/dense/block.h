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
             {parameters(spec_.parameters.first), width, 1}, out, [&](const Part& part) {
               for (size_t i = part.firstRow; i < part.lastRow; ++i) {
                 kernels().biasRelu(out + i * width + part.firstColumn, 1, part.lastColumn - part.firstColumn,
                                    bias ? bias + part.firstColumn : nullptr, spec_.relu);
               }
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
    const auto nothing = [](const Part&) {};
    multiply({spec_.in, width, n}, {from_.values, 1, spec_.in}, {gradient, width, 1},
             gradients(spec_.parameters.first), nothing);
    if (from_.gradient) {
      multiply({n, spec_.in, width}, {gradient, width, 1}, {parameters(spec_.parameters.first), 1, width},
               from_.gradient, nothing);
    }
  }

 private:
  /** C[m x n] = A[m x k] B[k x n] */
  struct Product {
    size_t m, n, k;
  };

  /** Of C. */
  struct Part {
    size_t firstRow, lastRow, firstColumn, lastColumn;
  };

  /**
   * Each worker computes a part of C, whose sums do not depend on which, and then calls then(part). Parts are
   * rows, or columns where there are more of those: then no two workers pack, and keep in their caches, the
   * same of B.
   */
  template <typename Then>
  void multiply(const Product& p, Matrix a, Matrix b, float* c, const Then& then) {
    // A smaller product is done before help has come.
    constexpr size_t kSmall = 1 << 17;
    // Whole panels of every instruction set.
    constexpr size_t kColumns = 48, kRows = 8;
    const size_t workers = p.m * p.n * p.k < kSmall ? 1 : team().workers();
    const bool byColumn = p.m < p.n && p.n >= workers * 2 * kColumns;
    const size_t all = byColumn ? p.n : p.m;
    const size_t size = byColumn ? kColumns : kRows;
    const size_t share = ((all + workers - 1) / workers + size - 1) / size * size;
    lists_.ensure(kListedRows * team().workers());
    float* const memory = scratch(kGemmScratch);
    team().forEachPart(all, share, [&](size_t first, size_t last, size_t worker) {
      const Part part = byColumn ? Part{0, p.m, first, last} : Part{first, last, 0, p.n};
      kernels().gemm(part.lastRow - part.firstRow, part.lastColumn - part.firstColumn, p.k,
                     {a.data + part.firstRow * a.rowStride, a.rowStride, a.columnStride},
                     {b.data + part.firstColumn * b.columnStride, b.rowStride, b.columnStride},
                     c + part.firstRow * p.n + part.firstColumn, p.n, memory + worker * kGemmScratch,
                     lists_.data() + worker * kListedRows);
      then(part);
    });
  }

  DenseSpec spec_;
  Buffer<ValueList> lists_;
};

}  // namespace convsweep::cpu
