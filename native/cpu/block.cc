#include "cpu/block.h"

#include "cpu/conv/block.h"
#include "cpu/dense/block.h"
#include "cpu/elementwise/affine.h"
#include "cpu/elementwise/dropout.h"
#include "cpu/elementwise/relu.h"
#include "cpu/norm/block.h"
#include "cpu/pool/block.h"

namespace convsweep::cpu {

float* CpuBlock::prepare(size_t n, Mode mode) {
  if (mode == Mode::Inference) {
    float* values = context_.passing.at(0, n);
    if (values == from_.values) values = context_.passing.at(1, n);
    to_.values = values;
    return values;
  }
  values_.ensure(n * to_.size + kSlack);
  to_.values = values_.data();
  prepareGradient(n);
  return values_.data();
}

void CpuBlock::prepareGradient(size_t n) {
  to_.gradient = context_.passing.at(to_.place, n);
}

namespace {

struct MakeBlock {
  const Context& context;
  const Node& from;
  bool relu;
  std::unique_ptr<CpuBlock> operator()(const AffineSpec& s) const {
    return std::make_unique<AffineBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const PoolSpec& s) const {
    return std::make_unique<PoolBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const ConvSpec& s) const {
    return std::make_unique<ConvBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const DenseSpec& s) const {
    return std::make_unique<DenseBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const NormSpec& s) const {
    return std::make_unique<NormBlock>(context, from, s, relu);
  }
  std::unique_ptr<CpuBlock> operator()(const ReluSpec& s) const {
    return std::make_unique<ReluBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const DropoutSpec& s) const {
    return std::make_unique<DropoutBlock>(context, from, s);
  }
};

}  // namespace

size_t blocksAsOne(std::span<const BlockSpec> specs) {
  const bool both = specs.size() > 1 && std::holds_alternative<NormSpec>(specs[0]) &&
                    std::holds_alternative<ReluSpec>(specs[1]);
  return both ? 2 : 1;
}

std::unique_ptr<CpuBlock> makeBlock(const Context& context, const Node& from,
                                    std::span<const BlockSpec> specs) {
  return std::visit(MakeBlock{context, from, blocksAsOne(specs) == 2}, specs[0]);
}

}  // namespace convsweep::cpu
