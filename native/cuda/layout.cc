#include "cuda/layout.h"

#include <numeric>
#include <optional>

namespace convsweep::cuda {
namespace {

Order orderOf(const Extent& extent) {
  return {static_cast<uint32_t>(extent.height * extent.width), static_cast<uint32_t>(extent.channels)};
}

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
  template <typename Elementwise>
  std::optional<Order> operator()(const Elementwise&) const {
    return std::nullopt;
  }
};

/** The order of a block's output. A dense layer's is free, as its columns can be in any. */
struct OutputOrder {
  Order input, free;
  Order operator()(const ConvSpec& spec) const { return orderOf(spec.pool ? spec.pool->out : spec.out); }
  Order operator()(const PoolSpec& spec) const { return orderOf(spec.out); }
  Order operator()(const DenseSpec&) const { return free; }
  template <typename Elementwise>
  Order operator()(const Elementwise&) const {
    return input;
  }
};

/** The order of `size` values that nothing has put in order, before block `first`. */
Order orderBefore(const Plan& plan, size_t first, size_t size) {
  for (size_t i = first; i < plan.blocks.size(); ++i) {
    if (const auto needed = std::visit(NeededOrder{}, plan.blocks[i])) return *needed;
  }
  return {1, static_cast<uint32_t>(size)};
}

std::vector<uint32_t> inOrder(size_t size) {
  std::vector<uint32_t> places(size);
  std::iota(places.begin(), places.end(), 0u);
  return places;
}

/** A batch norm behind a flattening has a channel per value, in the values' order. */
bool isFlat(const NormSpec& spec, Order input) {
  return spec.rows == 1 && input.positions > 1;
}

struct PlaceParameters {
  Order input, output;
  std::vector<uint32_t>& places;

  void operator()(const ConvSpec& spec) const {
    const auto height = static_cast<uint32_t>(spec.window.height),
               width = static_cast<uint32_t>(spec.window.width);
    const auto in = static_cast<uint32_t>(spec.in.channels), out = static_cast<uint32_t>(spec.out.channels);
    const auto first = static_cast<uint32_t>(spec.parameters.first);
    size_t there = first;
    for (uint32_t y = 0; y < height; ++y)
      for (uint32_t x = 0; x < width; ++x)
        for (uint32_t i = 0; i < in; ++i)
          for (uint32_t o = 0; o < out; ++o)
            places[there++] = first + ((o * in + i) * height + y) * width + x;
  }
  void operator()(const DenseSpec& spec) const {
    const auto first = static_cast<uint32_t>(spec.parameters.first), out = static_cast<uint32_t>(spec.out);
    size_t there = first;
    for (uint32_t i = 0; i < spec.in; ++i)
      for (uint32_t o = 0; o < out; ++o)
        places[there++] = first + input.fromKeras(i) * out + output.fromKeras(o);
    if (!spec.bias) return;
    const auto second = static_cast<uint32_t>(spec.parameters.second);
    for (uint32_t o = 0; o < out; ++o) places[second + o] = second + output.fromKeras(o);
  }
  void operator()(const NormSpec& spec) const {
    if (!isFlat(spec, input)) return;
    for (const size_t first : {spec.parameters.first, spec.parameters.second})
      for (uint32_t c = 0; c < spec.channels; ++c)
        places[first + c] = static_cast<uint32_t>(first) + input.fromKeras(c);
  }
  template <typename Stateless>
  void operator()(const Stateless&) const {}
};

struct PlaceStatistics {
  Order input, output;
  std::vector<uint32_t>& places;

  void operator()(const NormSpec& spec) const {
    if (!isFlat(spec, input)) return;
    for (const size_t first : {spec.statistics, spec.statistics + spec.channels})
      for (uint32_t c = 0; c < spec.channels; ++c)
        places[first + c] = static_cast<uint32_t>(first) + input.fromKeras(c);
  }
  template <typename Other>
  void operator()(const Other&) const {}
};

template <typename Placer>
std::vector<uint32_t> placesOf(const Plan& plan, size_t size) {
  std::vector<uint32_t> places = inOrder(size);
  const std::vector<Order> orders = ordersOf(plan);
  for (size_t i = 0; i < plan.blocks.size(); ++i)
    std::visit(Placer{orders[i], orders[i + 1], places}, plan.blocks[i]);
  return places;
}

}  // namespace

std::vector<Order> ordersOf(const Plan& plan) {
  std::vector<Order> orders{orderBefore(plan, 0, plan.imageSize)};
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    const Order free = orderBefore(plan, i + 1, outputSize(plan.blocks[i]));
    orders.push_back(std::visit(OutputOrder{orders.back(), free}, plan.blocks[i]));
  }
  return orders;
}

std::vector<uint32_t> parameterPlaces(const Plan& plan) {
  return placesOf<PlaceParameters>(plan, plan.parameterCount);
}

std::vector<uint32_t> statisticPlaces(const Plan& plan) {
  return placesOf<PlaceStatistics>(plan, plan.statisticCount);
}

}  // namespace convsweep::cuda
