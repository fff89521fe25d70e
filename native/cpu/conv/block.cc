#include "cpu/conv/block.h"

#include <algorithm>
#include <cstring>

#include "cpu/conv/list.h"

namespace convsweep::cpu {
namespace {

/** Values of a map that stay in the second-level cache until something else is done with them. */
constexpr size_t kCached = 64 * 1024;

/**
 * Windows of one position need no neighbours: where they are taken as they come, short lines are put
 * together, as many as stay in the first-level cache, to fill tiles. An image keeps its own, whose blank ends
 * are left out.
 */
ConvSpec inLongLines(ConvSpec spec, bool image) {
  constexpr int kMost = 4096;
  const Window& w = spec.window;
  if (image || spec.pool || w.height * w.width > 1 || spec.in.height != spec.out.height ||
      spec.in.width != spec.out.width)
    return spec;
  int lines = spec.in.height;
  while (lines > 1 && (spec.in.height % lines != 0 || lines * spec.in.width * spec.in.channels > kMost))
    --lines;
  spec.in = {spec.in.height / lines, spec.in.width * lines, spec.in.channels};
  spec.out = {spec.out.height / lines, spec.out.width * lines, spec.out.channels};
  return spec;
}

}  // namespace

ConvBlock::ConvBlock(const Context& context, const Node& from, const ConvSpec& spec)
    : CpuBlock(context, from, spec.pool ? spec.pool->out.size() : spec.out.size()),
      spec_(inLongLines(spec, from.pixels)),
      frame_(inputFrame(spec_)),
      forward_(makeForward(context.kernels, spec_)),
      kernelGradient_(makeKernelGradient(context.kernels, spec_)) {}

ConvArrays ConvBlock::arrays(float* y) {
  return {from_.values,
          from_.pixels ? ink_.data() : nullptr,
          y,
          spec_.pool ? winners_.data() : nullptr,
          to_.gradient,
          from_.gradient};
}

void ConvBlock::forward(size_t n, Mode mode) {
  float* const y = prepare(n, mode);
  const bool training = mode == Mode::Training;
  if (training && spec_.pool) winners_.ensure(n * to_.size);
  forward_->prepare(kernel(), spec_.bias ? parameters(spec_.parameters.second) : nullptr);
  const size_t lines = static_cast<size_t>(spec_.in.height);
  if (from_.pixels) ink_.ensure(n * lines);
  ConvArrays all = arrays(y);
  if (!training) all.winners = nullptr;
  const size_t size = forward_->scratch();
  float* const memory = scratch(size);
  if (follower_) follower_->begin(n, mode);
  team().forEachShard(n, [&](const Shard& shard, size_t worker) {
    for (size_t i = shard.first; from_.pixels && i < shard.last; ++i)
      kernels().conv->inkOf(from_.values + i * from_.size, spec_.in, ink_.data() + i * lines);
    // Statistics are of whole shards; without them what follows can come sooner.
    const size_t images =
        follower_ && !training ? std::max(kCached / to_.size, size_t{1}) : shard.last - shard.first;
    for (size_t first = shard.first; first < shard.last; first += images) {
      const Shard part{shard.index, first, std::min(first + images, shard.last)};
      forward_->run(part, all, memory + worker * size);
      if (follower_) follower_->forward(part, mode, y);
    }
  });
}

void ConvBlock::backward(size_t n) {
  const bool passOn = from_.gradient != nullptr;
  if (passOn) {
    if (!inputGradient_) inputGradient_ = makeInputGradient(context_.kernels, spec_);
    inputGradient_->prepare(kernel());
  }
  const size_t shards = shardsOf(n), sums = kernelGradient_->sums();
  kernelSums_.ensure(shards * sums);
  biasSums_.ensure(shards * filters());
  const size_t size = std::max(kernelGradient_->scratch(), passOn ? inputGradient_->scratch() : 0);
  float* const memory = scratch(size);
  const ConvArrays all = arrays(nullptr);
  team().forEachShard(n, [&](const Shard& shard, size_t worker) {
    const size_t at = shard.first * to_.size, count = (shard.last - shard.first) * to_.size;
    float* const gradient = to_.gradient + at;
    if (follower_) follower_->backward(shard);
    if (spec_.relu) kernels().reluBackward(to_.values + at, gradient, count, gradient);
    // The bias gradient does not depend on where in its window a pooled value came from.
    if (spec_.bias)
      kernels().columnSums(gradient, count / filters(), filters(),
                           biasSums_.data() + shard.index * filters());
    float* const shardSums = kernelSums_.data() + shard.index * sums;
    std::memset(shardSums, 0, sums * sizeof(float));
    kernelGradient_->run(shard, all, shardSums, memory + worker * size);
    if (passOn) inputGradient_->run(shard, all, memory + worker * size);
  });
  addShards(kernelSums_.data(), shards, sums);
  kernelGradient_->finish(kernelSums_.data(), gradients(spec_.parameters.first));
  if (!spec_.bias) return;
  addShards(biasSums_.data(), shards, filters());
  std::memcpy(gradients(spec_.parameters.second), biasSums_.data(), filters() * sizeof(float));
}

void ConvBlock::addShards(float* sums, size_t shards, size_t size) {
  for (size_t s = 1; s < shards; ++s) {
    for (size_t i = 0; i < size; ++i) sums[i] += sums[s * size + i];
  }
}

int ConvBlock::winner(size_t image, size_t element) const {
  if (spec_.relu && !(to_.values[image * to_.size + element] > 0)) return -1;
  if (!spec_.pool) return 0;
  const Window& pool = spec_.pool->window;
  const size_t width = static_cast<size_t>(spec_.pool->out.width);
  const size_t x = element / filters() % width, y = element / filters() / width;
  const int32_t winner = winners_.data()[image * to_.size + element];
  // All of the window is blank: the first of its positions that lies in the map.
  if (winner < 0) {
    const int above = std::max(pool.padTop - static_cast<int>(y) * pool.strideY, 0);
    return above * pool.width + std::max(pool.padLeft - static_cast<int>(x) * pool.strideX, 0);
  }
  const size_t at = static_cast<size_t>(winner);
  const int row = static_cast<int>(at / (static_cast<size_t>(spec_.window.strideY) * frame_.pitch()));
  const int column =
      static_cast<int>(at % frame_.pitch() / (static_cast<size_t>(spec_.window.strideX) * frame_.channels));
  return (row - (static_cast<int>(y) * pool.strideY - pool.padTop)) * pool.width + column -
         (static_cast<int>(x) * pool.strideX - pool.padLeft);
}

}  // namespace convsweep::cpu
