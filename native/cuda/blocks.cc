#include "cuda/blocks.h"

#include "cuda/convolution.h"
#include "cuda/dense.h"
#include "cuda/kernels.h"
#include "cuda/norm.h"

namespace convsweep::cuda {
namespace {

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
  NormShare take(const NormBlock& norm) override {
    if (!norm.isOver(to_.order)) return NormShare::None;
    norm_ = &norm;
    return NormShare::Inference;
  }
  void forward(size_t n, Mode mode) override {
    const bool normalises = norm_ && mode == Mode::Inference;
    Epilogue epilogue;
    if (normalises) epilogue.norm = norm_->inference();
    maxPool(stream(), from_.values, static_cast<uint32_t>(n), spec_, epilogue,
            normalises ? norm_->output().values : to_.values, winners_);
  }
  void backward(size_t n) override {
    if (!from_.differentiable) return;
    maxPoolBackward(stream(), to_.gradient, nullptr, winners_, static_cast<uint32_t>(n), spec_,
                    from_.gradient);
  }

 private:
  const PoolSpec spec_;
  /** Behind it, if it shares in that. */
  const NormBlock* norm_ = nullptr;
  uint16_t* winners_ = nullptr;
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
  std::unique_ptr<CudaBlock> operator()(const DenseSpec& spec) const {
    return makeDense(context, from, spec, order);
  }
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
