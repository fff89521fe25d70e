#include "cuda/layout.h"

#include <numeric>
#include <optional>

#include "cuda/memory.h"

namespace convsweep::cuda {
namespace {

Order orderOf(const Extent& extent) {
  return {static_cast<uint32_t>(extent.height * extent.width), static_cast<uint32_t>(extent.channels)};
}

// What follows has no default for a block of another kind, which the compiler therefore names.

/** Of blocks whose values have nothing to do with each other. */
template <typename Spec>
concept Elementwise = requires(Spec spec) {
  spec.size;
};
template <typename Spec>
concept WithParameters = requires(Spec spec) {
  spec.parameters;
};
template <typename Spec>
concept WithStatistics = requires(Spec spec) {
  spec.statistics;
};

/** The order of a block's input, if the block needs a certain one. */
struct NeededOrder {
  std::optional<Order> operator()(const ConvSpec& spec) const { return orderOf(spec.in); }
  std::optional<Order> operator()(const PoolSpec& spec) const { return orderOf(spec.in); }
  std::optional<Order> operator()(const NormSpec& spec) const {
    if (spec.rows == 1) return std::nullopt;
    return Order{static_cast<uint32_t>(spec.rows), static_cast<uint32_t>(spec.channels)};
  }
  std::optional<Order> operator()(const DenseSpec& spec) const {
    return Order{1, static_cast<uint32_t>(spec.in)};
  }
  std::optional<Order> operator()(const Elementwise auto&) const { return std::nullopt; }
};

/** The order of a block's output. A dense layer's is free, as its columns can be in any. */
struct OutputOrder {
  Order input, free;
  Order operator()(const ConvSpec& spec) const { return orderOf(spec.pool ? spec.pool->out : spec.out); }
  Order operator()(const PoolSpec& spec) const { return orderOf(spec.out); }
  Order operator()(const DenseSpec&) const { return free; }
  Order operator()(const NormSpec&) const { return input; }
  Order operator()(const Elementwise auto&) const { return input; }
};

/** The order of `size` values that nothing has put in order, before block `first`. */
Order orderBefore(const Plan& plan, size_t first, size_t size) {
  for (size_t i = first; i < plan.blocks.size(); ++i) {
    if (const auto needed = std::visit(NeededOrder{}, plan.blocks[i])) return *needed;
  }
  return {1, static_cast<uint32_t>(size)};
}

/** A batch norm behind a flattening has a channel per value, in the values' order. */
bool isFlat(const NormSpec& spec, Order input) {
  return spec.rows == 1 && input.positions > 1;
}

/** Where a block's parameters lie, if it has any. */
ParameterRange* rangeOf(BlockSpec& block) {
  return std::visit(
      []<typename Spec>(Spec& spec) -> ParameterRange* {
        if constexpr (WithParameters<Spec>) {
          return &spec.parameters;
        } else {
          return nullptr;
        }
      },
      block);
}

/** Of one block: from the engine's order at `from` to the device's at `to`. */
struct PlaceParameters {
  Order input, output;
  ParameterRange to;
  std::vector<uint32_t>& places;

  void operator()(const ConvSpec& spec) const {
    const auto height = static_cast<uint32_t>(spec.window.height),
               width = static_cast<uint32_t>(spec.window.width);
    const auto in = static_cast<uint32_t>(spec.in.channels), out = static_cast<uint32_t>(spec.out.channels);
    size_t there = spec.parameters.first;
    for (uint32_t y = 0; y < height; ++y)
      for (uint32_t x = 0; x < width; ++x)
        for (uint32_t i = 0; i < in; ++i)
          for (uint32_t o = 0; o < out; ++o)
            places[there++] = first() + ((o * in + i) * height + y) * width + x;
    if (!spec.bias) return;
    for (uint32_t o = 0; o < out; ++o) places[spec.parameters.second + o] = second() + o;
  }
  void operator()(const DenseSpec& spec) const {
    const auto out = static_cast<uint32_t>(spec.out);
    size_t there = spec.parameters.first;
    for (uint32_t i = 0; i < spec.in; ++i)
      for (uint32_t o = 0; o < out; ++o)
        places[there++] = first() + input.fromKeras(i) * out + output.fromKeras(o);
    if (!spec.bias) return;
    for (uint32_t o = 0; o < out; ++o) places[spec.parameters.second + o] = second() + output.fromKeras(o);
  }
  void operator()(const NormSpec& spec) const {
    const bool flat = isFlat(spec, input);
    for (uint32_t c = 0; c < spec.channels; ++c) {
      const uint32_t here = flat ? input.fromKeras(c) : c;
      places[spec.parameters.first + c] = first() + here;
      places[spec.parameters.second + c] = second() + here;
    }
  }
  template <typename Spec>
  requires(!WithParameters<Spec>) void operator()(const Spec&) const {}

  uint32_t first() const { return static_cast<uint32_t>(to.first); }
  uint32_t second() const { return static_cast<uint32_t>(to.second); }
};

struct PlaceStatistics {
  Order input;
  std::vector<uint32_t>& places;

  void operator()(const NormSpec& spec) const {
    if (!isFlat(spec, input)) return;
    for (const size_t first : {spec.statistics, spec.statistics + spec.channels})
      for (uint32_t c = 0; c < spec.channels; ++c)
        places[first + c] = static_cast<uint32_t>(first) + input.fromKeras(c);
  }
  template <typename Spec>
  requires(!WithStatistics<Spec>) void operator()(const Spec&) const {}
};

}  // namespace

std::vector<Order> ordersOf(const Plan& plan) {
  std::vector<Order> orders{orderBefore(plan, 0, plan.imageSize)};
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    const Order free = orderBefore(plan, i + 1, outputSize(plan.blocks[i]));
    orders.push_back(std::visit(OutputOrder{orders.back(), free}, plan.blocks[i]));
  }
  return orders;
}

Plan aligned(const Plan& plan) {
  Plan result = plan;
  std::vector<ParameterRange*> ranges;
  for (BlockSpec& block : result.blocks) {
    if (ParameterRange* const range = rangeOf(block)) ranges.push_back(range);
  }
  // The engine's follow each other without room: where the next one begins, the last one ends.
  size_t end = 0;
  const auto take = [&end](size_t size) {
    const size_t begin = end;
    end = roundedUp(begin + size, kAlignedFloats);
    return begin;
  };
  for (size_t i = 0; i < ranges.size(); ++i) {
    const size_t first = ranges[i]->first, second = ranges[i]->second;
    const size_t behind = i + 1 < ranges.size() ? ranges[i + 1]->first : plan.parameterCount;
    *ranges[i] = {take(second - first), take(behind - second)};
  }
  result.parameterCount = end;
  return result;
}

std::vector<uint32_t> parameterPlaces(const Plan& plan) {
  std::vector<uint32_t> places(plan.parameterCount);
  const std::vector<Order> orders = ordersOf(plan);
  Plan there = aligned(plan);
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    if (const ParameterRange* const range = rangeOf(there.blocks[i])) {
      std::visit(PlaceParameters{orders[i], orders[i + 1], *range, places}, plan.blocks[i]);
    }
  }
  return places;
}

std::vector<uint32_t> statisticPlaces(const Plan& plan) {
  std::vector<uint32_t> places(plan.statisticCount);
  std::iota(places.begin(), places.end(), 0u);
  const std::vector<Order> orders = ordersOf(plan);
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    std::visit(PlaceStatistics{orders[i], places}, plan.blocks[i]);
  }
  return places;
}

}  // namespace convsweep::cuda
