#include "backend/plan.h"

namespace convsweep {
namespace {
struct Sizes {
  size_t in, out;
};
struct SizesOf {
  Sizes operator()(const AffineSpec& s) const { return {s.size, s.size}; }
  Sizes operator()(const PoolSpec& s) const { return {s.in.size(), s.out.size()}; }
  Sizes operator()(const ConvSpec& s) const {
    return {s.in.size(), s.pool ? s.pool->out.size() : s.out.size()};
  }
  Sizes operator()(const DenseSpec& s) const { return {s.in, s.out}; }
  Sizes operator()(const NormSpec& s) const { return {s.rows * s.channels, s.rows * s.channels}; }
  Sizes operator()(const ReluSpec& s) const { return {s.size, s.size}; }
  Sizes operator()(const DropoutSpec& s) const { return {s.size, s.size}; }
};
}  // namespace

size_t inputSize(const BlockSpec& spec) {
  return std::visit(SizesOf{}, spec).in;
}
size_t outputSize(const BlockSpec& spec) {
  return std::visit(SizesOf{}, spec).out;
}

}  // namespace convsweep
